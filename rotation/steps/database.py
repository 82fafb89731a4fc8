"""A dynamic database role: whatever was issued before the incident was contained is gone, and what is issued now logs
in and does what its grant declares."""

from __future__ import annotations

from containment import names, proofs
from containment.adapters.vault import epoch
from containment.effects.database import user_epoch
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


def _leases(work: Work) -> list[str]:
    cut = work.cut()
    return [x.id for x in work.vault.leases(names.granted_path(work.secret())) if epoch(x.issued) < cut]


def _users(work: Work) -> list[str]:
    cut = work.cut()
    return [u for u in _database(work).users(names.database_user_prefix(_secret(work))) if user_epoch(u) < cut]


def _end(work: Work) -> None:
    """The lock-down did it; here it is done again for what it missed. NOLOGIN and the hand-over before the lease, the
    drop after it."""
    database, users = _database(work), _users(work)
    for user in users:
        database.shut_out(user)
        database.hand_over(user)
    for lease in _leases(work):
        work.vault.revoke_lease(lease)
    for user in _users(work):
        database.drop(user)


def _ended(work: Work) -> str:
    leases, users = _leases(work), _users(work)
    if leases or users:
        raise NotProven(f"from before containment: {len(leases)} leases, {len(users)} users")
    _database(work).end_orphans()
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
