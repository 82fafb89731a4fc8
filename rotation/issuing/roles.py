"""What a credential can be issued for: a CI role, a workload or a database secret, as a person types it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from containment import names
from containment.compiled import operators
from containment.incidents.incident import Incident, State
from containment.incidents.scope import affected
from policies.errors import InputError
from policies.load import seconds
from policies.model import INCIDENT_TTL_LIMIT, CiRole, DatabaseSecret, Estate, SecretAccessPolicy, Workload

_DURATION = re.compile(r"[0-9]{1,6}[smh]")


@dataclass(frozen=True, slots=True)
class Role:
    """`key` is `kind:name`, as in an incident's scope."""

    key: str
    what: CiRole | Workload | SecretAccessPolicy

    @property
    def path(self) -> str:
        """The API path on which the server lets those who may ask for it do something: read a credential, or set the
        role that is logged in by. Its token is another's to make (docs/adr/0007)."""
        if isinstance(self.what, SecretAccessPolicy):
            return names.granted_path(self.what)
        return names.login_role(self.what)

    @property
    def capability(self) -> str:
        return "read" if isinstance(self.what, SecretAccessPolicy) else "update"


def find(text: str, estate: Estate) -> Role:
    """`text` is a name that only one kind has, or `kind:name`; a database secret goes by its role's name too.

    Raises InputError; nothing was changed.
    """
    kind, _, name = text.rpartition(":")
    found = [r for r in _all(estate) if r.key == text or (not kind and name in _called(r))]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"role {text!r} is ambiguous; write {' or '.join(r.key for r in found)}")
    kv = next((s.name for s in estate.secrets if s.name == name and not isinstance(s.secret, DatabaseSecret)), None)
    if kv and kind in ("", "secret"):
        raise InputError(f"{kv} is a static secret: nothing can be issued for it; rotate it instead")
    batch = next((w.name for w in estate.workloads if w.name == name and not operators.issuable(w)), None)
    if batch and kind in ("", "workload"):
        raise InputError(f"{batch} has batch tokens, which nothing revokes: none is issued; a lock-down denies them")
    raise InputError(f"role {text!r} is declared nowhere; one of {', '.join(r.key for r in _all(estate))}")


def _all(estate: Estate) -> list[Role]:
    return [
        *(Role(f"ci:{c.name}", c) for c in estate.ci_roles),
        *(Role(f"workload:{w.name}", w) for w in estate.workloads if operators.issuable(w)),
        *(Role(f"secret:{s.name}", s) for s in estate.secrets if isinstance(s.secret, DatabaseSecret)),
    ]


def _called(role: Role) -> set[str]:
    secret = role.what.secret if isinstance(role.what, SecretAccessPolicy) else None
    return {role.what.name} | ({secret.role} if isinstance(secret, DatabaseSecret) else set())


def ttl(text: str) -> int:
    """`90s`, `30m` or plain seconds. Raises InputError for anything that is not between a second and half an hour."""
    value = int(text) if text.isdigit() else seconds(text) if _DURATION.fullmatch(text) else 0
    if not 1 <= value <= INCIDENT_TTL_LIMIT:
        raise InputError(f"--ttl {text}: a duration such as 90s or 15m, {INCIDENT_TTL_LIMIT // 60}m at most")
    return value


def paused(estate: Estate, incident: Incident) -> list[str]:
    """Keys for which nothing is issued while the incident is open: CI roles in every one, a workload that leaked until
    it is replaced, and what the declarations deny to everybody."""
    a = affected(estate, [incident])
    return [
        *(f"ci:{c.name}" for c in a.ci_roles),
        *(f"workload:{w.name}" for w in a.unreplaced_workloads),
        *(f"secret:{s.name}" for s in a.denied_class),
    ]


@dataclass(frozen=True, slots=True)
class Requester:
    """As the server knows the token: `login` is the path by which it came about; `entitled`, whether it has the role's
    capability."""

    name: str
    login: str
    entitled: bool


def question(
    role: Role, ttl: int, requester: Requester, now: int, estate: Estate, incidents: Iterable[Incident]
) -> dict[str, Any]:
    """What `portcullis.issue` judges. `now`: epoch seconds by the server's clock."""
    held = [role.key] if requester.entitled else []
    return {
        "requester": {"name": requester.name, "login": requester.login, "roles": held},
        "role": role.key,
        "ttl": ttl,
        "now": now,
        "incidents": [
            {
                "id": i.id,
                "state": i.state.value,
                "paused_roles": paused(estate, i) if i.state is State.OPEN else [],
            }
            for i in incidents
        ],
    }
