"""Database credentials: logins forbidden and sessions ended first, then leases revoked one by one, then whatever user
the server left behind is handed over and dropped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock

from containment import former, names
from containment.adapters.client import epoch
from containment.ports import Database, Lease, Owned
from containment.report import Outcome
from containment.run import Run, Seen, Systems
from policies.errors import PortcullisError, TimedOut
from policies.model import DatabaseGrant, DatabaseSecret, MountType
from policies.sql import group

LEASE_REVOKED, USERS_GONE, HANDED_OVER = "lease revoked", "database users gone", "what a user owned handed over"
MANAGER_OWNS, GROUP_OWNS = "owned by the database manager", "owned by a grant's role"
ORPHANS = "sessions of dropped users ended"
_TOLD = 20
REMAINS = frozenset({LEASE_REVOKED, USERS_GONE})
"""Effects that may fail and leave no more than a name: a user without a login and a session is no credential."""

Roles = Sequence[tuple[str, DatabaseSecret]]
"""Database roles, each with the name it is reported by."""


def _in_scope(run: Run) -> Roles:
    return [(p.name, p.secret) for p in run.affected.secrets if isinstance(p.secret, DatabaseSecret)]


def roles(run: Run) -> Roles:
    """Those in scope. With them what credentials that are out may be of besides, as it was declared before: where their
    secrets were, what a leaked identity was granted, and, whatever leaked, what is declared nowhere any more."""
    declared = {_place(p.secret): p.name for p in run.estate.secrets if isinstance(p.secret, DatabaseSecret)}
    found = {_place(secret): (name, secret) for name, secret in _in_scope(run)}
    scoped, at = {p.name for p in run.affected.secrets}, {(mount, role) for mount, role, _ in declared}
    before = [(n, s) for n, s in run.former.places() if n in scoped or (s.mount, s.role) not in at]
    before += [one for identity in run.affected.leaked for one in run.former.leased_to(identity)]
    for name, then in before:
        secret = former.connected(then, run.estate)
        place = _place(secret)
        found.setdefault(place, (declared.get(place) or f"{name} (was {' '.join(place)})", secret))
    return [*found.values(), *_nobodys(run, {*declared, *found})]


def _nobodys(run: Run, known: Collection[tuple[str, str, str]]) -> Roles:
    """Of roles that the server has leases of and that are declared nowhere."""
    found = []
    for mount in (m.name for m in run.estate.mounts if m.type is MountType.DATABASE):
        try:
            having = {key.rstrip("/") for key in run.systems.vault.keys(f"sys/leases/lookup/{mount}/creds")}
        except PortcullisError as error:
            run.fail("leases revoked", f"{mount}: every role", error)
            continue
        connections = [c.name for c in run.estate.connections if c.mount == mount]
        for role in sorted(having - {role for at, role, _ in known if at == mount}):
            for connection in connections or [""]:
                secret = DatabaseSecret(mount, role, connection, DatabaseGrant.READONLY)  # no matter which
                found.append((f"{mount}/{role} (declared nowhere) {connection}".rstrip(), secret))
    return found


def _place(secret: DatabaseSecret) -> tuple[str, str, str]:
    return secret.mount, secret.role, secret.connection


def shut_out(run: Run, wanted: Roles) -> dict[str, list[str]]:
    """Of the `wanted` roles: users that exist now, by name. NOLOGIN is committed before any lease is
    revoked, so that nobody reconnects while the server drops the user."""
    users: dict[str, list[str]] = {}
    opened = _Opened(run.systems)

    def shut(name: str, secret: DatabaseSecret) -> Seen:
        cut = run.revoked_before
        with run.asking(_database(secret.connection)):
            database = opened(secret.connection)
            found = [u for u in database.users(names.database_user_prefix(secret)) if not cut or user_epoch(u) < cut]
            users[name] = found
            refused = _each(found, database.shut_out)
        if refused:
            return Outcome.FAILED, _listed([*refused.values()], "; ")
        return (Outcome.DONE, f"{len(found)} users, no session left") if found else (Outcome.ALREADY, "no user")

    run.each("database sessions ended", [(name, partial(shut, name, secret)) for name, secret in wanted])
    _tell_of_owners(run, opened, [secret for _, secret in wanted])
    return users


def _tell_of_owners(run: Run, opened: _Opened, secrets: Sequence[DatabaseSecret]) -> None:
    """What the manager or a grant's role owns runs with its rights, whoever may use it. It came from a user, one that
    acted as that role among them, or a person made it: the server does not say which, so it is told and stands in no
    incident's way."""
    for connection in run.estate.connections:
        groups = sorted({group(secret.grant) for secret in secrets if secret.connection == connection.name})
        owners = [(connection.username, MANAGER_OWNS, connection.name)] if groups else []
        owners += [(name, GROUP_OWNS, f"{connection.name} {name}") for name in groups]
        for owner, what, target in owners:
            # Each role of a database that is down has failed by name.
            with suppress(PortcullisError), run.asking(_database(connection.name)):
                if owned := opened(connection.name).owners(owner).get(owner):
                    listed = _listed(owned.first, of=owned.count)
                    seen = f"{listed}: functions, views and indexes among it run with its rights (README)"
                    run.effect(what, target, partial(_seen, seen))
                    run.progress(f"warning: {connection.name}: {owner} owns {seen}")


def _seen(detail: str) -> Seen:
    return Outcome.ALREADY, detail


def revoke_leases(run: Run, since: int, wanted: Roles) -> int:
    """Those issued before `since` (epoch seconds). Returns how many were found."""
    vault = run.systems.vault
    opened = _Opened(run.systems)

    def revoke(secret: DatabaseSecret, lease: Lease) -> Seen:
        with run.asking(f"{_database(secret.connection)}, behind the vault,"):
            gone = vault.revoke_lease(lease.id)
        return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still listed")

    total = 0
    for name, secret in _leased(run, wanted):
        try:
            found = vault.leases(names.credentials(secret))
            leases = [lease for lease in found if epoch(lease.issued) < since]
        except PortcullisError as error:
            run.fail("leases revoked", name, error)
            continue
        # A database that is down fails each lease, by name.
        with suppress(PortcullisError), run.asking(_database(secret.connection)):
            _hand_over(run, opened(secret.connection), name, secret, since)
        run.each(LEASE_REVOKED, [(f"{name} {x.id[-6:]}", partial(revoke, secret, x)) for x in leases])
        total += len(leases)
    return total


def _hand_over(run: Run, database: Database, name: str, secret: DatabaseSecret, since: int) -> None:
    """Before the server does, which drops no user that owns an object in another database than its own connection's,
    and may still have a role's SQL of an earlier version. What it was is told: a function lends its owner's rights."""
    for user, owned in database.owners(names.database_user_prefix(secret)).items():
        if user_epoch(user) >= since:
            continue
        try:
            database.shut_out(user)
            database.hand_over(user)
        except TimedOut:
            raise
        except PortcullisError:  # the lease's own failure is named, and `drop_users` says why
            continue
        run.effect(HANDED_OVER, f"{name} {user}", partial(_handed_over, owned))


def _handed_over(owned: Owned) -> Seen:
    return Outcome.DONE, f"to its grant's role, for a person to look at: {_listed(owned.first, of=owned.count)}"


def _listed(words: Sequence[str], between: str = ", ", of: int = 0) -> str:
    """`of`: how many there are, where these are the first of them."""
    more = f" and {left} more" if (left := max(of, len(words)) - _TOLD) > 0 else ""
    return between.join(words[:_TOLD]) + more


def _leased(run: Run, wanted: Roles) -> Roles:
    """Those that have leases, by one list for each mount: most of a thousand have none."""
    having: set[tuple[str, str]] = set()
    for mount in sorted({secret.mount for _, secret in wanted}):
        try:
            keys = run.systems.vault.keys(f"sys/leases/lookup/{mount}/creds")
        except PortcullisError as error:
            run.fail("leases revoked", f"{mount}: every role in scope", error)
            continue
        having |= {(mount, key.rstrip("/")) for key in keys}
    return [(name, secret) for name, secret in wanted if (secret.mount, secret.role) in having]


def drop_users(run: Run, users: Mapping[str, list[str]], since: int, wanted: Roles) -> bool:
    """After the leases: what the server could not drop (it owned objects) is reassigned and dropped. Returns whether
    whoever is left is dead: without a login and without a session, in every role."""
    opened = _Opened(run.systems)
    dead: set[str] = set()

    def end(name: str, secret: DatabaseSecret) -> Seen:
        with run.asking(_database(secret.connection)):
            return ended(name, secret, opened(secret.connection))

    def ended(name: str, secret: DatabaseSecret, database: Database) -> Seen:
        prefix = names.database_user_prefix(secret)
        left = [u for u in database.users(prefix) if u in users[name] or user_epoch(u) < since]
        refused = _each(left, database.shut_out)
        if not refused:
            dead.add(name)
        refused |= _each([u for u in left if u not in refused], database.drop)
        still = [u for u in database.users(prefix) if u in left]
        if still or refused:
            words = "dead but still there" if name in dead else "still there"
            return Outcome.FAILED, f"{words}: {_listed(still)}: {_listed([*refused.values()], '; ')}"
        return (Outcome.DONE, f"{len(users[name])} gone") if users[name] else (Outcome.ALREADY, "none")

    looked = [(n, s) for n, s in wanted if n in users]
    run.each(USERS_GONE, [(name, partial(end, name, secret)) for name, secret in looked])
    end_orphans(run, opened, {secret.connection for _, secret in looked})
    return all(name in dead for name, _ in looked)


def end_orphans(run: Run, opened: _Opened, connections: Collection[str]) -> None:
    def end(connection: str) -> Seen:
        with run.asking(_database(connection)):
            opened(connection).end_orphans()
        return Outcome.ALREADY, "none"

    run.each(ORPHANS, [(name, partial(end, name)) for name in sorted(connections)])


def _database(connection: str) -> str:
    return f"the database of connection {connection}"


def _each(users: Sequence[str], act: Callable[[str], None]) -> dict[str, str]:
    """Act on every user, past one that refuses. Returns those that did, each with its words. Raises TimedOut."""
    refused: dict[str, str] = {}
    for user in users:
        try:
            act(user)
        except TimedOut:
            raise
        except PortcullisError as error:
            refused[user] = str(error)
    return refused


class _Opened:
    """Connections by name, each opened once: a database that is down costs its timeout once, not once a role."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems
        self._held: dict[str, Database | PortcullisError] = {}
        self._lock = Lock()

    def __call__(self, name: str) -> Database:
        with self._lock:
            if name not in self._held:
                try:
                    self._held[name] = self._systems.database(name)
                except PortcullisError as error:
                    self._held[name] = error
        held = self._held[name]
        if isinstance(held, PortcullisError):
            raise held
        return held


def user_epoch(user: str) -> int:
    """When OpenBao made the user: the username template ends in the server's epoch seconds."""
    tail = user.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 0
