"""Rotation on real servers after a real lock-down: each kind, killed at several steps, proven, lifted."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from containment.folder.chain import EVENTS, verify
from drill.actors import Actors
from drill.stack import pulumi
from policies.errors import Unreachable
from rotation.journal import JOURNAL
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration import rotating

ID = "ROT-1"
SCOPE = "ci:cicd,exchange-trading-key,market-data-ingest,partner-api-key,workload:risk-engine"
KEY = "secret:exchange-trading-key"
KILLS = (
    ("create", "started"),
    ("create", "done"),
    ("store", "done"),
    ("destroy-old", "started"),
    ("open", "done"),
)
"""Where the rotating process is killed, one after the other, each time in the middle of the exchange key's steps."""


@dataclass(frozen=True, slots=True)
class Leaked:
    """What an attacker took before the lock-down."""

    key: dict[str, str] = field(repr=False)
    database: dict[str, str] = field(repr=False)
    risk: tuple[str, str] = field(repr=False)
    partner: str = field(repr=False)


@pytest.fixture(scope="module")
def leaked(sandbox: Sandbox) -> Leaked:
    actors = Actors(sandbox)

    def read(workload: str, path: str) -> Any:
        return actors.read(actors.login(*actors.secret_id(workload)), path)

    actors.ci_login("cicd", rotating.CI)
    return Leaked(
        read("execution-engine", rotating.PATH)["data"],
        read("market-data-writer", "database/creds/market-data-ingest"),
        actors.secret_id("risk-engine"),
        read("partner-gateway", "secret/data/partners/api")["data"]["value"],
    )


@pytest.fixture(scope="module")
def locked(sandbox: Sandbox, leaked: Leaked) -> Leaked:
    done = pulumi(sandbox, "incident=true", f"incidentId={ID}", f"incidentScope={SCOPE}")
    assert done.returncode == 0, done.stdout
    return leaked


@pytest.fixture(scope="module")
def killed(sandbox: Sandbox, locked: Leaked) -> Any:
    """The rotation after a process was killed at each point in turn, and the last one went through."""
    del locked
    for point in KILLS:
        _kill_at(sandbox, ID, KEY, *point)
    return _all_but_the_partner(sandbox)


def _all_but_the_partner(sandbox: Sandbox) -> Any:
    code, document = rotating.rotate(sandbox, "resume", ID)
    assert code == 1, "the partner's key waits for a person"
    assert [c["item"] for c in document["credentials"] if not c["holds"]] == ["secret:partner-api-key"]
    return document


def _kill_at(sandbox: Sandbox, incident: str, item: str, step: str, outcome: str) -> None:
    """Start a rotation, watch its journal, and kill it as soon as the line appears that this run wrote."""
    before = len(rotating.journal(incident))
    deadline = time.monotonic() + 60
    with rotating.popen(sandbox, "resume", incident) as child:
        while time.monotonic() < deadline:
            new = rotating.journal(incident)[before:]
            if any((e["item"], e["step"]) == (item, step) and e["outcome"] in (outcome, "already") for e in new):
                child.send_signal(signal.SIGKILL)
                break
            assert child.poll() is None, f"it ended before {step} {outcome}"
            time.sleep(0.002)
        child.communicate()
    assert child.returncode == -signal.SIGKILL


def test_before_rotation_a_lift_names_each_missing_proof(sandbox: Sandbox, locked: Leaked) -> None:
    del locked
    done = pulumi(sandbox, "incident=false", f"incidentId={ID}")
    assert done.returncode != 0
    refusal = next(line for line in done.stdout.splitlines() if "lift refused" in line)
    for item in (
        "ci:cicd/old-dead",
        "incident/audit-quiet",
        "incident/recovery",
        "secret:exchange-trading-key/old-dead",
        "secret:exchange-trading-key/new-alive",
        "secret:market-data-ingest/new-alive",
        "secret:partner-api-key/old-dead",
        "workload:risk-engine/new-alive",
    ):
        assert item in refusal, item


def test_a_plan_touches_nothing(sandbox: Sandbox, locked: Leaked) -> None:
    del locked
    code, document = rotating.rotate(sandbox, "plan", ID)
    assert code == 0
    assert [len(wave) for wave in document["waves"]] == [2, 3, 1]
    assert rotating.journal(ID) == []
    assert rotating.live_keys(sandbox, "exchange-trading-key") == []


def test_a_token_that_is_refused_is_told_with_the_variable_that_names_its_file(
    sandbox: Sandbox, locked: Leaked, tmp_path: Path
) -> None:
    del locked
    file = tmp_path / "token"
    file.write_text("s.nobody")
    file.chmod(0o600)
    argv = [sys.executable, "-m", "rotation", "rotate", "plan", ID]
    env = {**rotating.environ(sandbox), "PORTCULLIS_ROTATOR_TOKEN_FILE": str(file)}
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "permission denied: by the token of PORTCULLIS_ROTATOR_TOKEN_FILE" in done.stderr
    assert "its policy lacks what was declared since: `portcullis drift` names the policy" in done.stderr


def test_killed_at_every_point_it_leaves_one_live_key(sandbox: Sandbox, killed: Any) -> None:
    del killed
    held = rotating.root(sandbox, "GET", rotating.PATH)["data"]
    assert rotating.live_keys(sandbox, "exchange-trading-key") == [held["api_key"]]
    assert Actors(sandbox).order(held["api_key"], held["api_secret"])


def test_old_versions_are_destroyed(sandbox: Sandbox, killed: Any) -> None:
    del killed
    versions = rotating.root(sandbox, "GET", "secret/metadata/trading/exchange")["versions"]
    assert [v["destroyed"] for _, v in sorted(versions.items(), key=lambda x: int(x[0]))][-1] is False
    assert all(v["destroyed"] for n, v in versions.items() if int(n) < len(versions))
    with pytest.raises(Unreachable, match=" 404 "):
        rotating.root(sandbox, "GET", f"{rotating.PATH}?version=1")


def test_the_gate_is_open_for_what_is_proven_and_shut_for_the_rest(sandbox: Sandbox, killed: Any) -> None:
    del killed
    actors = Actors(sandbox)
    trader = actors.login(*rotating.delivered(sandbox, "execution-engine"))
    partner = actors.login(*rotating.delivered(sandbox, "partner-gateway"))
    assert actors.allowed(lambda: actors.read(trader, rotating.PATH))
    assert not actors.allowed(lambda: actors.read(partner, "secret/data/partners/api"))


def test_what_was_replaced_is_not_contained_where_it_is_named_once_more(sandbox: Sandbox, killed: Any) -> None:
    """It may have leaked again: the words say how that is locked down, and the new key is left alone."""
    del killed
    done = pulumi(sandbox, "incident=true", f"incidentId={ID}", f"incidentScope={SCOPE}")
    assert done.returncode != 0
    said = "not contained: secret:exchange-trading-key, secret:market-data-ingest"
    assert said in done.stdout, done.stdout
    assert f"incidentId={ID}-2 --config incidentScope=secret:exchange-trading-key,secret:market-data-in" in done.stdout
    assert "secret:partner-api-key (named again" not in done.stdout, "it waits for a person's word"
    assert len(rotating.live_keys(sandbox, "exchange-trading-key")) == 1


def test_the_next_plain_up_agrees(sandbox: Sandbox, killed: Any) -> None:
    del killed
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert done.returncode == 0, done.stdout
    actors = Actors(sandbox)
    trader = actors.login(*rotating.delivered(sandbox, "execution-engine"))
    assert actors.allowed(lambda: actors.read(trader, rotating.PATH)), "an apply must not deny what is replaced"
    assert len(rotating.live_keys(sandbox, "exchange-trading-key")) == 1, "an apply must not disable the new key"


def test_confirmed_rotated_and_lifted(sandbox: Sandbox, locked: Leaked, killed: Any) -> None:
    del killed
    argv = ["confirm", ID, "secret:partner-api-key", "--by", "A. Roth", "--note", "ticket 4711"]
    word = subprocess.run(
        [sys.executable, "-m", "rotation", "rotate", *argv], cwd=REPOSITORY, env=rotating.environ(sandbox), check=False
    )
    assert word.returncode == 0
    _, status = rotating.rotate(sandbox, "status", ID)
    (told,) = (i["detail"] for i in status["proofs"] if i["item"] == "secret:partner-api-key/old-dead")
    assert told == f"confirmed by A. Roth of version 2: ticket 4711: portcullis rotate run {ID}"
    file = sandbox.delivered / "risk-engine.json"
    host = file.rename(file.with_name("moved-to-the-host"))
    code, document = rotating.rotate(sandbox, "run", ID)
    assert code == 0, document["open"]
    assert not file.exists(), "the host's secret_id was replaced"
    said = {r["step"]: r["detail"] for c in document["credentials"] for r in c["steps"] if "risk-engine" in c["item"]}
    assert f"{file} does not hold it any more: where it is lost, bao write auth/approle/role/" in said["deliver"]
    assert said["try-new"].startswith("a login with what was delivered worked at 20")
    host.rename(file)
    done = pulumi(sandbox, "incident=false", f"incidentId={ID}")
    assert done.returncode == 0, done.stdout
    actors = Actors(sandbox)
    assert not actors.order(locked.key["api_key"], locked.key["api_secret"])
    assert not actors.can_connect(locked.database["username"], locked.database["password"])
    assert not actors.allowed(lambda: actors.login(*locked.risk))
    risk = actors.login(*rotating.delivered(sandbox, "risk-engine"))
    assert actors.allowed(lambda: actors.read(risk, "secret/data/risk/limits"))
    partner = actors.login(*rotating.delivered(sandbox, "partner-gateway"))
    assert actors.read(partner, "secret/data/partners/api")["data"]["value"] != locked.partner


def test_no_value_is_written_anywhere(sandbox: Sandbox, locked: Leaked, killed: Any) -> None:
    del killed
    new_key = rotating.root(sandbox, "GET", rotating.PATH)["data"]
    values = [
        locked.key["api_secret"],
        locked.database["password"],
        locked.risk[1],
        locked.partner,
        new_key["api_secret"],
        rotating.root(sandbox, "GET", "secret/data/partners/api")["data"]["value"],
        rotating.delivered(sandbox, "risk-engine")[1],
        (sandbox.root / "secrets" / "rotator.token").read_text(),
    ]
    files = [f for f in (sandbox.root / "rotation").iterdir() if f.is_file()]
    files += [f for f in (Path(os.environ["PORTCULLIS_INCIDENTS"]) / ID).rglob("*") if f.is_file()]
    assert {"steps.sqlite", JOURNAL, EVENTS} <= {f.name for f in files}
    assert verify(Path(os.environ["PORTCULLIS_INCIDENTS"]) / ID) == []
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        content = file.read_bytes()
        if file.name == "steps.sqlite":
            content += _stored(file)
            assert b"a signed call with key sha256:" in content, "the results were not decoded, so nothing was searched"
        for number, value in enumerate(values):
            assert value.encode() not in content, f"value {number} is in {file.name}"


def _stored(file: Path) -> bytes:
    """Every cell of the database, those in base64 decoded too."""
    found = b""
    with closing(sqlite3.connect(file)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608
                for cell in row:
                    text = cell if isinstance(cell, bytes) else str(cell).encode()
                    found += text
                    try:
                        found += base64.b64decode(text, validate=True)
                    except ValueError:
                        continue
    return found


def test_candidates_are_gone_and_only_the_rotator_reads_them(sandbox: Sandbox, killed: Any) -> None:
    del killed
    with pytest.raises(Unreachable, match=" 404 "):
        sandbox.openbao.call("LIST", "portcullis/metadata/candidates", token=sandbox.openbao.root_token())
    for name in ("operator", "break-glass"):
        token = (sandbox.root / "secrets" / f"{name}.token").read_text()
        with pytest.raises(Unreachable, match=" 403 "):
            sandbox.openbao.call("GET", "portcullis/data/candidates/exchange-trading-key", token=token)


def test_the_rotator_changes_nothing_but_what_it_rotates(sandbox: Sandbox) -> None:
    token = (sandbox.root / "secrets" / "rotator.token").read_text()
    for method, path, body in (
        ("PUT", "sys/policies/acl/portcullis-rotator", {"policy": "{}"}),
        ("PUT", "sys/policies/acl/pc-quarantine", {"policy": "{}"}),
        ("POST", "auth/approle/role/settlement", {"token_policies": ["root"]}),
        ("POST", "auth/token/create", {"policies": ["root"]}),
        ("POST", "database/roles/market-data-ingest", {"max_ttl": "24h"}),
        ("POST", "secret/data/not/declared", {"data": {"a": "b"}}),
        ("DELETE", "secret/metadata/trading/exchange", None),
    ):
        with pytest.raises(Unreachable, match=" 403 "):
            sandbox.openbao.call(method, path, body, token=token)


def test_one_failure_does_not_stop_the_others_and_the_rerun_completes(sandbox: Sandbox, killed: Any) -> None:
    del killed
    scope = "exchange-trading-key,settlement-readonly"
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-2", f"incidentScope={scope}")
    assert done.returncode == 0, done.stdout
    sandbox.service("exchange").stop()
    code, document = rotating.rotate(sandbox, "run", "ROT-2")
    assert code == 3, "the exchange is away"
    held = {c["item"]: c["holds"] for c in document["credentials"]}
    assert held["secret:settlement-readonly"] is True
    assert held["secret:exchange-trading-key"] is False
    assert "secret:exchange-trading-key: disable-old: exchange: GET" in document["open"][0]
    environ = rotating.environ(sandbox)
    early = pulumi(sandbox, "incident=false", "incidentId=ROT-2", "incidentScope=", environ=environ)
    assert "secret:exchange-trading-key/new-alive" in early.stdout
    sandbox.service("exchange").start()
    first, second = rotating.popen(sandbox, "run", "ROT-2"), rotating.popen(sandbox, "run", "ROT-2")
    outputs = [child.communicate() for child in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert any("joining it" in progress for _, progress in outputs)
    assert len(rotating.live_keys(sandbox, "exchange-trading-key")) == 1
    created = [e for e in rotating.journal("ROT-2") if (e["step"], e["outcome"]) == ("create", "done")]
    assert len(created) == 1, "two operators made one key"
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-2", "incidentScope=")
    assert done.returncode == 0, done.stdout


def test_everything_needs_the_workloads_back_and_a_quiet_log(sandbox: Sandbox, killed: Any) -> None:
    del killed
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-3", "incidentScope=")
    assert done.returncode == 0, done.stdout
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-3")
    assert "incident/recovery" in refused.stdout
    role, root = "auth/approle/role/execution-engine", sandbox.openbao.root_token()
    sandbox.openbao.call("POST", role, {"token_policies": ["of-somebody-else"]}, token=root)
    code, document = rotating.rotate(sandbox, "run", "ROT-3")
    assert code == 1
    assert f"recovery: {role} has not the declared token_policies: pulumi up --refresh" in document["open"][0]
    refreshed = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=", refresh=True)
    assert refreshed.returncode == 0, refreshed.stdout
    environ = rotating.environ(sandbox)
    del environ["PORTCULLIS_AUDIT_LOG"]
    argv = [sys.executable, "-m", "rotation", "rotate", "run", "ROT-3", "--json"]
    blind = subprocess.run(argv, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    assert blind.returncode == 1
    assert "PORTCULLIS_AUDIT_LOG is not set: nobody looked" in blind.stdout
    assert "incident/audit-quiet" in pulumi(sandbox, "incident=false", "incidentId=ROT-3").stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-3")
    assert code == 0, document
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-3")
    assert done.returncode == 0, done.stdout


def test_what_was_killed_before_another_deny_is_not_gone_on_with(sandbox: Sandbox, killed: Any) -> None:
    """What it had proven may have leaked since; it said "rotated" of what its own status called missing."""
    del killed
    scope = ("incidentScope=secret:market-data-ingest",)
    assert pulumi(sandbox, "incident=true", "incidentId=ROT-4", *scope).returncode == 0
    _kill_at(sandbox, "ROT-4", "secret:market-data-ingest", "open", "started")
    words = ("contain", "--incident-id", "ROT-5", "--scope", "secret:market-data-ingest,secret:treasury-readonly")
    argv = [sys.executable, "-m", "rotation", *words]
    subprocess.run(argv, cwd=REPOSITORY, env=rotating.environ(sandbox), check=True, capture_output=True)
    code, document = rotating.rotate(sandbox, "resume", "ROT-4")
    assert code == 0, document
    argv = [sys.executable, "-m", "rotation", "rotate", "status", "ROT-4", "--json"]
    said = subprocess.run(
        argv, cwd=REPOSITORY, env=rotating.environ(sandbox), capture_output=True, text=True, check=False
    )
    proofs = {p["item"]: p["proven"] for p in json.loads(said.stdout)["proofs"]}
    assert proofs["secret:market-data-ingest/new-alive"], said.stdout
