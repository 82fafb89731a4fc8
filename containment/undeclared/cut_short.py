"""What an apply that was killed has written and Pulumi's state does not know: the next one takes it for what it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

from containment import names
from containment.compiled import gate, locked, logins
from containment.compiled.held import wrong
from containment.errors import REFRESH
from containment.incidents import generations
from containment.incidents.incident import Incident, State
from containment.incidents.scope import Affected, affected, parse_scope
from containment.ports import Vault
from containment.report import few
from containment.run import WORKERS
from policies import sql
from policies.errors import PortcullisError, Unanswered, Unreachable
from policies.model import AuthMethod, CiRole, DatabaseSecret, Estate, Ttl, Workload

_Wanted: TypeAlias = dict[str, Mapping[str, Any] | None]
"""By path the parameters that count, None where nothing is to be."""


@dataclass(frozen=True, slots=True)
class Left:
    """Paths in words. `otherwise`: what stands otherwise than declared. `over`: what is declared no longer and still
    there; Pulumi deletes what its state knows when the program has ended, so it may be about to go."""

    otherwise: tuple[str, ...]
    over: tuple[str, ...]

    @property
    def complaint(self) -> str:
        return (
            f"an update that was cut short has left what Pulumi's state does not know: {few(self.otherwise)}; until "
            f"it is put right, a lock-down takes what that update was to declare for declared too: {REFRESH}"
        )

    @property
    def warning(self) -> str:
        return (
            f"an update that was cut short was to declare {few(self.over)}; what Pulumi's state knows of it goes at "
            "the end of this run: now pulumi up once more; what is named again then an administrator deletes, by "
            "bao delete and its path"
        )


def look(
    vault: Vault,
    estate: Estate,
    begun: Iterable[Estate],
    affected: Affected,
    incidents: Sequence[Incident],
    part: str | None,
    *,
    less: bool = False,
) -> Left:
    """Policies and roles of identities, and database roles: of all that `estate` or one of `begun` declares for the
    environment `part`, or for all. TTLs of what an incident has in scope are the lock-down's. `less`: an own policy may
    grant less than is declared. Raises Unreachable."""
    wanted: _Wanted = {path: None for one in begun for path, _ in _parameters(one, affected, incidents, part)}
    wanted.update(_parameters(estate, affected, incidents, part))

    def over(path: str) -> str:
        """An administrator makes JWT roles, off, before the apply that was to declare them."""
        try:
            held = vault.read(path)
        except Unanswered:
            raise
        except Unreachable as error:
            return f"{path} (whether it is there is not known: {error})"
        made_off = path.startswith(f"auth/{names.JWT}/") and held is not None and not wrong(held, locked.OFF_ROLE)
        return "" if held is None or made_off else path

    def differs(path: str, ours: Mapping[str, Any]) -> str:
        held = vault.read(path)
        if less and held is not None and "policy" in ours and _within(str(held["policy"]), str(ours["policy"])):
            return ""
        lacks = ["is gone"] if held is None else wrong(held, ours)
        return f"{path} ({', '.join(lacks)})" if lacks else ""

    declared = [(path, ours) for path, ours in sorted(wanted.items()) if ours is not None]
    gone = [path for path, ours in sorted(wanted.items()) if ours is None]
    with ThreadPoolExecutor(WORKERS) as pool:
        others, left = pool.map(lambda one: differs(*one), declared), pool.map(over, gone)
        return Left(tuple(filter(None, others)), tuple(filter(None, left)))


def settled(vault: Vault, kept: Estate) -> Estate:
    """What is done alone where nothing is left any more of what was cut short before it: an update leaves it to Pulumi,
    which deletes at its end. Else `kept`, which has all of it; so too where that cannot be told, or an open incident
    names something of it. The first deny may have left out of a policy what `kept` does not grant for sure. Raises
    nothing of ours."""
    try:
        done, *left = vault.left() or (kept,)
        if not left:
            return kept
        incidents = vault.incidents()
        for incident in incidents:
            if incident.state is State.OPEN and incident.scope.leaked:
                parse_scope(",".join(incident.scope.leaked), done)
        found = look(vault, done, left, affected(done, incidents), incidents, None, less=True)
    except PortcullisError:
        return kept
    return kept if found.otherwise or found.over else done


def _within(held: str, declared: str) -> bool:
    found = gate.capabilities(held)
    return found is not None and not gate.wider(found, declared)


def _parameters(
    estate: Estate, affected: Affected, incidents: Sequence[Incident], part: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for identity in logins.identities(estate):
        if part in (None, identity.environment):
            own = gate.own_policy(identity, estate, affected)
            yield names.policy_path(names.own_policy(identity)), {"policy": own}
            yield names.login_role(identity), _login(identity, affected, incidents)
    capped = {names.granted_path(policy) for policy in estate.secrets if affected.in_scope(policy)}
    for policy in estate.secrets:
        if isinstance(policy.secret, DatabaseSecret) and part in (None, policy.environment):
            secret = policy.secret
            role = {"db_name": secret.connection, "creation_statements": sql.creation(secret.grant)}
            ttl = {} if names.granted_path(policy) in capped else _ttl("default_ttl", "max_ttl", policy.ttl)
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
