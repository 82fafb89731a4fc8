"""OpenBao dies before or in the middle of a lock-down: whatever does not need it is done, the rest is named, and the
same command completes when it is back."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path
from threading import Event, Thread

import pytest

from containment import direct, names
from containment.adapters import client
from containment.adapters.exchange import HttpExchange
from containment.adapters.github import GithubHost
from containment.adapters.vault import HvacVault
from containment.compiled import operators
from containment.folder import record
from containment.incidents.incident import Incident, State
from containment.report import Outcome
from drill.actors import Actors
from drill.stack import pulumi
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration.leaked_user import crowd

OTHER = "exchange-trading-key-staging"
KEY, DATABASE, REPOSITORIES = "exchange-trading-key", "analytics-readonly", ("tradepulse-core", "tradepulse-connectors")


@pytest.fixture(autouse=True)
def running(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenBao, when a test begins; its variables are in this process too."""
    sandbox.openbao.start()
    for name, value in sandbox.environ().items():
        monkeypatch.setenv(name, value)


def _leak(name: str = KEY) -> tuple[str, str]:
    """A live trading key, as it was copied out of the vault before: its id and secret."""
    exchange = HttpExchange(
        os.environ["EXCHANGE_URL"], Path(os.environ["EXCHANGE_ADMIN_KEY_FILE"]), os.environ["SSL_CERT_FILE"]
    )
    account = next(s.upstream.account for s in load().secrets if s.name == name and s.upstream)
    return exchange.create_key(account, name, "leaked", ["trade"])


def _contain(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", "contain", *words]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def _evidence(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", "evidence", *words]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def _open() -> dict[str, Incident]:
    return {i.id: i for i in HvacVault.from_environment().incidents() if i.state is State.OPEN}


def test_an_unknown_scope_is_refused_and_changes_nothing(sandbox: Sandbox) -> None:
    leaked = _leak()
    sandbox.openbao.kill()
    done = _contain("--scope", f"{KEY},nobody")
    assert done.returncode == 2, done.stderr
    assert "'nobody' is declared nowhere; nothing was changed" in done.stderr
    assert Actors(sandbox).order(*leaked)


def test_what_needs_no_vault_is_done_and_the_same_command_completes(sandbox: Sandbox) -> None:
    leaked, actors = _leak(), Actors(sandbox)
    login = actors.login(*actors.secret_id("analytics-api"))
    user = actors.read(login, f"database/creds/{DATABASE}")
    assert actors.order(*leaked)
    assert actors.can_connect(user["username"], user["password"])
    sandbox.openbao.kill()

    words = ("--incident-id", "INC-12", "--scope", f"{KEY},{DATABASE}", "--json")
    down = _contain(*words)
    assert down.returncode == 3, down.stderr
    assert not actors.order(*leaked)
    assert not actors.can_connect(user["username"], user["password"])
    assert actors.manager(), "nobody can connect: proves nothing"
    host = GithubHost.from_environment(os.environ)
    for repository in REPOSITORIES:
        assert [rule.lock for rule in host.branch_rules(repository)] == [True]
        assert not host.actions_enabled(repository)
        assert host.live_runs(repository) == []
    assert "no answer from the vault: nothing is on record there" in down.stderr
    assert "run the same command again when it is back" in down.stderr
    told = json.loads(down.stdout)
    assert (told["incident"], told["contained"]) == ("INC-12", False)
    open_points = " | ".join(told["not_contained"])
    for name in (
        f"{names.GATE} (gate:",
        f"{names.QUARANTINE} (quarantine:",
        "(CI role off:",
        "(identity denied:",
        "(login TTL capped:",
        f"{DATABASE} (database role capped:",
        "(leases revoked:",
        "every identity in scope (tokens revoked:",
        "(past the gate:",
        f"{KEY} (probe:",
    ):
        assert name in open_points, open_points
    assert "everything after" not in open_points
    whats = {(e["what"], e["outcome"]) for e in record.events("INC-12")}
    assert {
        ("incident opened", "failed"),
        ("upstream key disabled", "done"),
        ("gate", "failed"),
        ("database sessions ended", "done"),
        ("branches locked", "done"),
    } <= whats

    for verb in ("report", "collect"):
        told_of = _evidence(verb, "INC-12")
        assert (told_of.returncode, "MISSING incident.json is missing" in told_of.stdout) == (3, True), told_of.stderr
    page = (record.place("INC-12") / "report.html").read_text()
    assert "<h2>The server's record is missing</h2>" in page
    assert f"leaked: secret:{DATABASE}, secret:{KEY}" in page
    assert f"{names.GATE} (gate: the vault does not answer)" in page

    sandbox.openbao.start()
    assert actors.allowed(lambda: actors.read(login, f"database/creds/{DATABASE}")), "it was denied: proves nothing"
    back = _contain(*words)
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["contained"] is True
    assert _open()["INC-12"].contained_at
    assert not actors.allowed(lambda: actors.read(login, f"database/creds/{DATABASE}"))
    assert ("incident opened", "failed") in {(e["what"], e["outcome"]) for e in record.events("INC-12")}, "moved aside"
    for verb in ("collect", "verify"):
        told_of = _evidence(verb, "INC-12")
        assert told_of.returncode == 0, told_of.stdout + told_of.stderr


def test_what_was_named_while_it_was_away_is_not_lost_by_the_id_alone(sandbox: Sandbox) -> None:
    """The second run is asked for by the id alone: the command that it prints has the names."""
    named = f"secret:{KEY},workload:risk-engine"
    sandbox.openbao.kill()
    for words in (("--scope", named), ()):
        down = _contain("--incident-id", "INC-30", *words)
        assert down.returncode == 3, down.stderr
        assert f"portcullis contain --incident-id INC-30 --scope {named}, or pulumi up" in down.stderr
    assert _contain("--incident-id", "INC-31", "--scope", named).returncode == 3
    sandbox.openbao.start()

    back = _contain("--incident-id", "INC-30", "--scope", named)
    assert back.returncode == 0, back.stderr
    assert _open()["INC-30"].scope.leaked == tuple(named.split(","))
    without = _contain("--incident-id", "INC-31")
    assert without.returncode == 0, without.stderr
    assert _open()["INC-31"].scope.everything
    assert f"in a second incident: portcullis contain --scope {named}" in without.stderr
    for incident_id in ("INC-30", "INC-31"):
        told_of = _evidence("collect", incident_id)
        assert told_of.returncode == 0, told_of.stdout + told_of.stderr
        page = (record.place(incident_id) / "report.html").read_text()
        assert "Not contained" not in page, incident_id


def test_a_refused_containment_token_is_no_reason_to_wait(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_CONTAINMENT_TOKEN", "s.expired")
    done = _contain("--incident-id", "INC-14", "--scope", "risk-limits-token")
    assert done.returncode == 0, done.stderr
    assert "PORTCULLIS_CONTAINMENT_TOKEN is refused, so VAULT_TOKEN locks down" in done.stderr
    assert _open()["INC-14"].contained_at
    another = Path(os.environ["PORTCULLIS_PROBER_TOKEN_FILE"]).read_text()
    monkeypatch.setenv("PORTCULLIS_CONTAINMENT_TOKEN", another)
    done = _contain("--incident-id", "INC-14", "--scope", "risk-limits-token")
    assert done.returncode == 0, done.stderr
    assert "PORTCULLIS_CONTAINMENT_TOKEN is refused, so VAULT_TOKEN locks down: " in done.stderr
    monkeypatch.setenv("PORTCULLIS_CONTAINMENT_TOKEN", "s.expired")

    leaked = _leak()
    with monkeypatch.context() as refused:
        refused.setenv("VAULT_TOKEN", "s.expired too")
        done = _contain("--incident-id", "INC-15", "--scope", KEY)
        assert done.returncode == 3, done.stderr
        assert "no token of ours is accepted, tried PORTCULLIS_CONTAINMENT_TOKEN and VAULT_TOKEN: " in done.stderr
        assert "a token that is accepted (PORTCULLIS_CONTAINMENT_TOKEN and VAULT_TOKEN)" in done.stderr
        assert "answer" not in done.stdout + done.stderr, "it does answer"
        assert not Actors(sandbox).order(*leaked), "what needs no vault was not done"
        tokens = {"VAULT_TOKEN": "s.expired too", "PORTCULLIS_CONTAINMENT_TOKEN": "s.expired"}
        config = ("incident=true", "incidentId=INC-16", f"incidentScope={OTHER}")
        other = _leak(OTHER)
        up = pulumi(sandbox, *config, environ={**sandbox.environ(), **tokens})
        assert up.returncode != 0
        assert "no token of ours is accepted" in up.stdout
        assert "what needs no vault is done at once by `portcullis contain`" in up.stdout
        assert Actors(sandbox).order(*other), "an old token beside an old stack file is nobody's lock-down"
        refused.delenv("VAULT_TOKEN")
        newer = _leak()
        done = _contain("--incident-id", "INC-15", "--scope", KEY)
        assert done.returncode == 3, done.stderr
        assert "no token of ours is accepted, tried PORTCULLIS_CONTAINMENT_TOKEN: " in done.stderr
        assert not Actors(sandbox).order(*newer), "what needs no vault was not done"
    assert not {"INC-15", "INC-16"} & set(_open())
    monkeypatch.delenv("PORTCULLIS_CONTAINMENT_TOKEN")
    assert _contain("--incident-id", "INC-15", "--scope", KEY).returncode == 0


def test_a_wrong_file_of_certificates_is_named_and_is_no_reason_to_wait(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_file, empty = str(tmp_path / "nope.pem"), tmp_path / "empty.pem"
    empty.touch()
    leaked, other = _leak(), _leak(OTHER)
    with monkeypatch.context() as wrong:
        wrong.setenv("VAULT_CACERT", no_file)
        reason = (
            f"vault: VAULT_CACERT: {no_file}: No such file or directory: set it to the file of the server's authority"
        )
        for words in (
            ("rotate", "run", "INC-18"),
            ("revoke", "database/creds/analytics-readonly"),
            ("drift",),
            ("evidence", "collect", "INC-18"),
            ("access", "who", "--live", "secret/data/partners/api"),
            ("contain", "--incident-id", "INC-18", "--scope", KEY),
        ):
            argv = [sys.executable, "-m", "rotation", *words]
            done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
            assert reason in done.stdout + done.stderr, done.stderr
            assert "Traceback" not in done.stderr
            assert done.returncode == (2 if words[0] == "evidence" else 3), words
        assert not Actors(sandbox).order(*leaked), "what needs no vault was not done"
        environ = {**sandbox.environ_unchecked(), "VAULT_CACERT": str(empty)}
        up = pulumi(sandbox, "incident=true", "incidentId=INC-19", f"incidentScope={OTHER}", environ=environ)
        assert up.returncode != 0
        assert f"vault: VAULT_CACERT: {empty}: holds no certificate" in up.stdout
        assert not Actors(sandbox).order(*other)
    assert not {"INC-18", "INC-19"} & set(_open())


def test_pulumi_up_with_an_operators_token_that_is_refused(sandbox: Sandbox) -> None:
    """The containment token locks down; what Pulumi itself would write fails, and the run with it."""
    bad = {**sandbox.environ(), "VAULT_TOKEN": "s.expired"}
    up = pulumi(sandbox, "incident=true", "incidentId=INC-17", "incidentScope=partner-api-key", environ=bad)
    assert up.returncode != 0
    assert "VAULT_TOKEN is refused, so Pulumi's own resources will fail; the lock-down goes on" in up.stdout
    assert "secret/data/partners/api" in (HvacVault.from_environment().read_policy(names.GATE) or "")
    assert _open()["INC-17"].contained_at, up.stdout
    good = pulumi(sandbox, "incident=true", "incidentId=INC-17", "incidentScope=partner-api-key")
    assert good.returncode == 0, good.stdout


def test_pulumi_up_with_a_token_that_could_not_raise_the_gate_again_denies_nothing(sandbox: Sandbox) -> None:
    """Whoever locks down with the containment token would find no way out once it is denied."""
    bao = sandbox.openbao
    made = bao.call("POST", "auth/token/create", {"policies": [operators.DRIFT]}, token=bao.root_token())
    narrow = {**sandbox.environ(), "VAULT_TOKEN": made["auth"]["client_token"]}
    before, known = HvacVault.from_environment().read_policy(names.GATE), _open()
    up = pulumi(sandbox, "incident=true", "incidentId=INC-20", f"incidentScope={OTHER}", environ=narrow)
    assert up.returncode != 0
    assert "no way out: this token could not lift what it locks; it lacks sys/policies/acl/pc-x" in up.stdout
    assert HvacVault.from_environment().read_policy(names.GATE) == before
    assert _open() == known


def test_a_vault_that_dies_in_the_middle_ends_its_own_effects_only(sandbox: Sandbox) -> None:
    leaked, actors = _leak(), Actors(sandbox)

    class Dying(HvacVault):
        """Takes the gate, and is gone."""

        def write_policy(self, name: str, text: str) -> None:
            super().write_policy(name, text)
            sandbox.openbao.kill()

    scope = f"{KEY},partner-api-key"
    said: list[str] = []
    found = direct.contain(Dying.for_containment(), "INC-7", scope, said.append)
    assert not actors.order(*leaked)
    assert found.report.incident == "INC-7"
    open_points = " | ".join(found.report.not_contained)
    for name in (f"{names.QUARANTINE} (quarantine:", "(CI role off:", "(tokens revoked:", "(past the gate:", "(probe:"):
        assert name in open_points, open_points
    assert "everything after" not in open_points
    sandbox.openbao.start()
    assert "INC-7" in _open()
    back = _contain("--incident-id", "INC-7")
    assert back.returncode == 0, back.stdout + back.stderr


def test_pulumi_up_does_the_same(sandbox: Sandbox) -> None:
    leaked, actors = _leak(), Actors(sandbox)
    sandbox.openbao.kill()
    config = ("incident=true", "incidentId=INC-13", f"incidentScope={KEY},risk-limits-token")
    environ = sandbox.environ_unchecked()
    kept = pulumi(sandbox, "incident=keep", environ=environ)
    assert kept.returncode != 0
    assert "Start or unseal it, or set VAULT_ADDR, then run the same command again" in kept.stdout
    down = pulumi(sandbox, *config, environ=environ)
    assert down.returncode != 0
    assert not actors.order(*leaked)
    assert "no answer from the vault: nothing is on record there" in down.stdout
    assert f"{names.GATE} (gate:" in down.stdout
    assert "every identity in scope (tokens revoked:" in down.stdout
    sandbox.openbao.start()
    assert f"--config incidentId=INC-13 --config incidentScope=secret:{KEY},secret:risk-limits-token" in down.stdout
    back = pulumi(sandbox, *config, environ=environ)
    assert back.returncode == 0, back.stdout
    assert _open()["INC-13"].contained_at
    assert _open()["INC-13"].scope.leaked == (f"secret:{KEY}", "secret:risk-limits-token")


@contextmanager
def _flooding(token: str, path: str, times: int) -> Iterator[list[Thread]]:
    """So many requests at a time, each with a connection of its own, until one is refused."""
    context = ssl.create_default_context(cafile=os.environ["VAULT_CACERT"])
    host = os.environ["VAULT_ADDR"].removeprefix("https://")

    def work(enough: Event) -> None:
        while not enough.is_set():
            with suppress(OSError), closing(HTTPSConnection(host, context=context, timeout=300)) as connection:
                connection.request("GET", f"/v1/{path}", headers={"X-Vault-Token": token})
                if connection.getresponse().status == 403:
                    return

    with crowd(work, times) as threads:
        yield threads


def test_a_flood_that_holds_the_storage_is_denied_by_what_needs_none(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors = Actors(sandbox)
    token, path = actors.login(*actors.secret_id("analytics-api")), f"database/creds/{DATABASE}"
    leaked = _leak()
    vault = HvacVault.for_containment()
    held = json.loads(vault.read_policy(names.GATE) or "")["path"]
    assert len(held) > 1, "nothing is denied for another incident: proves less"
    monkeypatch.setattr(client, "_STORED", 2)
    said: list[str] = []
    with _flooding(token, path, 300) as threads:
        time.sleep(5)
        scope = f"{KEY},{DATABASE}"
        done = direct.contain(vault, "INC-FLOOD", scope, said.append)
        assert done.exit_code == 3
        assert "in a minute, when what the policies deny now has ended" in done.absent
        outcomes = {(e.what, e.target): e.outcome for e in done.report.effects}
        assert outcomes["gate", names.GATE] is not Outcome.FAILED
        assert outcomes["quarantine", names.QUARANTINE] is Outcome.DONE
        assert held.items() <= json.loads(vault.read_policy(names.GATE) or "")["path"].items()
        assert not actors.allowed(lambda: actors.read(token, path))
        assert not actors.order(*leaked)
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads), "it goes on"
    assert "INC-FLOOD" not in _open()
    back = _contain("--incident-id", "INC-FLOOD")
    assert back.returncode == 0, back.stderr
    assert _open()["INC-FLOOD"].contained_at
