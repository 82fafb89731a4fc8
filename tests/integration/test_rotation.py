"""Rotation on real servers after a real lock-down: each kind, killed at several steps, proven, lifted."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from containment.adapters.exchange import HttpExchange
from containment.adapters.github import GithubHost
from containment.adapters.vault import HvacVault
from containment.chain import EVENTS, verify
from containment.incident import Incident, Scope, State
from containment.names import actions_value
from drill.actors import Actors
from drill.stack import pulumi
from policies.errors import Unreachable
from rotation.journal import JOURNAL
from sandbox.environment import REPOSITORY, Sandbox

ID = "ROT-1"
ACCOUNT = "tradepulse-prod"
SCOPE = "ci:cicd,exchange-trading-key,market-data-ingest,partner-api-key,workload:risk-engine"
KEY = "secret:exchange-trading-key"
PATH = "secret/data/trading/exchange"
CI = {"repository": "tradepulse/tradepulse-core", "ref": "refs/heads/main"}
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

    actors.ci_login("cicd", CI)
    return Leaked(
        read("execution-engine", PATH)["data"],
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
    code, document = _rotate(sandbox, "resume", ID)
    assert code == 1, "the partner's key waits for a person"
    assert [c["item"] for c in document["credentials"] if not c["holds"]] == ["secret:partner-api-key"]
    return document


def _environ(sandbox: Sandbox) -> dict[str, str]:
    return {**os.environ, **sandbox.environ_unchecked()}


def _popen(sandbox: Sandbox, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "rotation", "rotate", *words, "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=REPOSITORY, env=_environ(sandbox), stdout=pipe, stderr=pipe, text=True)


def _rotate(sandbox: Sandbox, *words: str) -> tuple[int, Any]:
    with _popen(sandbox, *words) as child:
        output, progress = child.communicate()
    print(progress)
    return child.returncode, json.loads(output)


def _journal(incident: str) -> list[dict[str, Any]]:
    file = Path(os.environ["PORTCULLIS_INCIDENTS"]) / incident / JOURNAL
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _kill_at(sandbox: Sandbox, incident: str, item: str, step: str, outcome: str) -> None:
    """Start a rotation, watch its journal, and kill it as soon as the line appears that this run wrote."""
    before = len(_journal(incident))
    deadline = time.monotonic() + 60
    with _popen(sandbox, "resume", incident) as child:
        while time.monotonic() < deadline:
            new = _journal(incident)[before:]
            if any((e["item"], e["step"]) == (item, step) and e["outcome"] in (outcome, "already") for e in new):
                child.send_signal(signal.SIGKILL)
                break
            assert child.poll() is None, f"it ended before {step} {outcome}"
            time.sleep(0.002)
        child.communicate()
    assert child.returncode == -signal.SIGKILL


def _vault(sandbox: Sandbox) -> HvacVault:
    return HvacVault.from_environment(sandbox.environ())


def _root(sandbox: Sandbox, method: str, path: str) -> Any:
    return sandbox.openbao.call(method, path, token=sandbox.openbao.root_token())["data"]


def _exchange(sandbox: Sandbox) -> HttpExchange:
    environ = sandbox.environ()
    return HttpExchange(environ["EXCHANGE_URL"], Path(environ["EXCHANGE_ADMIN_KEY_FILE"]), str(sandbox.root / "ca.pem"))


def _live_keys(sandbox: Sandbox, tag: str) -> list[str]:
    return [k.id for k in _exchange(sandbox).keys(ACCOUNT) if k.enabled and k.tag == tag]


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
    code, document = _rotate(sandbox, "plan", ID)
    assert code == 0
    assert [len(wave) for wave in document["waves"]] == [2, 3, 1]
    assert _journal(ID) == []
    assert _live_keys(sandbox, "exchange-trading-key") == []


def test_killed_at_every_point_it_leaves_one_live_key(sandbox: Sandbox, killed: Any) -> None:
    del killed
    held = _root(sandbox, "GET", PATH)["data"]
    assert _live_keys(sandbox, "exchange-trading-key") == [held["api_key"]]
    assert Actors(sandbox).order(held["api_key"], held["api_secret"])


def test_old_versions_are_destroyed(sandbox: Sandbox, killed: Any) -> None:
    del killed
    versions = _root(sandbox, "GET", "secret/metadata/trading/exchange")["versions"]
    assert [v["destroyed"] for _, v in sorted(versions.items(), key=lambda x: int(x[0]))][-1] is False
    assert all(v["destroyed"] for n, v in versions.items() if int(n) < len(versions))
    with pytest.raises(Unreachable, match=" 404 "):
        _root(sandbox, "GET", f"{PATH}?version=1")


def test_the_gate_is_open_for_what_is_proven_and_shut_for_the_rest(sandbox: Sandbox, killed: Any) -> None:
    del killed
    actors = Actors(sandbox)
    trader = actors.login(*_delivered(sandbox, "execution-engine"))
    partner = actors.login(*_delivered(sandbox, "partner-gateway"))
    assert actors.allowed(lambda: actors.read(trader, PATH))
    assert not actors.allowed(lambda: actors.read(partner, "secret/data/partners/api"))


def test_the_next_plain_up_agrees(sandbox: Sandbox, killed: Any) -> None:
    del killed
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert done.returncode == 0, done.stdout
    actors = Actors(sandbox)
    trader = actors.login(*_delivered(sandbox, "execution-engine"))
    assert actors.allowed(lambda: actors.read(trader, PATH)), "an apply must not deny what is replaced"
    assert len(_live_keys(sandbox, "exchange-trading-key")) == 1, "an apply must not disable the new key"


def _delivered(sandbox: Sandbox, workload: str) -> tuple[str, str]:
    file = sandbox.delivered / f"{workload}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    held = json.loads(file.read_text())
    return held["role_id"], held["secret_id"]


def test_confirmed_rotated_and_lifted(sandbox: Sandbox, locked: Leaked, killed: Any) -> None:
    del killed
    argv = ["confirm", ID, "secret:partner-api-key", "--by", "A. Roth", "--note", "ticket 4711"]
    word = subprocess.run(
        [sys.executable, "-m", "rotation", "rotate", *argv], cwd=REPOSITORY, env=_environ(sandbox), check=False
    )
    assert word.returncode == 0
    _, status = _rotate(sandbox, "status", ID)
    (told,) = (i["detail"] for i in status["proofs"] if i["item"] == "secret:partner-api-key/old-dead")
    assert told == f"confirmed by A. Roth: ticket 4711: portcullis rotate run {ID}"
    code, document = _rotate(sandbox, "run", ID)
    assert code == 0, document["open"]
    done = pulumi(sandbox, "incident=false", f"incidentId={ID}")
    assert done.returncode == 0, done.stdout
    actors = Actors(sandbox)
    assert not actors.order(locked.key["api_key"], locked.key["api_secret"])
    assert not actors.can_connect(locked.database["username"], locked.database["password"])
    assert not actors.allowed(lambda: actors.login(*locked.risk))
    risk = actors.login(*_delivered(sandbox, "risk-engine"))
    assert actors.allowed(lambda: actors.read(risk, "secret/data/risk/limits"))
    partner = actors.login(*_delivered(sandbox, "partner-gateway"))
    assert actors.read(partner, "secret/data/partners/api")["data"]["value"] != locked.partner


def test_no_value_is_written_anywhere(sandbox: Sandbox, locked: Leaked, killed: Any) -> None:
    del killed
    new_key = _root(sandbox, "GET", PATH)["data"]
    values = [
        locked.key["api_secret"],
        locked.database["password"],
        locked.risk[1],
        locked.partner,
        new_key["api_secret"],
        _root(sandbox, "GET", "secret/data/partners/api")["data"]["value"],
        _delivered(sandbox, "risk-engine")[1],
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
    code, document = _rotate(sandbox, "run", "ROT-2")
    assert code == 3, "the exchange is away"
    held = {c["item"]: c["holds"] for c in document["credentials"]}
    assert held["secret:settlement-readonly"] is True
    assert held["secret:exchange-trading-key"] is False
    assert "secret:exchange-trading-key: disable-old: exchange: GET" in document["open"][0]
    environ = _environ(sandbox)
    early = pulumi(sandbox, "incident=false", "incidentId=ROT-2", "incidentScope=", environ=environ)
    assert "secret:exchange-trading-key/new-alive" in early.stdout
    sandbox.service("exchange").start()
    first, second = _popen(sandbox, "run", "ROT-2"), _popen(sandbox, "run", "ROT-2")
    outputs = [child.communicate() for child in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert any("joining it" in progress for _, progress in outputs)
    assert len(_live_keys(sandbox, "exchange-trading-key")) == 1
    created = [e for e in _journal("ROT-2") if (e["step"], e["outcome"]) == ("create", "done")]
    assert len(created) == 1, "two operators made one key"
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-2", "incidentScope=")
    assert done.returncode == 0, done.stdout


def test_what_leaks_with_a_repository_is_put_into_every_one_that_holds_it(sandbox: Sandbox, killed: Any) -> None:
    del killed
    old = _root(sandbox, "GET", "secret/data/ci/deploy")["data"]
    before = _held_by_actions(sandbox)
    assert before == {hashlib.sha256(actions_value(old).encode()).hexdigest()}, "no copy, so nothing would be proven"
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-4", "incidentScope=repository:tradepulse-core")
    assert done.returncode == 0, done.stdout
    assert _live_keys(sandbox, "deploy-exchange-key") == []
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert "secret:deploy-exchange-key/new-alive" in refused.stdout
    with _written_by_a_developer_without_end(sandbox):
        code, document = _rotate(sandbox, "run", "ROT-4")
    assert code == 1, "it said rotated, and GitHub holds what the attacker wrote"
    (told,) = [line for line in document["open"] if "deploy-exchange-key: copy: " in line]
    assert "tradepulse-core/DEPLOY_TOKEN was written by somebody else at " in told
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert "secret:deploy-exchange-key/new-alive" in refused.stdout
    code, document = _rotate(sandbox, "run", "ROT-4")
    assert code == 0, document["open"]
    new = _root(sandbox, "GET", "secret/data/ci/deploy")["data"]
    assert new != old
    assert _held_by_actions(sandbox) == {hashlib.sha256(actions_value(new).encode()).hexdigest()}
    assert not _exchange(sandbox).accepts(old["api_key"], old["api_secret"])
    assert _exchange(sandbox).accepts(new["api_key"], new["api_secret"])
    assert not Actors(sandbox).order(new["api_key"], new["api_secret"]), "a key that only read may trade now"
    time.sleep(1.1)  # GitHub tells whole seconds
    _as_a_developer(sandbox).put_actions_secret("tradepulse-core", "DEPLOY_TOKEN", "of the attacker")
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert "lift refused: Actions secret tradepulse-core/DEPLOY_TOKEN was written at " in refused.stdout
    code, document = _rotate(sandbox, "run", "ROT-4")
    assert code == 0, document["open"]
    assert _held_by_actions(sandbox) == {hashlib.sha256(actions_value(new).encode()).hexdigest()}
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert done.returncode == 0, done.stdout


def _as_a_developer(sandbox: Sandbox) -> GithubHost:
    token = (sandbox.root / "secrets" / "github.dana-dev.token").read_text()
    return GithubHost.from_environment({**sandbox.environ(), "GITHUB_TOKEN": token})


@contextmanager
def _written_by_a_developer_without_end(sandbox: Sandbox) -> Iterator[None]:
    """The secret in one repository, four times a second, until the attacker's access ends."""
    host, enough = _as_a_developer(sandbox), Event()

    def write() -> None:
        while not enough.wait(0.25):
            host.put_actions_secret("tradepulse-core", "DEPLOY_TOKEN", "of the attacker")

    writer = Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        enough.set()
        writer.join()


def _held_by_actions(sandbox: Sandbox) -> set[str]:
    """Digests of what the two repositories hold, as the double shows them."""
    context = ssl.create_default_context(cafile=str(sandbox.root / "ca.pem"))
    url = f"{sandbox.service('github').url}/_double/secrets/tradepulse"  # type: ignore[attr-defined]
    places = [f"{url}/{name}/DEPLOY_TOKEN" for name in ("tradepulse-core", "tradepulse-connectors")]
    return {httpx.get(place, verify=context, trust_env=False).json()["sha256"] for place in places}


def test_everything_needs_the_workloads_back_and_a_quiet_log(sandbox: Sandbox, killed: Any) -> None:
    del killed
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-3", "incidentScope=")
    assert done.returncode == 0, done.stdout
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-3")
    assert "incident/recovery" in refused.stdout
    environ = _environ(sandbox)
    del environ["PORTCULLIS_AUDIT_LOG"]
    argv = [sys.executable, "-m", "rotation", "rotate", "run", "ROT-3", "--json"]
    blind = subprocess.run(argv, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    assert blind.returncode == 1
    assert "PORTCULLIS_AUDIT_LOG is not set: nobody looked" in blind.stdout
    assert "incident/audit-quiet" in pulumi(sandbox, "incident=false", "incidentId=ROT-3").stdout
    code, document = _rotate(sandbox, "run", "ROT-3")
    assert code == 0, document
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-3")
    assert done.returncode == 0, done.stdout


def test_a_key_that_bears_another_tag_is_named_and_replaced_by_its_id(sandbox: Sandbox, killed: Any) -> None:
    """As after a declaration was renamed, and where somebody made the key by hand."""
    del killed
    name, path = "exchange-market-key", "secret/data/market-data/exchange"
    leaked = _root(sandbox, "GET", path)["data"]
    _retag(sandbox, name, "prices")
    jwt = Actors(sandbox).issuer_token(CI)
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-5", f"incidentScope={name},ci:cicd")
    assert not Actors(sandbox).allowed(lambda: Actors(sandbox).jwt_login("cicd", jwt))
    assert Actors(sandbox).look(leaked["api_key"], leaked["api_secret"]), "the key is dead: nothing is tried here"
    assert done.returncode != 0, "contained, it said, and the key works"
    assert f"not contained: {name} (upstream keys known: {leaked['api_key']} of account" in done.stdout
    workload = Actors(sandbox).login(*_delivered(sandbox, "settlement"))
    assert Actors(sandbox).allowed(lambda: Actors(sandbox).read(workload, "database/creds/settlement-readonly"))
    _, document = _rotate(sandbox, "run", "ROT-5")
    assert f"{name}: create: exchange lists no key with the tag {name}" in document["open"][0]
    _exchange(sandbox).create_key(ACCOUNT, name, "by hand", ["read"])
    _, document = _rotate(sandbox, "run", "ROT-5")
    assert document["open"] == ["incident: audit-quiet: the incident is not contained yet"]
    assert not Actors(sandbox).look(leaked["api_key"], leaked["api_secret"])
    again = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert again.returncode == 0, again.stdout
    code, document = _rotate(sandbox, "run", "ROT-5")
    assert code == 0, document["open"]
    new = _root(sandbox, "GET", path)["data"]
    assert _live_keys(sandbox, name) == [new["api_key"]]
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-5", "incidentScope=")
    assert done.returncode == 0, done.stdout
    assert Actors(sandbox).allowed(lambda: Actors(sandbox).jwt_login("cicd", jwt)), "the warning is no longer true"
    assert "a JWT of cicd from before the lock-down logs in again until " in done.stdout


def _retag(sandbox: Sandbox, old: str, new: str) -> None:
    """On the exchange's side, where nobody but its staff can."""
    service = sandbox.service("exchange")
    service.stop()
    state = service.folder / "state.json"
    state.write_text(state.read_text().replace(f'"tag": "{old}"', f'"tag": "{new}"'))
    service.start()


def test_what_was_stored_before_the_path_was_denied_is_no_replacement(sandbox: Sandbox, killed: Any) -> None:
    """By one who may write it, between the opening on record and the gate."""
    del killed
    path, vault = "secret/data/partners/api", _vault(sandbox)
    leaked = _root(sandbox, "GET", path)["data"]
    scope = Scope(everything=False, leaked=("secret:partner-api-key",))
    vault.write_incident(Incident("ROT-6", scope, State.OPEN, vault.now()))
    sandbox.openbao.call("POST", path, {"data": leaked}, token=sandbox.openbao.root_token())
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-6", "incidentScope=partner-api-key")
    assert done.returncode == 0, done.stdout
    code, document = _rotate(sandbox, "run", "ROT-6")
    assert code == 1, "it waits for a person's word"
    assert [line for line in document["open"] if "a person must confirm" in line]
    assert _root(sandbox, "GET", path)["data"] != leaked, "the leaked value was taken for its own replacement"


def test_what_a_writer_stored_kills_no_other_key_and_hides_none(sandbox: Sandbox, killed: Any) -> None:
    """The key that leaked bears the tag of no declaration, and whoever may write the secret has pushed it out of the
    stored versions, with ids of keys that are not in scope and with versions that are no key at all."""
    del killed
    name, path, exchange = "exchange-market-key", "secret/data/market-data/exchange", _exchange(sandbox)

    def store(key: object, second: object = "x") -> None:
        data = {"data": {"api_key": key, "api_secret": second}}
        sandbox.openbao.call("POST", path, data, token=sandbox.openbao.root_token())

    leaked = exchange.create_key(ACCOUNT, "legacy-name", "", ["read"])
    others = {tag: _live_keys(sandbox, tag) for tag in ("exchange-trading-key", f"{name}-kraken")}
    assert all(others.values()), "nothing to kill"
    store(*leaked)
    for number in range(5):
        store(f"bogus-{number}")
    store(["x"], {"a": 1})
    for odd in ("\u00e9", "a\r\nX-Other: b", "k" * 100_000, *(key for live in others.values() for key in live)):
        store(odd)
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-7", f"incidentScope={name}")
    assert f"not contained: {name} (upstream keys known: {leaked[0]} of account" in done.stdout

    code, document = _rotate(sandbox, "run", "ROT-7")
    assert code == 1
    assert f"secret:{name}: try-old: {leaked[0]} of account {ACCOUNT} at exchange is live" in document["open"][0]
    assert exchange.accepts(*leaked), "it is nobody's that we know: a person disables it"
    assert {tag: _live_keys(sandbox, tag) for tag in others} == others
    new = _root(sandbox, "GET", path)["data"]["api_key"]
    assert next(k.permissions for k in exchange.keys(ACCOUNT) if k.id == new) == ("read",)
    seen = {r["step"]: r["detail"] for c in document["credentials"] for r in c["steps"]}
    for tag, live in others.items():
        assert f"{live[0]} with the tag {tag}" in seen["disable-old"]

    exchange.disable_key(ACCOUNT, leaked[0])
    again = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert again.returncode == 0, again.stdout
    code, document = _rotate(sandbox, "run", "ROT-7")
    assert code == 0, document["open"]
    words = next(r["detail"] for c in document["credentials"] for r in c["steps"] if r["step"] == "try-old")
    assert "no two strings of visible ASCII" in words

    other, _ = exchange.create_key(ACCOUNT, "legacy-name", "", ["read"])
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-7", "incidentScope=")
    assert refused.returncode != 0, "lifted beside a live key that may be the one that leaked"
    assert f"{name} (upstream keys known: {other} of account" in refused.stdout
    exchange.disable_key(ACCOUNT, other)
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-7", "incidentScope=")
    assert done.returncode == 0, done.stdout


def test_one_replacement_serves_every_incident_that_names_what_leaked(sandbox: Sandbox) -> None:
    """A key, a secret_id and an Actions secret: whichever incident is rotated first makes the new one."""
    scope = "exchange-trading-key,workload:risk-engine,repository:tradepulse-core"
    for incident in ("BOTH-1", "BOTH-2"):
        done = pulumi(sandbox, "incident=true", f"incidentId={incident}", f"incidentScope={scope}")
        assert done.returncode == 0, done.stdout
    code, document = _rotate(sandbox, "run", "BOTH-1")
    assert code == 0, document["open"]
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert done.returncode == 0, done.stdout
    made = _replacements(sandbox)
    for incident in ("BOTH-2", "BOTH-1", "BOTH-2"):
        code, document = _rotate(sandbox, "run", incident)
        assert code == 0, document["open"]
        assert _replacements(sandbox) == made, f"{incident} replaced what serves both"
    assert Actors(sandbox).order(*made[:2])

    _exchange(sandbox).disable_key(ACCOUNT, made[0])
    done = pulumi(sandbox, "incident=false", "incidentId=BOTH-1", "incidentScope=")
    assert done.returncode != 0, "lifted with a key that is dead"
    assert f"what replaced {KEY} is in force no longer: see who ended it, then portcullis rotate run BOTH-1" in (
        done.stdout
    )
    code, document = _rotate(sandbox, "run", "BOTH-2")
    assert code == 0, document["open"]
    code, document = _rotate(sandbox, "status", "BOTH-1")
    (alive,) = [p for p in document["proofs"] if p["item"] == f"{KEY}/new-alive"]
    assert (code, alive["proven"]) == (1, False)
    assert "from before the rotation of BOTH-2 made another" in alive["detail"]
    made = _replacements(sandbox)
    assert _rotate(sandbox, "run", "BOTH-1")[0] == 0
    assert _replacements(sandbox) == made
    for incident in ("BOTH-1", "BOTH-2"):
        done = pulumi(sandbox, "incident=false", f"incidentId={incident}", "incidentScope=")
        assert done.returncode == 0, done.stdout
    assert _replacements(sandbox) == made


def _replacements(sandbox: Sandbox) -> tuple[str, ...]:
    """Key, its secret, secret_id, and the digest of what the repositories hold; each key is the only live one."""
    held, deploy = _root(sandbox, "GET", PATH)["data"], _root(sandbox, "GET", "secret/data/ci/deploy")["data"]
    assert _live_keys(sandbox, "exchange-trading-key") == [held["api_key"]]
    assert _live_keys(sandbox, "deploy-exchange-key") == [deploy["api_key"]]
    (copied,) = _held_by_actions(sandbox)
    assert copied == hashlib.sha256(actions_value(deploy).encode()).hexdigest()
    return held["api_key"], held["api_secret"], _delivered(sandbox, "risk-engine")[1], copied
