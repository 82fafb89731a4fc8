"""Roles that hand out the product's own policies without the gate: made by somebody else than the declarations, of any
login method, or of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from access.globs import like
from containment import carriers, names
from containment.carriers import Carrier
from containment.ports import PolicyStore
from policies.model import CiRole, Estate, Workload

OWN = (f"{names.PREFIX}w-", f"{names.PREFIX}ci-", f"{names.PREFIX}b-")
"""How policies begin that grant something to one identity."""


@dataclass(frozen=True, slots=True)
class Looked:
    """`found`: every role that is declared nowhere. `unread`, `unknown`: as `carriers.Roles` has them."""

    found: list[Carrier]
    unread: list[str]
    unknown: list[str]


def look(vault: PolicyStore, estate: Estate) -> Looked:
    """Declared roles, and the token roles that an administrator makes for the product, are not even read."""
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    declared = {names.login_role(identity) for identity in identities}
    ours = f"auth/token/roles/{names.PREFIX}"
    held = carriers.roles(vault, lambda path: path in declared or path.startswith(ours))
    return Looked(held.found, held.unread, held.unknown)


def attached(carrier: Carrier, identities: Sequence[Workload | CiRole]) -> list[str]:
    """Own policies, or globs that match one of these identities', which it hands out without the gate."""
    if carrier.gated:
        return []
    owned = sorted({policy for policy in carrier.policies if policy.startswith(OWN)})
    return owned + [glob for glob in carrier.globs if any(like(names.own_policy(i), glob) for i in identities)]
