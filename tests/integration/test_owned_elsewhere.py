"""A leaked database user that owns something where the database engine does not look: in another database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from containment.adapters.postgres import PostgresDatabase
from containment.adapters.vault import HvacVault
from containment.direct import contain
from drill.actors import Actors
from sandbox.environment import Sandbox
from tests.integration.leaked_user import MANAGER, exists, issue, one, session, superuser

GROUP = "tradepulse_analytics"
"""Whose rights an analytics-readonly user has."""
OPEN = "secret/data/trading/fix-session"
"""Granted to order-router, which has no part in what leaks here."""


@pytest.fixture
def vault(environ: None) -> HvacVault:
    del environ
    return HvacVault.for_containment()


@pytest.fixture
def leak(sandbox: Sandbox) -> Callable[[str, str], dict[str, str]]:
    """A credential, by workload and role: its values and its lease."""
    return partial(issue, sandbox)


def _own(sandbox: Sandbox, leaked: dict[str, str], database: str) -> int:
    """A large object, which any user may make who may connect. Returns its id."""
    with session(sandbox, leaked, database) as connection:
        return int(one(connection, "SELECT lo_from_bytea(0, 'kept')"))


def _owner(sandbox: Sandbox, database: str, thing: int) -> tuple[str, bytes]:
    with sandbox.postgres.superuser(database) as connection:
        owner = "SELECT pg_get_userbyid(lomowner) FROM pg_largeobject_metadata WHERE oid = %s"
        return str(one(connection, owner, thing)), bytes(one(connection, "SELECT lo_get(%s)", thing))


def _reads(sandbox: Sandbox) -> bool:
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("order-router"))
    return actors.allowed(lambda: actors.read(token, OPEN))


def test_nobody_but_those_named_connects_to_the_other_databases(
    sandbox: Sandbox, leak: Callable[[str, str], dict[str, str]]
) -> None:
    leaked = leak("analytics-api", "analytics-readonly")
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            _own(sandbox, leaked, database)


def test_a_user_is_dropped_wherever_it_owns_something_and_its_lease_can_still_be_revoked(
    sandbox: Sandbox, vault: HvacVault, leak: Callable[[str, str], dict[str, str]]
) -> None:
    leaked = leak("analytics-api", "analytics-readonly")
    superuser(sandbox, "postgres", "GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    thing = _own(sandbox, leaked, "postgres")
    PostgresDatabase(sandbox.environ()["PORTCULLIS_PG_TRADEPULSE"], MANAGER).drop(leaked["username"])
    assert not exists(sandbox, leaked["username"])
    assert _owner(sandbox, "postgres", thing) == (GROUP, b"kept")
    assert vault.revoke_lease(leaked["lease"])


def test_what_a_leaked_user_owns_in_another_database_is_kept_and_the_user_goes(
    sandbox: Sandbox, vault: HvacVault, leak: Callable[[str, str], dict[str, str]]
) -> None:
    leaked = leak("analytics-api", "analytics-readonly")
    superuser(sandbox, "postgres", "GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC")
    owned = {database: _own(sandbox, leaked, database) for database in ("postgres", "template1")}
    report = contain(vault, "INC-OWNED", "analytics-readonly", print).report
    assert report.not_contained == ()
    assert not exists(sandbox, leaked["username"])
    assert not vault.leases("database/creds/analytics-readonly")
    for database, thing in owned.items():
        assert _owner(sandbox, database, thing) == (GROUP, b"kept")


def test_a_user_that_cannot_be_dropped_is_named_and_keeps_no_workload_out(
    sandbox: Sandbox, vault: HvacVault, leak: Callable[[str, str], dict[str, str]]
) -> None:
    leaked = leak("settlement", "settlement-readonly")
    user = leaked["username"]
    superuser(sandbox, "postgres", "CREATE DATABASE ledger")
    thing = _own(sandbox, leaked, "ledger")
    superuser(sandbox, "postgres", "REVOKE CONNECT ON DATABASE ledger FROM PUBLIC")
    for _ in range(2):
        done = contain(vault, "INC-STUCK", "", print)
        report, incident = done.report, done.incident
        assert {e.partition(" (")[2].partition(":")[0] for e in report.not_contained} == {
            "lease revoked",
            "database users gone",
        }
        assert any(user in line and "ledger" in line for line in report.not_contained)
        assert len(report.not_contained) == 2, "each is named once, however often it was tried"
        assert not incident.contained_at
        assert not Actors(sandbox).can_connect(user, leaked["password"])
        assert _reads(sandbox), "one dead user keeps every workload out"
    superuser(sandbox, "postgres", "GRANT CONNECT ON DATABASE ledger TO portcullis_containment")
    done = contain(vault, "INC-STUCK", "", print)
    report, incident = done.report, done.incident
    assert report.not_contained == ()
    assert incident.contained_at
    assert not exists(sandbox, user)
    assert _owner(sandbox, "ledger", thing) == ("tradepulse_readonly", b"kept")
