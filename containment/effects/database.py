"""Database credentials: logins forbidden and sessions ended first, then leases revoked one by one, then whatever user
the server left behind is handed over and dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from containment import names
from containment.adapters.vault import epoch
from containment.ports import Lease
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError
from policies.model import DatabaseSecret

Roles = Sequence[tuple[str, DatabaseSecret]]
"""Database roles, each with the name it is reported by."""


def _in_scope(run: Run) -> Roles:
    return [(p.name, p.secret) for p in run.affected.secrets if isinstance(p.secret, DatabaseSecret)]


def shut_out(run: Run, roles: Roles | None = None) -> dict[str, list[str]]:
    """Of `roles`, by default those in scope: users that exist now, by name. NOLOGIN is committed before any lease is
    revoked, so that nobody reconnects while the server drops the user."""
    users: dict[str, list[str]] = {}

    def shut(name: str, secret: DatabaseSecret) -> Seen:
        database = run.systems.database(secret.connection)
        cut = run.revoked_before
        found = [u for u in database.users(names.database_user_prefix(secret)) if not cut or user_epoch(u) < cut]
        users[name] = found
        for user in found:
            database.forbid_login(user)
        left = sum(database.end_sessions(user) for user in found)
        if left:
            return Outcome.FAILED, f"{left} sessions still alive"
        return (Outcome.DONE, f"{len(found)} users, no session left") if found else (Outcome.ALREADY, "no user")

    for name, secret in _in_scope(run) if roles is None else roles:
        run.effect("database sessions ended", name, partial(shut, name, secret))
    return users


def revoke_leases(run: Run, since: int, roles: Roles | None = None) -> int:
    """Those issued before `since` (epoch seconds). Returns how many were found."""
    vault = run.systems.vault

    def revoke(lease: Lease) -> Seen:
        gone = vault.revoke_lease(lease.id)
        return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still listed")

    total = 0
    for name, secret in _in_scope(run) if roles is None else roles:
        try:
            found = vault.leases(f"{secret.mount}/creds/{secret.role}")
            leases = [lease for lease in found if epoch(lease.issued) < since]
        except PortcullisError as error:
            run.fail("leases revoked", name, error)
            continue
        run.each("lease revoked", [(f"{name} {x.id[-6:]}", partial(revoke, x)) for x in leases])
        total += len(leases)
    return total


def drop_users(run: Run, users: Mapping[str, list[str]], since: int, roles: Roles | None = None) -> None:
    """After the leases: what the server could not drop (it owned objects) is reassigned and dropped."""

    def end(name: str, secret: DatabaseSecret) -> Seen:
        database = run.systems.database(secret.connection)
        prefix = names.database_user_prefix(secret)
        left = [u for u in database.users(prefix) if u in users[name] or user_epoch(u) < since]
        for user in left:
            database.forbid_login(user)
            database.end_sessions(user)
            database.drop(user)
        still = [u for u in database.users(prefix) if u in left]
        if still:
            return Outcome.FAILED, f"still exist: {', '.join(still)}"
        return (Outcome.DONE, f"{len(users[name])} gone") if users[name] else (Outcome.ALREADY, "none")

    for name, secret in _in_scope(run) if roles is None else roles:
        if name in users:
            run.effect("database users gone", name, partial(end, name, secret))


def user_epoch(user: str) -> int:
    """When OpenBao made the user: the username template ends in the server's epoch seconds."""
    tail = user.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 0
