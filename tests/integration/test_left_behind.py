"""A leaked database user that may create objects, and what runs with whose rights after it is gone."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from containment import executor
from containment.adapters import postgres
from containment.adapters.postgres import PostgresDatabase
from containment.adapters.vault import HvacVault
from containment.direct import contain
from containment.effects.database import GROUP_OWNS, HANDED_OVER, MANAGER_OWNS, _handed_over
from drill.actors import Actors
from policies.errors import Unreachable
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration.leaked_user import (
    MANAGER,
    OWN_ROW,
    busy,
    exists,
    filling,
    flooding,
    holding,
    issue_by_root,
    one,
    session,
    starting,
    superuser,
)

ROLE, GROUP = "analytics-readonly", "tradepulse_analytics"
BACKDOOR = "LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN CREATE ROLE backdoor LOGIN; RETURN 1; END $$"
LEFT = (
    "CREATE SCHEMA work",
    "CREATE FUNCTION work.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "REVOKE ALL ON SCHEMA work FROM CURRENT_USER",
    f"CREATE FUNCTION analytics.backdoor() RETURNS int {BACKDOOR}",
    "CREATE TABLE analytics.kept (day int)",
    "INSERT INTO analytics.kept VALUES (1), (2)",
    "CREATE VIEW analytics.seen AS SELECT current_user AS me, analytics.backdoor() AS done",
    "CREATE MATERIALIZED VIEW analytics.copied AS SELECT count(*) FROM analytics.kept",
    "CREATE TYPE analytics.pair AS (a int, b int)",
    "SELECT lo_from_bytea(4711, 'kept')",
    "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
)
ENDS: dict[str, Callable[[HvacVault, dict[str, str], dict[str, str]], bool]] = {
    "issue": lambda _vault, _leaked, env: _run(env, "scripts.cli", "secrets-issue-dynamic", "--role", ROLE),
    "revoke": lambda _vault, _leaked, env: _run(env, "rotation", "revoke", f"database/creds/{ROLE}"),
    "server": lambda vault, leaked, _env: vault.revoke_lease(leaked["lease"]),
    "lock-down": lambda vault, _leaked, _env: not contain(vault, "INC-HELD", ROLE, print).report.not_contained,
}
OWNED = """
SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)"""


@pytest.fixture
def vault(environ: None) -> HvacVault:
    del environ
    return HvacVault.for_containment()


@pytest.fixture
def leaked(sandbox: Sandbox) -> dict[str, str]:
    """May create objects by its grant's role, as an administrator may have allowed."""
    superuser(
        sandbox,
        "tradepulse",
        f"GRANT CREATE ON SCHEMA analytics TO {GROUP}",
        f"GRANT CREATE ON DATABASE tradepulse TO {GROUP}",
        "DROP SCHEMA IF EXISTS work, vault_manager CASCADE",
        f"DROP OWNED BY {GROUP}",
        f"GRANT USAGE, CREATE ON SCHEMA analytics TO {GROUP}",
        f"GRANT CREATE ON DATABASE tradepulse TO {GROUP}",
        f"GRANT SELECT ON analytics.daily TO {GROUP}",
        "DROP ROLE IF EXISTS backdoor",
    )
    return issue_by_root(sandbox, ROLE)


def _run(env: dict[str, str], *argv: str) -> bool:
    done = subprocess.run([sys.executable, "-m", *argv], env=env, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    return done.returncode == 0


def _leave(sandbox: Sandbox, leaked: dict[str, str], *statements: str) -> None:
    with session(sandbox, leaked) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _database(sandbox: Sandbox) -> PostgresDatabase:
    return PostgresDatabase(sandbox.environ()["PORTCULLIS_PG_TRADEPULSE"], MANAGER)


def _owned(sandbox: Sandbox, role: str) -> int:
    with sandbox.postgres.superuser("tradepulse") as connection:
        return int(one(connection, OWNED, role))


@pytest.mark.parametrize("how", ENDS)
def test_a_lock_on_its_own_row_keeps_nobody_waiting(
    sandbox: Sandbox, vault: HvacVault, env: dict[str, str], leaked: dict[str, str], how: str
) -> None:
    """Taken by a password that it changes and does not commit, and by a table that it made."""
    _leave(sandbox, leaked, "CREATE TABLE analytics.kept ()")
    with holding(session(sandbox, leaked), OWN_ROW, "LOCK TABLE analytics.kept"):
        before = time.monotonic()
        assert ENDS[how](vault, leaked, env)
        assert time.monotonic() - before < 20
    assert not exists(sandbox, leaked["username"])


@pytest.mark.parametrize("how", ["server", "lock-down again"])
def test_nor_does_one_that_alters_its_own_row_without_end(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], how: str
) -> None:
    with flooding(sandbox, leaked) as threads:
        time.sleep(0.5)
        if how == "server":
            assert vault.revoke_lease(leaked["lease"])
        else:
            assert contain(vault, "INC-FLOOD", ROLE, print).report.not_contained == ()
            for thread in threads:
                thread.join(10)
            assert not any(thread.is_alive() for thread in threads), "somebody is still let in"
    assert not exists(sandbox, leaked["username"])


def test_nor_does_one_that_takes_every_connection(sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]) -> None:
    with ExitStack() as taken:
        for _ in range(1000):
            try:
                taken.callback(session(sandbox, leaked).close)
            except psycopg.OperationalError as error:
                assert "remaining connection slots are reserved" in str(error)  # noqa: PT017 - it ends the loop
                break
        assert contain(vault, "INC-CROWD", ROLE, print).report.not_contained == ()
    assert not exists(sandbox, leaked["username"])


@pytest.mark.parametrize("how", ["server", "lock-down again"])
def test_what_it_granted_of_its_groups_keeps_it_from_being_dropped_no_more(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], how: str
) -> None:
    user, number = leaked["username"], 4713 + len(how)
    _leave(
        sandbox,
        leaked,
        f"SET ROLE {GROUP}",
        f"SELECT lo_create({number})",
        f'GRANT ALL ON LARGE OBJECT {number} TO "{user}" WITH GRANT OPTION',
        "RESET ROLE",
        f"GRANT ALL ON LARGE OBJECT {number} TO PUBLIC",
    )
    if how == "server":
        assert vault.revoke_lease(leaked["lease"])
    else:
        assert contain(vault, "INC-GRANTS", ROLE, print).report.not_contained == ()
    assert not exists(sandbox, user)


def test_one_that_holds_every_lock_is_never_called_contained(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    """The workload's secret_id leaked, and whoever has it took a credential of the database: nobody gets in to end it,
    and the server tells nobody that the lease of a revoked token has not ended."""
    with filling(sandbox, leaked):
        told = contain(vault, "INC-FULL", "workload:analytics-api", print).report.not_contained
        assert any("somebody holds so many locks that the server has room for none" in line for line in told), told
    assert contain(vault, "INC-FULL", "workload:analytics-api", print).report.not_contained == ()
    assert not exists(sandbox, leaked["username"])


MANY = 3000
"""Tables, each with a table and an index of its column's own, all locked at once: more than there is room for."""


@pytest.fixture
def _little_room(sandbox: Sandbox) -> Iterator[None]:
    """For some 3,000 locks, not 20,000."""

    def restart(change: str) -> None:
        superuser(sandbox, "tradepulse", change)
        sandbox.postgres.stop()
        sandbox.postgres.start()

    restart("ALTER SYSTEM SET max_locks_per_transaction = 10")
    yield
    restart("ALTER SYSTEM RESET max_locks_per_transaction")


def _leave_tables(sandbox: Sandbox, leaked: dict[str, str], make: str) -> None:
    each = f"EXECUTE format('{make} (a text)', i); COMMIT;"
    _leave(sandbox, leaked, f"DO $$ BEGIN FOR i IN 1..{MANY} LOOP {each} END LOOP; END $$")


@contextmanager
def _without_autovacuum(sandbox: Sandbox) -> Iterator[None]:
    """Afterwards it looks each second."""
    superuser(sandbox, "tradepulse", "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for setting in ("autovacuum = on", "autovacuum_naptime = 1"):
            superuser(sandbox, "tradepulse", f"ALTER SYSTEM SET {setting}")
        superuser(sandbox, "tradepulse", "SELECT pg_reload_conf()")


@pytest.mark.usefixtures("_little_room")
def test_temporary_tables_that_the_server_has_no_locks_to_remove_are_told_from_locks_that_are_held(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    words = r"left-over temporary tables of it, \d+ of them: autovacuum removes them within a minute or so: wait"
    with _without_autovacuum(sandbox):
        _leave_tables(sandbox, leaked, "CREATE TEMP TABLE t%s")
        told = contain(vault, "INC-LEFT-OVER", ROLE, print).report.not_contained
        assert any(re.search(words.replace(r"\d+", str(MANY)), line) for line in told), told
        assert not any("somebody" in line for line in told), told
    until = time.monotonic() + 120
    while told := contain(vault, "INC-LEFT-OVER", ROLE, print).report.not_contained:
        assert time.monotonic() < until
        dropped = [line for line in told if "database users gone" in line]
        assert all(re.search(words, line) for line in dropped), told
    assert not exists(sandbox, leaked["username"])
    superuser(sandbox, "tradepulse", "ALTER SYSTEM RESET autovacuum_naptime", "SELECT pg_reload_conf()")


@pytest.mark.usefixtures("_little_room")
def test_more_objects_than_the_server_has_locks_for_are_handed_over_one_by_one_by_a_superuser(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    """As the playbook has it."""
    user = leaked["username"]
    _leave_tables(sandbox, leaked, "CREATE TABLE analytics.t%s")
    told = contain(vault, "INC-MANY", ROLE, print).report.not_contained
    assert any(f"it owns {MANY} objects, more than the server has locks for at once" in line for line in told), told
    playbook = (REPOSITORY / "docs" / "incident_playbooks.md").read_text()
    (query,) = re.findall(r"SELECT format\('ALTER TABLE [^\\]+", playbook)
    with sandbox.postgres.superuser("tradepulse") as connection:
        rows = connection.execute(query.replace("GROUP", GROUP).replace("USER", user).encode()).fetchall()
        assert len(rows) == MANY
        connection.execute("; COMMIT; ".join(statement for (statement,) in rows).encode())
    assert contain(vault, "INC-MANY", ROLE, print).report.not_contained == ()
    assert not exists(sandbox, user)
    drop = "EXECUTE format('DROP TABLE analytics.t%s', i); COMMIT;"
    superuser(sandbox, "tradepulse", f"DO $$ BEGIN FOR i IN 1..{MANY} LOOP {drop} END LOOP; END $$")


@pytest.mark.parametrize("how", ["lock-down", "server, then a lock-down"])
def test_a_session_that_is_not_listed_yet_is_ended(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], how: str
) -> None:
    """It would have read on as its grant's role when its user was dropped long ago."""
    with starting(sandbox, leaked, GROUP, 1) as seen:
        time.sleep(1)
    assert seen == [1], "a test that cannot fail"
    with starting(sandbox, leaked, GROUP, 30) as seen:
        assert not seen
        if how.startswith("server"):
            assert vault.revoke_lease(leaked["lease"])
        before = time.monotonic()
        assert contain(vault, f"INC-UNLISTED-{len(how)}", ROLE, print).report.not_contained == ()
        assert time.monotonic() - before < 20
    assert isinstance(seen[0], psycopg.Error), seen
    assert not exists(sandbox, leaked["username"])


def test_a_lock_that_somebody_else_holds_is_named_and_the_rest_goes_on(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one user's row, which may log in then; on another's table, which is dead then; a third has none of it."""
    monkeypatch.setattr(executor, "_SWEEPS", 1)  # each waits once more
    users = [leaked, issue_by_root(sandbox, ROLE), issue_by_root(sandbox, ROLE)]
    row, table, gone = sorted(user["username"] for user in users)
    _leave(sandbox, next(user for user in users if user["username"] == table), "CREATE TABLE analytics.kept ()")
    with (
        holding(sandbox.postgres.superuser(), f'ALTER ROLE "{row}" PASSWORD NULL'),
        holding(sandbox.postgres.superuser("tradepulse"), "LOCK TABLE analytics.kept"),
    ):
        before = time.monotonic()
        told = contain(vault, "INC-OTHER", ROLE, print).report.not_contained
        assert time.monotonic() - before < 30
    words = "lock timeout; somebody else holds the lock"
    assert any(f"NOLOGIN of {row}: " in line and words in line for line in told), told
    assert any(f"drop of {table}: " in line and words in line for line in told), told
    assert (exists(sandbox, row), exists(sandbox, table), exists(sandbox, gone)) == (True, True, False)
    assert contain(vault, "INC-OTHER", ROLE, print).report.not_contained == ()
    assert not exists(sandbox, row)
    assert not exists(sandbox, table)


def test_a_session_that_nothing_ends_is_named_though_its_user_is_dropped(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SESSION_DEADLINE", 0.2)
    with busy(sandbox, leaked):
        assert vault.revoke_lease(leaked["lease"])
        assert not exists(sandbox, leaked["username"])
        with pytest.raises(Unreachable, match="1 sessions of dropped users still alive: pid "):
            _database(sandbox).end_orphans()
        assert _running(sandbox), "the query was over, so nothing was tried"
    assert contain(vault, "INC-BUSY", ROLE, print).report.not_contained == ()


def _running(sandbox: Sandbox) -> bool:
    with sandbox.postgres.superuser() as connection:
        return bool(one(connection, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'WITH points%'"))


def test_one_that_also_keeps_its_login_loses_its_rights(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SESSION_DEADLINE", 0.2)
    monkeypatch.setattr(executor, "_SWEEPS", 1)
    _leave(sandbox, leaked, "CREATE TABLE analytics.kept ()")
    with busy(sandbox, leaked, "BEGIN", OWN_ROW):
        database = _database(sandbox)
        with pytest.raises(Unreachable, match=r"lock timeout.*; the rights of its grant are taken from it meanwhile"):
            database.shut_out(leaked["username"])
        with session(sandbox, leaked) as another:
            for refused in ("SELECT FROM analytics.daily", f"SET ROLE {GROUP}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    another.execute(refused.encode())
        assert _running(sandbox), "the query was over, so nothing was tried"
    assert contain(vault, "INC-LOGIN", ROLE, print).report.not_contained == ()
    assert not exists(sandbox, leaked["username"])
    assert _owned(sandbox, GROUP) == 1


def test_what_the_group_owns_is_told_whoever_made_it(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    """Made by the leaked user as the group, it was never the user's, and lends the group's rights all the same."""
    before = contain(vault, "INC-GROUP", ROLE, print).report
    assert GROUP_OWNS not in {e.what for e in before.effects}
    leaked = issue_by_root(sandbox, ROLE)
    _leave(sandbox, leaked, f"SET ROLE {GROUP}", f"CREATE FUNCTION analytics.backdoor() RETURNS int {BACKDOOR}")
    heard: list[str] = []
    report = contain(vault, "INC-GROUP", "", heard.append).report
    assert report.not_contained == ()
    assert any(line.startswith("warning: ") and "function analytics.backdoor()" in line for line in heard)
    assert [e.target for e in report.effects if e.what == GROUP_OWNS] == [f"tradepulse {GROUP}"]


def _no_backdoor(sandbox: Sandbox, user: dict[str, str]) -> None:
    with session(sandbox, user) as connection:
        for query in ("SELECT analytics.backdoor()", "SELECT done FROM analytics.seen"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied to create role"):
                connection.execute(query.encode())
    assert not exists(sandbox, "backdoor")


def _still_of_use(sandbox: Sandbox, user: dict[str, str]) -> None:
    with session(sandbox, user) as connection:
        connection.execute("INSERT INTO analytics.kept VALUES (3)")
        connection.execute("REFRESH MATERIALIZED VIEW analytics.copied")
        assert one(connection, "SELECT count FROM analytics.copied") == 3
        assert bytes(one(connection, "SELECT lo_get(4711)")) == b"kept"


def test_nothing_it_left_runs_with_the_managers_rights_after_its_lease_ended(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    _leave(sandbox, leaked, *LEFT)
    assert vault.revoke_lease(leaked["lease"])
    assert not exists(sandbox, leaked["username"])
    assert _owned(sandbox, MANAGER) == 0
    user = issue_by_root(sandbox, ROLE)
    _no_backdoor(sandbox, user)
    _still_of_use(sandbox, user)


def test_no_function_of_its_own_is_called_by_the_manager(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    """A better match for the arguments wins over pg_catalog, wherever the search path finds it."""
    body = "LANGUAGE plpgsql AS $$ BEGIN CREATE ROLE backdoor LOGIN; RETURN true; END $$"
    _leave(
        sandbox,
        leaked,
        "CREATE SCHEMA vault_manager",
        "GRANT USAGE ON SCHEMA vault_manager TO PUBLIC",
        f"CREATE FUNCTION vault_manager.starts_with(name, text) RETURNS boolean {body}",
        f"CREATE FUNCTION vault_manager.pg_terminate_backend(integer) RETURNS boolean {body}",
    )
    assert _database(sandbox).users(leaked["username"]) == [leaked["username"]]
    assert not exists(sandbox, "backdoor")
    assert vault.revoke_lease(leaked["lease"])
    assert not exists(sandbox, "backdoor")


@pytest.mark.parametrize("how", ["by a lock-down", "by the server"])
def test_the_rights_it_had_decide_who_gets_it_and_without_any_it_stays(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str], how: str
) -> None:
    user = leaked["username"]
    _leave(sandbox, leaked, "CREATE TABLE analytics.kept AS SELECT 1 AS day")
    superuser(sandbox, "tradepulse", f'REVOKE {GROUP} FROM "{user}" GRANTED BY {MANAGER}')

    def end() -> Any:
        return _database(sandbox).drop(user) if how == "by a lock-down" else vault.revoke_lease(leaked["lease"])

    with pytest.raises(Unreachable):
        end()
    assert _owned(sandbox, user) == 1, "neither dropped with its data nor given to anybody"
    superuser(
        sandbox,
        "tradepulse",
        f'GRANT tradepulse_ingest TO "{user}"',
        "GRANT CREATE ON SCHEMA analytics TO tradepulse_ingest",
    )
    end()
    assert not exists(sandbox, user)
    assert _owned(sandbox, "tradepulse_ingest") == 1
    superuser(
        sandbox, "tradepulse", "DROP TABLE analytics.kept", "REVOKE CREATE ON SCHEMA analytics FROM tradepulse_ingest"
    )
    vault.revoke_lease(leaked["lease"])


OLD = """DO $$ BEGIN
REASSIGN OWNED BY "{{name}}" TO CURRENT_USER; DROP OWNED BY "{{name}}"; DROP ROLE "{{name}}"; END $$"""


def test_nor_after_a_lock_down_whatever_sql_the_server_has(
    sandbox: Sandbox, vault: HvacVault, leaked: dict[str, str]
) -> None:
    root = sandbox.openbao.root_token()
    role = Actors(sandbox).call("GET", f"database/roles/{ROLE}", token=root)["data"]
    Actors(sandbox).call("POST", f"database/roles/{ROLE}", {**role, "revocation_statements": [OLD]}, token=root)
    _leave(sandbox, leaked, *LEFT)
    report = contain(vault, "INC-BACKDOOR", ROLE, print).report
    assert report.not_contained == ()
    (told,) = [e.detail for e in report.effects if e.what == HANDED_OVER]
    assert "function analytics.backdoor()" in told
    assert not exists(sandbox, leaked["username"])
    assert _owned(sandbox, MANAGER) == 0
    user = issue_by_root(sandbox, ROLE)
    _no_backdoor(sandbox, user)
    _still_of_use(sandbox, user)


@pytest.mark.usefixtures("environ")
def test_of_very_many_objects_the_server_tells_the_first_and_counts(sandbox: Sandbox, leaked: dict[str, str]) -> None:
    """A function among them, which lends rights, is not hidden behind large objects."""
    user = leaked["username"]
    make = "CREATE FUNCTION analytics.last() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    _leave(sandbox, leaked, "SELECT count(lo_create(0)) FROM generate_series(1, 5000)", make)
    database = _database(sandbox)
    owned = database.owners(user)[user]
    assert (owned.count, len(owned.first)) == (5001, 20)
    assert owned.first[0] == "function analytics.last()"
    assert _handed_over(owned)[1].endswith(" and 4981 more")
    assert database.owners("nobody_has_this_name") == {}
    database.hand_over(user)
    assert database.owners(user) == {}


def test_what_the_manager_owns_from_before_is_told_and_stands_in_no_way(sandbox: Sandbox, vault: HvacVault) -> None:
    before = contain(vault, "INC-BACKDOOR", ROLE, print).report
    assert MANAGER_OWNS not in {e.what for e in before.effects}
    superuser(sandbox, "tradepulse", f"CREATE TABLE public.old (); ALTER TABLE public.old OWNER TO {MANAGER}")
    heard: list[str] = []
    report = contain(vault, "INC-BACKDOOR", "", heard.append).report
    assert report.not_contained == ()
    assert any(line.startswith("warning: ") and "table public.old" in line for line in heard)
    assert [e.target for e in report.effects if e.what == MANAGER_OWNS] == ["tradepulse"]
