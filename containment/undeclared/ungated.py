"""Who is handed the product's own policies without the gate: roles of any login method, or of tokens, that are declared
nowhere, entities and groups."""

from __future__ import annotations

from collections.abc import Sequence

from access.globs import like
from containment import names
from containment.compiled import logins, onboarding
from containment.ports import Vault
from containment.undeclared import carriers
from containment.undeclared.carriers import Carrier, Roles
from policies.model import CiRole, Estate, Workload

OWN = (f"{names.PREFIX}w-", f"{names.PREFIX}ci-", f"{names.PREFIX}b-")
"""How policies begin that grant something to one identity."""


def look(vault: Vault, estate: Estate) -> Roles:
    """Every entity and group, and every role that is declared nowhere. Declared ones, and the token roles that an
    administrator makes for them, are not even read; what is called like ours and is none of these is anybody's."""
    identities = logins.identities(estate)
    declared = {names.login_role(identity) for identity in identities}
    ours = {f"auth/token/roles/{name}" for name in onboarding.token_roles(estate)}
    return carriers.undeclared(vault, (declared | ours).__contains__)


def attached(carrier: Carrier, identities: Sequence[Workload | CiRole]) -> list[str]:
    """Own policies, or globs that match one of these identities', which it hands out without the gate."""
    if carrier.gated:
        return []
    owned = sorted({policy for policy in carrier.policies if policy.startswith(OWN)})
    return owned + [glob for glob in carrier.globs if any(like(names.own_policy(i), glob) for i in identities)]
