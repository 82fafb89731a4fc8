"""What an apply that was killed has written and Pulumi's state does not know: the next one takes it for what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from containment import names
from containment.compiled import gate, logins
from containment.compiled.held import wrong
from containment.incidents import generations
from containment.incidents.incident import Incident
from containment.incidents.scope import Affected
from containment.ports import Vault
from containment.run import WORKERS
from policies import sql
from policies.model import AuthMethod, CiRole, DatabaseSecret, Estate, Ttl, Workload

_Wanted: TypeAlias = dict[str, Mapping[str, Any] | None]
"""By path the parameters that count, None where nothing is to be."""
_MOST = 10
_REMEDY = "pulumi up --refresh --config incident=keep"


def look(
    vault: Vault, estate: Estate, begun: Estate, affected: Affected, incidents: Sequence[Incident], part: str | None
) -> str:
    """In words, what stands otherwise than `estate` has it, of all that it or `begun` declares for the environment
    `part`, or for all; "" where nothing does. TTLs of what an incident has in scope are the lock-down's. Raises
    Unreachable."""
    wanted: _Wanted = dict.fromkeys(path for path, _ in _parameters(begun, affected, incidents, part))
    wanted.update(_parameters(estate, affected, incidents, part))

    def differs(path: str) -> str:
        held, ours = vault.read(path), wanted[path]
        if ours is None:
            return f"{path} (bao delete {path})" if held is not None else ""
        lacks = ["is gone"] if held is None else wrong(held, ours)
        return f"{path} ({', '.join(lacks)})" if lacks else ""

    with ThreadPoolExecutor(WORKERS) as pool:
        found = [words for words in pool.map(differs, sorted(wanted)) if words]
    if not found:
        return ""
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return (
        f"an update that was cut short has left what Pulumi's state does not know: {', '.join(found[:_MOST])}{more}; "
        f"until it is put right, a lock-down takes what that update was to declare for declared too: {_REMEDY}"
    )


def _parameters(
    estate: Estate, affected: Affected, incidents: Sequence[Incident], part: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for identity in logins.identities(estate):
        if part in (None, identity.environment):
            own = gate.own_policy(identity, estate, affected)
            yield names.policy_path(names.own_policy(identity)), {"policy": own}
            yield names.login_role(identity), _login(identity, affected, incidents)
    for policy in estate.secrets:
        if isinstance(policy.secret, DatabaseSecret) and part in (None, policy.environment):
            secret = policy.secret
            role = {"db_name": secret.connection, "creation_statements": sql.creation(secret.grant)}
            ttl = {} if affected.in_scope(policy) else _ttl("default_ttl", "max_ttl", policy.ttl)
            yield f"{secret.mount}/roles/{secret.role}", {**role, **ttl}


def _login(identity: Workload | CiRole, affected: Affected, incidents: Sequence[Incident]) -> dict[str, Any]:
    role: dict[str, Any] = {"token_type": "service", "token_policies": names.token_policies(identity)}
    if isinstance(identity, Workload):
        number = generations.current(identity, incidents)
        role = {"token_type": identity.tokens.value, "token_policies": names.token_policies(identity, number)}
    if isinstance(identity, Workload) and identity.auth is AuthMethod.APPROLE:
        role["bind_secret_id"] = True
    elif not affected.is_shut(identity):
        role["bound_claims"] = dict(identity.bound_claims)
    capped = affected.is_shut(identity) or (isinstance(identity, Workload) and affected.in_scope(identity))
    return role if capped else {**role, **_ttl("token_ttl", "token_max_ttl", identity.ttl)}


def _ttl(default: str, longest: str, ttl: Ttl) -> dict[str, int]:
    return {default: ttl.default, longest: ttl.max}
