"""JWTs that an issuer signed before a lock-down: pure. Their role is off meanwhile; once it is on again each of them
logs in until it has expired, since OpenBao binds no role to when a JWT was signed, and an issuer takes none back. A
lift is not refused for it: it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from containment.incidents.generations import batch_workloads
from containment.incidents.incident import Incident
from containment.incidents.scope import affected
from policies.model import AuthMethod, CiRole, Estate, Workload

LIFE = 300 + 60
"""Seconds for which a JWT may be used: GitHub signs for five minutes, and a role's `clock_skew_leeway` is a minute
unless it says otherwise. An issuer that signs for longer needs a longer wait."""
GOOD_UNTIL = "logs in again until"
"""In the words for one that has not expired."""
ADVICE = "once the role is on: lift after that"
"""How they end until the lift."""


def good_until(identity: Workload | CiRole, incident: Incident, now: int) -> int:
    """Epoch seconds until which a JWT of this identity from before `incident` was contained may be used; 0 when none
    can be any more, and for one that does not log in with a JWT."""
    if isinstance(identity, Workload) and identity.auth is not AuthMethod.JWT:
        return 0
    until = (incident.contained_at or now) + LIFE
    return until if until > now else 0


def warning(lifting: Incident, incidents: Sequence[Incident], estate: Estate, now: int) -> str:
    """What a lift must say of the identities that it lets log in again and whose JWTs leaked, in whichever incident, or
    "". `incidents`: all, as they are once `lifting` is lifted. A CI role stays off until the last of them is lifted, a
    workload's until it is replaced in each."""
    after = affected(estate, incidents)
    workloads = lifting.scope.names("workload")
    identities: list[Workload | CiRole] = [w for w in estate.workloads if w.name in workloads]
    identities += estate.ci_roles
    good: dict[str, int] = {}
    for identity in identities:
        until = max((good_until(identity, i, now) for i in incidents if _leaked(identity, i)), default=0)
        if until and not after.is_shut(identity):
            good[identity.name] = until
    if not good:
        return ""
    batch = [w.name for w in batch_workloads(estate) if w in identities and w.name in good]
    said = (
        f"a JWT of {', '.join(good)} from before the lock-down {words(max(good.values()))}: whoever has one gets a "
        "token until then"
    )
    if revoked := [f"`portcullis secrets-issue-dynamic --role {name}`" for name in good if name not in batch]:
        said += f"; after that {' and '.join(revoked)} revokes what was given out"
    if scope := ",".join(f"workload:{name}" for name in batch):
        said += f"; batch tokens nothing revokes: lock them out after that: portcullis contain --scope {scope}"
    return said


def _leaked(identity: Workload | CiRole, incident: Incident) -> bool:
    if isinstance(identity, Workload):
        return identity.name in incident.scope.names("workload")
    return identity.name in incident.scope.names("ci") or identity.repository in incident.scope.names("repository")


def words(until: int) -> str:
    return f"{GOOD_UNTIL} {at(until)}"


def at(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"
