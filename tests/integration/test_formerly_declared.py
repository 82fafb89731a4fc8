"""What an ordinary change in peace leaves behind that is still alive: a lock-down ends or denies it all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import pytest

from containment.incidents.incident import Incident
from drill.actors import Actors
from policies import codec
from sandbox import estate
from sandbox.environment import REPOSITORY
from tests.integration.leaked_user import exists, superuser
from tests.integration.production import PARTNER, Production, contained, copied

READONLY = "database/creds/analytics-readonly"
LEDGER = "database/creds/treasury-readonly"
_GRANT = "      capabilities: [read]\n"
_BATCH = "    - workload: analytics-batch\n" + _GRANT
_SHORT = ("{default: 15m, max: 30m}", "{default: 2s, max: 2s}")


@dataclass(frozen=True)
class Checkout:
    """The declarations, changed and applied in peace; an administrator does their part first."""

    prod: Production
    folder: Path

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.folder / "production" / f"{name}.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def grant(self) -> None:
        """The ledger to a workload of batch tokens."""
        self.edit("treasury-readonly", _GRANT, _GRANT + _BATCH)

    def take_back(self) -> None:
        self.edit("treasury-readonly", _GRANT + _BATCH, _GRANT)

    def remove(self, name: str) -> None:
        (self.folder / "production" / f"{name}.yaml").unlink()

    def onboard(self) -> None:
        with mock.patch.dict(os.environ, {"PORTCULLIS_DECLARATIONS": str(self.folder)}):
            estate.prepare(self.prod.box, print)

    def apply(self) -> None:
        self.onboard()
        done = self.prod.keep(self.folder)
        assert done.returncode == 0, done.stdout

    def refresh(self) -> None:
        """As `apply`, when an apply was killed: Pulumi looks at the servers first."""
        self.onboard()
        argv = [*self.prod.argv("incident=keep", "incidentId=", "incidentScope="), "--refresh"]
        done = self.prod.run(argv, self.prod.environ(self.folder))
        assert done.returncode == 0, done.stdout

    def kill(self, when: Callable[[], bool]) -> None:
        """An apply, as soon as `when` holds."""
        argv, environ = self.prod.argv("incident=keep"), self.prod.environ(self.folder)
        with subprocess.Popen(argv, cwd=REPOSITORY, env=environ, stdout=subprocess.DEVNULL, process_group=0) as child:
            while not when():
                assert child.poll() is None
                time.sleep(0.02)
            os.killpg(child.pid, signal.SIGKILL)
        freed = self.prod.run(["pulumi", "cancel", "--yes", "--stack", "prod"], environ)
        assert freed.returncode == 0, freed.stdout

    @contextmanager
    def locked(self, incident: str, scope: str) -> Iterator[None]:
        done = self.prod.lock(incident, scope, self.folder)
        assert done.returncode == 0, done.stdout
        assert contained(incident)
        yield
        self.lift(incident)

    def lift(self, incident: str) -> None:
        self.prod.prove(incident)
        done = self.prod.up("incident=false", f"incidentId={incident}", "incidentScope=", declarations=self.folder)
        assert done.returncode == 0, done.stdout
        assert incident not in self.prod.open()

    def retire(self) -> None:
        """As `apply`, where something goes: the operator may no longer delete what an administrator has forgotten."""
        done = self.prod.keep(self.folder)
        assert done.returncode == 0, done.stdout
        self.onboard()


@pytest.fixture
def checkout(prod: Production, tmp_path: Path) -> Iterator[Checkout]:
    yield Checkout(prod, copied(tmp_path))
    for lifted in prod.vault().incidents():  # a day ago: four within one TTL deny a workload's new tokens too
        prod.vault().update_incident(lifted.id, _a_day_ago)
    Checkout(prod, copied(tmp_path / "back")).apply()
    made = "auth/token/roles/pc-issue-w-analytics-batch"
    prod.box.openbao.call("DELETE", made, token=prod.box.openbao.root_token())  # an administrator's, for service tokens


def _a_day_ago(incident: Incident) -> Incident:
    return replace(incident, contained_at=incident.contained_at - 86400)


@pytest.fixture
def actors(prod: Production) -> Actors:
    return Actors(prod.box)


def _batch(actors: Actors) -> str:
    return actors.ci_login("analytics-batch", {"sub": "analytics-batch"})


def _leased(actors: Actors, token: str, path: str) -> tuple[str, str]:
    held = actors.read(token, path)
    return held["username"], held["password"]


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_ttl_that_was_lowered_opens_no_generation_early(checkout: Checkout, actors: Actors, when: str) -> None:
    token = _batch(actors)
    assert actors.allowed(lambda: actors.read(token, READONLY))
    checkout.edit("workload-analytics-batch", *_SHORT)
    if when == "before":
        checkout.apply()
        assert actors.allowed(lambda: actors.read(token, READONLY)), "nothing is leaked yet: the test is void"
    with checkout.locked(f"TTL-{when}", ""):
        time.sleep(3)
        assert checkout.prod.keep(checkout.folder).returncode == 0
        assert not actors.allowed(lambda: actors.read(token, READONLY))
        assert actors.allowed(lambda: actors.read(_batch(actors), READONLY)), "a new login works"
    assert checkout.prod.keep(checkout.folder).returncode == 0
    assert not actors.allowed(lambda: actors.read(token, READONLY)), "and so it stays when it is lifted"


def test_tokens_of_the_kind_that_a_workload_had_before_are_denied(checkout: Checkout, actors: Actors) -> None:
    token = _batch(actors)
    checkout.edit("workload-analytics-batch", "  tokens: batch\n", "")
    checkout.apply()
    assert actors.allowed(lambda: actors.read(token, READONLY))
    with checkout.locked("KIND", ""):
        assert not actors.allowed(lambda: actors.read(token, READONLY))
        assert checkout.prod.keep(checkout.folder).returncode == 0
        assert actors.allowed(lambda: actors.read(_batch(actors), READONLY)), "a new login works"
    assert checkout.prod.keep(checkout.folder).returncode == 0
    assert not actors.allowed(lambda: actors.read(token, READONLY))


def test_a_grant_that_goes_shifts_no_generation(checkout: Checkout, actors: Actors) -> None:
    checkout.grant()
    checkout.apply()
    with checkout.locked("SHIFT-0", "secret:analytics-readonly"):
        pass
    token = _batch(actors)
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    checkout.edit("analytics-readonly", _BATCH, "")
    checkout.apply()
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    with checkout.locked("SHIFT-1", "secret:treasury-readonly"):
        assert not actors.allowed(lambda: actors.read(token, LEDGER))
        assert actors.allowed(lambda: actors.read(_batch(actors), LEDGER)), "a new login works"
    assert not actors.allowed(lambda: actors.read(token, LEDGER))


def test_users_of_a_role_that_was_renamed_end_with_their_secret(checkout: Checkout, actors: Actors) -> None:
    leaked = _leased(actors, _batch(actors), READONLY)
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
    leaked = _leased(actors, token, LEDGER)
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
    leaked = _leased(actors, _batch(actors), LEDGER)
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
        leaked = _leased(actors, _batch(actors), LEDGER)
        checkout.take_back()
        checkout.apply()
        assert actors.can_connect(*leaked)
        with checkout.locked("WITHIN", "workload:analytics-batch"):
            assert not actors.can_connect(*leaked)


def test_so_was_one_of_an_apply_that_was_killed(checkout: Checkout, actors: Actors) -> None:
    checkout.grant()
    checkout.onboard()
    checkout.kill(lambda: LEDGER in (checkout.prod.vault().read_policy("pc-w-analytics-batch") or ""))
    leaked = _leased(actors, _batch(actors), LEDGER)
    checkout.take_back()
    checkout.refresh()
    assert actors.can_connect(*leaked)
    with checkout.locked("KILLED", "workload:analytics-batch"):
        assert not actors.can_connect(*leaked)


def test_an_apply_that_never_ended_moves_no_secret_out_of_a_lock_down(checkout: Checkout, actors: Actors) -> None:
    """Of the two places nobody knows in which the leaked value is read."""
    token = actors.login(*actors.secret_id("partner-gateway"))
    checkout.edit("partner-api-key", "path: partners/api", "path: partners/api-v2")
    checkout.remove("workload-treasury-report")
    checkout.remove("treasury-readonly")
    vault = checkout.prod.vault()
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    assert actors.allowed(lambda: actors.read(token, PARTNER))
    scope = ("--scope", "secret:partner-api-key,workload:treasury-report")
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", "UNENDED", *scope]
    done = checkout.prod.run(argv, checkout.prod.environ())
    assert done.returncode == 0, done.stdout
    assert contained("UNENDED")
    assert not actors.allowed(lambda: actors.read(token, PARTNER))
    assert f"{PARTNER}-v2" in checkout.prod.gate()
    assert checkout.prod.keep().returncode == 0
    checkout.prod.lifted("UNENDED")


TREASURY = ("sys/policies/acl/pc-w-treasury-report", "auth/approle/role/treasury-report")


def test_what_an_apply_that_was_killed_has_written_is_not_forgotten_by_the_next(
    checkout: Checkout, actors: Actors
) -> None:
    """Where Pulumi did not come to save it: the next takes it for unchanged, and was then the last apply."""
    root, vault = checkout.prod.box.openbao.root_token(), checkout.prod.vault()
    move = ("path: partners/api", "path: partners/api-v2")
    granted = ("workload: partner-gateway", "workload: treasury-report")
    for change in (move, granted):
        checkout.edit("partner-api-key", *change)
    checkout.onboard()
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    for change in (move, granted):
        checkout.edit("partner-api-key", *reversed(change))
    checkout.onboard()
    rule = {"path": {f"{PARTNER}-v2": {"capabilities": ["read"]}}}
    actors.call("POST", f"{PARTNER}-v2", {"data": {"value": "leaked"}}, token=root)
    actors.call("POST", TREASURY[0], {"policy": json.dumps(rule)}, token=root)
    actors.call("POST", TREASURY[1], {"token_max_ttl": 86400}, token=root)
    taken_back = checkout.prod.keep(checkout.folder)
    assert taken_back.returncode != 0
    assert f"does not know: {TREASURY[1]} (token_max_ttl), {TREASURY[0]} (policy); " in taken_back.stdout
    token = actors.login(*actors.secret_id("treasury-report"))
    assert actors.allowed(lambda: actors.read(token, f"{PARTNER}-v2"))
    with checkout.locked("FORGOTTEN", "secret:partner-api-key"):
        assert not actors.allowed(lambda: actors.read(token, f"{PARTNER}-v2"))
        assert f"{PARTNER}-v2" in checkout.prod.gate()
    assert not (vault.read("portcullis/data/compiled") or {})["data"]["begun"]
    assert not actors.allowed(lambda: actors.read(token, f"{PARTNER}-v2"))


def test_what_an_apply_that_failed_has_added_goes_when_it_is_taken_back(checkout: Checkout, actors: Actors) -> None:
    """Pulumi, which knows of it, deletes when the program has ended: no run may fail because it is still there."""
    record, vault = "portcullis/data/compiled", checkout.prod.vault()
    before = (vault.read(record) or {})["data"]
    new = checkout.folder / "production" / "workload-auditor.yaml"
    new.write_text((new.parent / "workload-treasury-report.yaml").read_text().replace("treasury-report", "auditor"))
    checkout.apply()
    after = (vault.read(record) or {})["data"]
    vault.write(record, {"data": {**before, "begun": after["estate"]}})
    new.unlink()
    for _ in range(2):
        done = checkout.prod.keep(checkout.folder)
        assert done.returncode == 0, done.stdout
        told = "was to declare auth/approle/role/auditor, sys/policies/acl/pc-w-auditor; " in done.stdout
        held = actors.call("LIST", "auth/approle/role", token=checkout.prod.box.openbao.root_token())["data"]["keys"]
        assert "auditor" not in held
        kept = (vault.read(record) or {})["data"]
        assert told == bool(kept["left"])
        done_by = codec.decode(kept["estate"])
        assert done_by is not None
        assert "auditor" not in {w.name for w in done_by.workloads}
        assert not kept["begun"]
    assert not told
    actors.call("DELETE", "auth/token/roles/pc-issue-w-auditor", token=checkout.prod.box.openbao.root_token())
    checkout.onboard()


def test_an_apply_after_one_that_was_killed_is_what_an_incident_works_by(checkout: Checkout, actors: Actors) -> None:
    """What it has renamed or removed Pulumi deletes at its very end: until another looked, it counted as declared."""
    vault = checkout.prod.vault()
    checkout.edit("settlement-readonly", "max: 8h", "max: 7h")
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    checkout.edit("settlement-readonly", "role: settlement-readonly", "role: settlement-ro")
    checkout.onboard()
    for name in ("workload-treasury-report", "treasury-readonly"):
        checkout.remove(name)
    (checkout.folder / "staging" / "ci-cicd-staging.yaml").unlink()
    token = actors.login(*actors.secret_id("treasury-report"))
    done = checkout.prod.keep(checkout.folder)
    assert done.returncode == 0, done.stdout
    assert "an update that was cut short was to declare " in done.stdout
    assert "database/roles/settlement-readonly" in done.stdout
    checkout.onboard()
    with checkout.locked("AFTER", "workload:settlement"):
        assert not actors.allowed(lambda: actors.read(token, LEDGER))
        assert not vault.read(TREASURY[1])
    settlement = actors.login(*actors.secret_id("settlement"))
    assert actors.allowed(lambda: actors.read(settlement, "database/creds/settlement-ro"))


def test_rotation_goes_by_it_too_after_a_lock_down_without_pulumi(checkout: Checkout, actors: Actors) -> None:
    """By what a killed apply was to grant, the secret was given back to nobody, and recovery read it nowhere."""
    vault = checkout.prod.vault()
    moved = ("workload: treasury-report", "workload: settlement")
    checkout.edit("settlement-readonly", "max: 8h", "max: 7h")
    checkout.edit("treasury-readonly", *moved)
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    checkout.edit("treasury-readonly", *reversed(moved))
    checkout.edit("settlement-readonly", "role: settlement-readonly", "role: settlement-ro")
    checkout.apply()
    assert len(vault.left()) > 1, "something was to go at the end of that apply"
    contain = ("contain", "--incident-id", "DIRECT", "--scope", "secret:treasury-readonly")
    for words in (contain, ("rotate", "run", "DIRECT")):
        done = Production.run([sys.executable, "-m", "rotation", *words], checkout.prod.environ(checkout.folder))
        assert done.returncode == 0, done.stdout
    token = actors.login(*actors.secret_id("treasury-report"))
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    assert checkout.prod.keep(checkout.folder).returncode == 0
    checkout.lift("DIRECT")


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
    leaked = _leased(actors, _batch(actors), READONLY)
    checkout.edit("analytics-readonly", "name: analytics-readonly", "name: analytics-reads")
    checkout.apply()
    assert actors.allowed(lambda: actors.read(_batch(actors), READONLY))
    with checkout.locked("CALLED", "secret:analytics-reads"):
        assert not actors.can_connect(*leaked)


_METHOD = ("auth: approle", "auth: jwt\n  boundClaims:\n    sub: treasury-report")
_FORMER = {"approle": "auth/jwt/role/treasury-report", "jwt": "auth/approle/role/treasury-report"}
"""By the method that is declared now, the login role that is left."""


def _roles(actors: Actors, prod: Production) -> list[str]:
    """Of treasury-report, by their path."""
    root = prod.box.openbao.root_token()
    held = {m: actors.call("LIST", f"auth/{m}/role", token=root)["data"]["keys"] for m in ("approle", "jwt")}
    return [f"auth/{m}/role/treasury-report" for m, names in held.items() if "treasury-report" in names]


@pytest.mark.parametrize("first", ["administrator", "update"])
def test_what_is_renamed_leaves_no_login_role_whoever_goes_first(checkout: Checkout, first: str) -> None:
    vault = checkout.prod.vault()
    checkout.edit("workload-treasury-report", "name: treasury-report", "name: treasury-summary")
    checkout.edit("treasury-readonly", "workload: treasury-report", "workload: treasury-summary")
    (checkout.folder / "staging" / "ci-cicd-staging.yaml").unlink()
    if first == "administrator":
        checkout.onboard()
    else:  # which needs somebody to make the new one
        removed = checkout.folder / "production" / "workload-treasury-report.yaml"
        text = removed.read_text()
        removed.unlink()
        checkout.edit(
            "treasury-readonly", "    - workload: treasury-summary\n" + _GRANT, "    - workload: settlement\n" + _GRANT
        )
        checkout.retire()
        removed.write_text(text)
        checkout.onboard()
    done = checkout.prod.keep(checkout.folder)
    assert done.returncode == 0, done.stdout
    assert vault.read("auth/approle/role/treasury-summary")
    assert not vault.read(TREASURY[1])
    assert not vault.read("auth/jwt/role/cicd-staging")


def test_a_login_method_that_is_changed_leaves_no_login_role(checkout: Checkout, actors: Actors) -> None:
    held = actors.secret_id("treasury-report")
    checkout.edit("workload-treasury-report", *_METHOD)
    checkout.apply()
    assert _roles(actors, checkout.prod) == ["auth/jwt/role/treasury-report"]
    assert not actors.allowed(lambda: actors.login(*held))
    assert actors.allowed(lambda: actors.ci_login("treasury-report", {"sub": "treasury-report"}))
    checkout.edit("workload-treasury-report", *reversed(_METHOD))
    checkout.apply()
    assert _roles(actors, checkout.prod) == ["auth/approle/role/treasury-report"]


@dataclass(frozen=True)
class LeftBehind:
    """By an administrator's token, as an earlier version left them: login roles that are declared nowhere."""

    actors: Actors
    root: str
    made: list[str]

    def role(self, path: str) -> Callable[[], str]:
        """How one logs in by it from now on."""
        method, name = path.split("/")[1::2]
        attached = {"token_policies": ["pc-gate", "pc-quarantine", f"pc-w-{name}"]}
        bound = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": ["portcullis"],
            "bound_claims": {"sub": name},
        }
        self.made.append(path)
        self.actors.call("POST", path, {**attached, **(bound if method == "jwt" else {})}, token=self.root)
        if method == "jwt":
            return lambda: self.actors.ci_login(name, {"sub": name})
        held = self.actors.secret_id(name)
        return lambda: self.actors.login(*held)


@pytest.fixture
def left(prod: Production, actors: Actors) -> Iterator[LeftBehind]:
    left = LeftBehind(actors, prod.box.openbao.root_token(), [])
    yield left
    for path in left.made:
        actors.call("DELETE", path, token=left.root)


@pytest.mark.parametrize(
    ("path", "reads"),
    [("auth/approle/role/analytics-batch", READONLY), ("auth/jwt/role/treasury-report", LEDGER)],
)
def test_what_leaked_gets_in_by_no_login_role_that_it_had_before(
    checkout: Checkout, actors: Actors, left: LeftBehind, path: str, reads: str
) -> None:
    login = left.role(path)
    assert actors.allowed(lambda: actors.read(login(), reads))
    name = path.rpartition("/")[2]
    with checkout.locked(f"METHOD-{name}", f"workload:{name}"):
        assert not actors.allowed(login)
        again = left.role(path)
        assert actors.allowed(again), "one that the lock-down never saw"
        argv = [sys.executable, "-m", "rotation", "rotate", "run", f"METHOD-{name}"]
        Production.run(argv, checkout.prod.environ(checkout.folder))
        assert not actors.allowed(again), "old-dead was proven beside it"
    assert checkout.prod.keep(checkout.folder).returncode == 0
    assert not actors.allowed(login)
    assert not actors.allowed(again)


def test_a_login_role_of_what_is_declared_nowhere_ends_whatever_leaked(
    checkout: Checkout, actors: Actors, left: LeftBehind
) -> None:
    logins = [left.role(f"auth/{method}/role/removed") for method in ("approle", "jwt")]
    assert all(actors.allowed(login) for login in logins)
    with checkout.locked("NOWHERE", "secret:partner-api-key"):
        assert not any(actors.allowed(login) for login in logins)


def test_that_of_a_workload_which_did_not_leak_is_named(checkout: Checkout, actors: Actors, left: LeftBehind) -> None:
    path = "auth/jwt/role/treasury-report"
    login = left.role(path)
    done = checkout.prod.lock("NAMED", "secret:partner-api-key", checkout.folder)
    assert done.returncode == 0, done.stdout
    words = "is declared nowhere and hands out pc-w-treasury-report, of which nothing leaked: bao delete"
    assert f"warning: {path} {words} {path}" in done.stdout, done.stdout
    assert actors.allowed(login)
    checkout.lift("NAMED")


def test_the_operators_token_ends_it_too(checkout: Checkout, actors: Actors, left: LeftBehind) -> None:
    """Where nobody set the containment identity's: an operator by hand, on the day."""
    login = left.role("auth/jwt/role/treasury-report")
    environ = {**checkout.prod.environ(checkout.folder), "PORTCULLIS_CONTAINMENT_TOKEN": ""}
    words = ("contain", "--incident-id", "OPERATOR", "--scope", "workload:treasury-report")
    done = Production.run([sys.executable, "-m", "rotation", *words], environ)
    assert done.returncode == 0, done.stdout
    assert not actors.allowed(login)
    assert checkout.prod.keep(checkout.folder).returncode == 0
    checkout.lift("OPERATOR")


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
