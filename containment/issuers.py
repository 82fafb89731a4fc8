"""JWTs that an issuer signed before a lock-down: pure. Their role is off meanwhile; once it is on again each of them
logs in until it has expired, since OpenBao binds no role to when a JWT was signed, and an issuer takes none back. A
lift is not refused for it: it says so.
"""

from __future__ import annotations

from datetime import UTC, datetime

from containment.incident import Incident
from policies.model import AuthMethod, CiRole, Estate, Workload

LIFE = 300 + 60
"""Seconds for which a JWT may be used: GitHub signs for five minutes, and a role's `clock_skew_leeway` is a minute
unless it says otherwise. An issuer that signs for longer needs a longer wait."""


def good_until(identity: Workload | CiRole, incident: Incident, now: int) -> int:
    """Epoch seconds until which a JWT of this identity from before `incident` was contained may be used; 0 when none
    can be any more, and for one that does not log in with a JWT."""
    if isinstance(identity, Workload) and identity.auth is not AuthMethod.JWT:
        return 0
    until = (incident.contained_at or now) + LIFE
    return until if until > now else 0


def warning(incident: Incident, estate: Estate, now: int) -> str:
    """What a lift must say of the identities whose JWTs leaked, or ""."""
    leaked = {kind: incident.scope.names(kind) for kind in ("ci", "workload", "repository")}
    identities: list[Workload | CiRole] = [w for w in estate.workloads if w.name in leaked["workload"]]
    identities += [c for c in estate.ci_roles if c.name in leaked["ci"] or c.repository in leaked["repository"]]
    good = {i.name: until for i in identities if (until := good_until(i, incident, now))}
    if not good:
        return ""
    return (
        f"a JWT of {', '.join(good)} from before the lock-down {words(max(good.values()))}: whoever has one gets a "
        "token until then. `portcullis secrets-issue-dynamic --role NAME` after that revokes what was given out"
    )


def words(until: int) -> str:
    return f"logs in again until {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC"
