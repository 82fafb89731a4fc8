"""What an ordinary change in peace leaves behind that is still alive: a lock-down ends or denies it all the same."""

from __future__ import annotations

import json
import sys
import time

import pytest

from drill.actors import Actors
from tests.integration.checkout import BATCH, LEDGER, READONLY, TREASURY, Checkout, batch, leased
from tests.integration.leaked_user import exists, superuser
from tests.integration.production import PARTNER, Production

_SHORT = ("{default: 15m, max: 30m}", "{default: 2s, max: 2s}")


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_ttl_that_was_lowered_opens_no_generation_early(checkout: Checkout, actors: Actors, when: str) -> None:
    token = batch(actors)
    assert actors.allowed(lambda: actors.read(token, READONLY))
    checkout.edit("workload-analytics-batch", *_SHORT)
    if when == "before":
        checkout.apply()
        assert actors.allowed(lambda: actors.read(token, READONLY)), "nothing is leaked yet: the test is void"
    with checkout.locked(f"TTL-{when}", ""):
        time.sleep(3)
        assert checkout.prod.keep(checkout.folder).returncode == 0
        assert not actors.allowed(lambda: actors.read(token, READONLY))
        assert actors.allowed(lambda: actors.read(batch(actors), READONLY)), "a new login works"
    assert checkout.prod.keep(checkout.folder).returncode == 0
    assert not actors.allowed(lambda: actors.read(token, READONLY)), "and so it stays when it is lifted"


def test_tokens_of_the_kind_that_a_workload_had_before_are_denied(checkout: Checkout, actors: Actors) -> None:
    token = batch(actors)
    checkout.edit("workload-analytics-batch", "  tokens: batch\n", "")
    checkout.apply()
    assert actors.allowed(lambda: actors.read(token, READONLY))
    with checkout.locked("KIND", ""):
        assert not actors.allowed(lambda: actors.read(token, READONLY))
        assert checkout.prod.keep(checkout.folder).returncode == 0
        assert actors.allowed(lambda: actors.read(batch(actors), READONLY)), "a new login works"
    assert checkout.prod.keep(checkout.folder).returncode == 0
    assert not actors.allowed(lambda: actors.read(token, READONLY))


def test_a_grant_that_goes_shifts_no_generation(checkout: Checkout, actors: Actors) -> None:
    checkout.grant()
    checkout.apply()
    with checkout.locked("SHIFT-0", "secret:analytics-readonly"):
        pass
    token = batch(actors)
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    checkout.edit("analytics-readonly", BATCH, "")
    checkout.apply()
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    with checkout.locked("SHIFT-1", "secret:treasury-readonly"):
        assert not actors.allowed(lambda: actors.read(token, LEDGER))
        assert actors.allowed(lambda: actors.read(batch(actors), LEDGER)), "a new login works"
    assert not actors.allowed(lambda: actors.read(token, LEDGER))


def test_users_of_a_role_that_was_renamed_end_with_their_secret(checkout: Checkout, actors: Actors) -> None:
    leaked = leased(actors, batch(actors), READONLY)
    checkout.edit("analytics-readonly", "role: analytics-readonly", "role: analytics-ro")
    checkout.apply()
    assert actors.can_connect(*leaked)
    with checkout.locked("RENAMED", "secret:analytics-readonly"):
        assert not actors.can_connect(*leaked)
        user = f"pc_analytics-readonly_0123456789_{int(time.time()) - 3600}"
        made = f"CREATE ROLE \"{user}\" LOGIN PASSWORD 'x' IN ROLE tradepulse_analytics"
        manager = ("SET createrole_self_grant = 'set, inherit'", "SET ROLE vault_manager")
        superuser(checkout.prod.box, "tradepulse", *manager, made)
        assert actors.can_connect(user, "x"), "one that the lock-down never saw"
        argv = [sys.executable, "-m", "rotation", "rotate", "run", "RENAMED"]
        done = Production.run(argv, checkout.prod.environ(checkout.folder))
        assert "rotated  secret:analytics-readonly" in done.stdout, done.stdout
        assert not exists(checkout.prod.box, user), "old-dead was proven beside it"


def test_what_is_declared_nowhere_any_more_ends_whatever_leaked(checkout: Checkout, actors: Actors) -> None:
    token = actors.login(*actors.secret_id("treasury-report"))
    leaked = leased(actors, token, LEDGER)
    checkout.remove("treasury-readonly")
    checkout.remove("workload-treasury-report")
    checkout.retire()
    look = "auth/token/lookup-self"
    assert actors.can_connect(*leaked)
    assert actors.allowed(lambda: actors.read(token, look))
    assert "pc-issue-w-treasury-report" in checkout.prod.vault().keys("auth/token/roles"), "an administrator's"
    with checkout.locked("REMOVED", "secret:partner-api-key"):
        assert not actors.can_connect(*leaked)
        assert not actors.allowed(lambda: actors.read(token, look))


def test_what_a_workload_leased_by_a_grant_that_was_taken_back_ends_with_it(checkout: Checkout, actors: Actors) -> None:
    checkout.grant()
    checkout.apply()
    leaked = leased(actors, batch(actors), LEDGER)
    checkout.take_back()
    checkout.apply()
    assert actors.can_connect(*leaked)
    with checkout.locked("TAKEN", "workload:analytics-batch"):
        assert not actors.can_connect(*leaked)


def test_a_grant_that_came_and_went_within_another_incident_was_one_all_the_same(
    checkout: Checkout, actors: Actors
) -> None:
    with checkout.locked("ANOTHER", "secret:partner-api-key"):
        checkout.grant()
        checkout.apply()
        leaked = leased(actors, batch(actors), LEDGER)
        checkout.take_back()
        checkout.apply()
        assert actors.can_connect(*leaked)
        with checkout.locked("WITHIN", "workload:analytics-batch"):
            assert not actors.can_connect(*leaked)


def test_an_own_policy_that_somebody_has_widened_grants_what_is_declared_again(
    checkout: Checkout, actors: Actors
) -> None:
    """It carries the gate, and what is replaced is denied by it no more."""
    root = checkout.prod.box.openbao.root_token()
    declared = checkout.prod.vault().read_policy("pc-w-treasury-report") or ""
    rules = {**json.loads(declared)["path"], PARTNER: {"capabilities": ["read"]}}
    actors.call("POST", TREASURY[0], {"policy": json.dumps({"path": rules})}, token=root)
    token = actors.login(*actors.secret_id("treasury-report"))
    assert actors.allowed(lambda: actors.read(token, PARTNER))
    with checkout.locked("WIDENED", "secret:partner-api-key"):
        assert not actors.allowed(lambda: actors.read(token, PARTNER))
    assert not actors.allowed(lambda: actors.read(token, PARTNER))
    assert checkout.prod.vault().read_policy("pc-w-treasury-report") == declared


def test_a_database_secret_that_is_called_otherwise_keeps_its_role(checkout: Checkout, actors: Actors) -> None:
    leaked = leased(actors, batch(actors), READONLY)
    checkout.edit("analytics-readonly", "name: analytics-readonly", "name: analytics-reads")
    checkout.apply()
    assert actors.allowed(lambda: actors.read(batch(actors), READONLY))
    with checkout.locked("CALLED", "secret:analytics-reads"):
        assert not actors.can_connect(*leaked)


def test_what_is_not_known_of_the_past_is_not_contained(checkout: Checkout) -> None:
    """Last: what is deleted stays so for a day."""
    checkout.edit("treasury-readonly", "for the treasury report", "for the report")
    checkout.apply()
    bao, root = checkout.prod.box.openbao, checkout.prod.box.openbao.root_token()
    version = bao.call("GET", "portcullis/data/compiled", token=root)["data"]["metadata"]["version"]
    bao.call("POST", "portcullis/delete/compiled", {"versions": [version - 1]}, token=root)
    done = checkout.prod.lock("UNREAD", "secret:partner-api-key", checkout.folder)
    assert done.returncode != 0
    assert f"declared before: version {version - 1} is deleted" in done.stdout, done.stdout
    bao.call("DELETE", "portcullis/metadata/compiled", token=root)
    assert checkout.prod.lock("UNREAD", "secret:partner-api-key", checkout.folder).returncode == 0
    checkout.lift("UNREAD")
