"""A dynamic database role: whatever was issued before the incident was contained is gone, and what is issued now logs
in and does what its grant declares."""

from __future__ import annotations

from containment import former, names
from containment.adapters.client import epoch
from containment.effects.database import user_epoch
from containment.incidents import proofs
from containment.ports import Database
from policies import sql
from policies.model import DatabaseSecret
from rotation.proving import open_step
from rotation.work import NotProven, Step, Work


def steps(work: Work) -> tuple[Step, ...]:
    return (
        Step(
            "end-old", lambda: _ended(work), lambda: not _leases(work) and not _users(work), lambda: _end(work), _DEAD
        ),
        Step("try-new", lambda: _tried(work), proves=proofs.NEW_ALIVE),
        open_step(work),
    )


_DEAD = proofs.OLD_DEAD


def _secret(work: Work) -> DatabaseSecret:
    held = work.secret().secret
    if not isinstance(held, DatabaseSecret):
        raise NotProven(f"{work.credential.name} is no database secret")
    return held


def _database(work: Work) -> Database:
    return work.database(_secret(work).connection)


def _roles(work: Work) -> list[DatabaseSecret]:
    """As it is declared, and as it was while what is out may have been made."""
    before = (former.connected(s, work.estate) for _, s in work.before().places(work.credential.name))
    return list(dict.fromkeys([_secret(work), *before]))


def _leases(work: Work) -> list[str]:
    """Of a role that it had before, by the token that may list any: the custodian's is for what is declared."""
    cut, now = work.cut(), names.granted_path(work.secret())
    found = [*work.vault.leases(now)]
    for path in {names.credentials(s) for s in _roles(work)} - {now}:
        found += work.policy_store().leases(path)
    return [x.id for x in found if epoch(x.issued) < cut]


def _users(work: Work) -> list[tuple[Database, str]]:
    cut, found = work.cut(), []
    for secret in _roles(work):
        database = work.database(secret.connection)
        users = database.users(names.database_user_prefix(secret))
        found += [(database, user) for user in users if user_epoch(user) < cut]
    return found


def _end(work: Work) -> None:
    """The lock-down did it; here it is done again for what it missed. NOLOGIN and the hand-over before the lease, the
    drop after it."""
    for database, user in _users(work):
        database.shut_out(user)
        database.hand_over(user)
    for lease in _leases(work):
        work.vault.revoke_lease(lease)
    for database, user in _users(work):
        database.drop(user)


def _ended(work: Work) -> str:
    leases, users = _leases(work), _users(work)
    if leases or users:
        raise NotProven(f"from before containment: {len(leases)} leases, {len(users)} users")
    for connection in dict.fromkeys(secret.connection for secret in _roles(work)):
        work.database(connection).end_orphans()
    return "no lease and no database user from before containment is left"


def _tried(work: Work) -> str:
    """As a workload would get it: with a token of its policies, which takes the lease along should this be killed."""
    database, path, grant = _database(work), names.granted_path(work.secret()), _secret(work).grant
    with work.vault.session(work.holder(work.secret())) as workload:
        issued = workload.lease(path)
        user, password = issued.values["username"], issued.values["password"]
        try:
            if not database.accepts(user, password):
                raise NotProven("a new credential cannot log in")
            database.exercise(user, password, sql.exercise(grant))
        finally:
            gone = work.vault.revoke_lease(issued.handle)
    if not gone or user in database.users(user) or database.accepts(user, password):
        raise NotProven("the test credential outlived its lease")
    return f"a new credential logged in and did what {grant.value} grants; its lease is revoked and it is refused"
