"""When a database user that is left over counts as dead: only then may the workloads come back beside it."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, cast

import pytest

from containment import names
from containment.effects import database
from containment.incident import Incident, Scope, State
from containment.ports import Database, Lease
from containment.report import Outcome, Report
from containment.run import Run, Systems
from containment.scope import affected
from policies.errors import Unreachable
from policies.load import SCHEMA, load
from policies.model import DatabaseSecret

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
