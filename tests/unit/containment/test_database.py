"""When a database user that is left over counts as dead: only then may the workloads come back beside it."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, cast

import pytest

from containment import names
from containment.effects import database
from containment.former import Former, connected
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.ports import Database, Lease
from containment.report import Outcome, Report
from containment.run import Run, Systems
from policies.errors import Unreachable
from policies.load import SCHEMA, load
from policies.model import Capability, CiRole, DatabaseSecret, Estate, Grant, Ttl, Workload

ESTATE = load()
NAME, SECRET = next((p.name, p.secret) for p in ESTATE.secrets if isinstance(p.secret, DatabaseSecret))
USER = f"pc_{SECRET.role}_x_5"


class Server:
    """One user that cannot be dropped."""

    def __init__(self, refuses: str = "drop") -> None:
        self._refuses = refuses

    def users(self, prefix: str) -> list[str]:
        return [USER] if USER.startswith(prefix) else []

    def shut_out(self, user: str) -> None:
        self._act("shut_out", user)

    def end_orphans(self) -> None:
        self._act("end_orphans", "nobody")

    def drop(self, user: str) -> None:
        self._act("drop", user)

    def _act(self, what: str, user: str) -> None:
        if what == self._refuses:
            raise Unreachable(f"postgresql: {what} of {user}: no")


@pytest.mark.parametrize(
    ("server", "dead"),
    [(Server(), True), (Server(refuses="shut_out"), False)],
)
def test_left_over_is_a_finding_and_dead_only_without_login_and_session(server: Server, dead: bool) -> None:
    systems = Systems(*cast(Any, [None, lambda _: cast(Database, server), None, None, None]))
    nobody = Incident("I", Scope(everything=False), State.OPEN, opened_at=0)
    run = Run(systems, ESTATE, (), nobody, lambda _: None, affected(ESTATE, ()))
    assert database.drop_users(run, {NAME: [USER]}, 10, [(NAME, SECRET)]) is dead
    (effect,) = [e for e in run.effects if e.what == database.USERS_GONE]
    assert effect.outcome is Outcome.FAILED
    assert not run.clean
    assert run.clean_beside(database.REMAINS)
    assert USER in effect.detail


def test_a_session_whose_user_is_dropped_is_not_contained() -> None:
    systems = Systems(*cast(Any, [None, lambda _: cast(Database, Server(refuses="end_orphans")), None, None, None]))
    nobody = Incident("I", Scope(everything=False), State.OPEN, opened_at=0)
    run = Run(systems, ESTATE, (), nobody, lambda _: None, affected(ESTATE, ()))
    database.drop_users(run, {NAME: []}, 0, [(NAME, SECRET)])
    assert [e.what for e in run.effects if e.outcome is Outcome.FAILED] == [database.ORPHANS]
    assert not run.clean_beside(database.REMAINS)


def test_the_longest_role_leaves_room_for_what_users_are_looked_up_by() -> None:
    secret = json.loads(SCHEMA.read_text())["$defs"]["SecretAccessPolicy"]["properties"]["spec"]["properties"]["secret"]
    limit = secret["oneOf"][1]["properties"]["role"]["maxLength"]
    form = re.fullmatch(
        r'{{ printf "(.+)" .RoleName \(random 10\) \(unix_time\) \| truncate 63 }}', names.USERNAME_TEMPLATE
    )
    assert form

    def user(role: str) -> str:
        return (form[1] % (role, "x" * 10, 1_800_000_000))[:63]

    longest = "r" * limit
    assert user(longest).startswith(names.database_user_prefix(dataclasses.replace(SECRET, role=longest)))
    assert database.user_epoch(user(longest)) == 1_800_000_000
    assert database.user_epoch(user(longest + "r")) != 1_800_000_000, "the limit could be higher"


def test_a_database_that_is_down_is_one_reason_for_every_lease() -> None:
    class Vault:
        def keys(self, _: str) -> list[str]:
            return [f"{SECRET.role}/"]

        def leases(self, path: str) -> list[Lease]:
            return [Lease(f"{path}/id{n}", "2026-01-01T00:00:00Z", 60) for n in range(3)]

        def revoke_lease(self, _: str) -> bool:
            raise Unreachable("vault: connection refused")

    def down(_: str) -> Database:
        raise Unreachable("postgresql: connect: OperationalError")

    systems = Systems(*cast(Any, [Vault(), down, None, None, None]))
    nobody = Incident("I", Scope(everything=False), State.OPEN, opened_at=0)
    run = Run(systems, ESTATE, (), nobody, lambda _: None, affected(ESTATE, ()))
    assert database.revoke_leases(run, 2_000_000_000, [(NAME, SECRET)]) == 3
    report = Report("I", tuple(run.effects))
    assert report.not_contained == (f"3: {NAME} (3) (lease revoked: vault: connection refused)",)


class Leased:
    """A server that has leases of these roles."""

    def __init__(self, *roles: str) -> None:
        self._roles = roles

    def keys(self, path: str) -> list[str]:
        return [f"{role}/" for role in self._roles] if path == "sys/leases/lookup/database/creds" else []


def _roles(leaked: str, before: Estate, *leases: str, now: Estate = ESTATE, everything: bool = False) -> set[str]:
    """`mount/role` of what is ended, where `before` was declared until a minute ago."""
    scope = Scope(everything=everything, leaked=(leaked,) if leaked else ())
    incident = Incident("I", scope, State.OPEN, opened_at=0)
    systems = Systems(*cast(Any, [Leased(*leases), None, None, None, None]))
    former = Former(((now, 1000), (before, 940)), 1000)
    run = Run(systems, now, (), incident, lambda _: None, affected(now, (incident,)), former=former)
    found = database.roles(run)
    assert len({name for name, _ in found}) == len(found), "each is known by its name"
    assert not run.effects
    return {f"{secret.mount}/{secret.role}" for _, secret in found}


def _with_role(role: str, name: str = NAME) -> Estate:
    return dataclasses.replace(
        ESTATE,
        secrets=tuple(
            dataclasses.replace(s, secret=dataclasses.replace(cast(DatabaseSecret, s.secret), role=role))
            if s.name == name
            else s
            for s in ESTATE.secrets
        ),
    )


def test_what_a_secret_was_before_ends_with_it() -> None:
    item, now = f"secret:{NAME}", f"{SECRET.mount}/{SECRET.role}"
    assert _roles(item, ESTATE) == {now}
    assert _roles(item, _with_role("older")) == {now, f"{SECRET.mount}/older"}


def test_a_connection_that_is_called_otherwise_by_now_is_the_same() -> None:
    """Nothing out of scope ends by it, and nobody is sent to a connection that is declared nowhere."""
    before = dataclasses.replace(
        ESTATE,
        secrets=tuple(
            dataclasses.replace(s, secret=dataclasses.replace(s.secret, connection="older"))
            if isinstance(s.secret, DatabaseSecret)
            else s
            for s in ESTATE.secrets
        ),
    )
    assert _roles("secret:partner-api-key", before) == set()
    assert _roles(f"secret:{NAME}", before) == {f"{SECRET.mount}/{SECRET.role}"}
    assert connected(dataclasses.replace(SECRET, connection="older"), ESTATE) == SECRET
    gone = dataclasses.replace(SECRET, connection="older", role="gone")
    assert connected(gone, ESTATE) == gone, "which fails by name"


def test_a_role_that_another_secret_has_by_now_is_ended_with_the_one_that_had_it() -> None:
    other, theirs = next(
        (p.name, p.secret)
        for p in ESTATE.secrets
        if isinstance(p.secret, DatabaseSecret) and p.secret.mount == SECRET.mount and p.name != NAME
    )
    taken = {f"{SECRET.mount}/{SECRET.role}", f"{theirs.mount}/{theirs.role}"}
    assert _roles(f"secret:{NAME}", _with_role(theirs.role)) == taken
    assert _roles(f"secret:{other}", _with_role(theirs.role)) == {f"{theirs.mount}/{theirs.role}"}


def test_what_is_declared_nowhere_any_more_ends_in_any_incident() -> None:
    kv = "secret:partner-api-key"
    assert _roles(kv, ESTATE) == set()
    assert _roles(kv, _with_role("older")) == {f"{SECRET.mount}/older"}
    assert _roles(kv, ESTATE, "strange", SECRET.role) == {"database/strange"}
    every = {f"{p.secret.mount}/{p.secret.role}" for p in ESTATE.secrets if isinstance(p.secret, DatabaseSecret)}
    assert _roles("", _with_role("older"), everything=True) == {*every, f"{SECRET.mount}/older"}


@pytest.mark.parametrize("leaked", ["workload:partner-gateway", "ci:cicd"])
def test_what_a_leaked_identity_was_granted_before_ends_with_it(leaked: str) -> None:
    kind, _, name = leaked.partition(":")
    before = dataclasses.replace(
        ESTATE,
        secrets=tuple(
            dataclasses.replace(s, grants=(*s.grants, Grant(name, (Capability.READ,))))
            if s.name == NAME and kind == "workload"
            else s
            for s in ESTATE.secrets
        ),
        ci_roles=tuple(
            dataclasses.replace(c, secrets=(*c.secrets, NAME)) if c.name == name else c for c in ESTATE.ci_roles
        ),
    )
    assert _roles(leaked, ESTATE) == set()
    assert _roles(leaked, before) == {f"{SECRET.mount}/{SECRET.role}"}
    long_ago = dataclasses.replace(before, secrets=tuple(dataclasses.replace(s, ttl=Ttl(1, 1)) for s in before.secrets))
    former = Former(((ESTATE, 9000), (long_ago, 900)), 9000)
    identities: list[Workload | CiRole] = [*ESTATE.workloads, *ESTATE.ci_roles]
    assert former.leased_to(next(i for i in identities if i.name == name)) == [], "it has expired"
