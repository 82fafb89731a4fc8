"""Issuing and revoking by hand on real servers: the old is dead, the new works, and a refusal changes nothing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from containment.adapters.vault import HvacVault
from drill.actors import Actors
from drill.hands import alive
from sandbox.environment import REPOSITORY, Sandbox

CLAIMS = {"repository": "tradepulse/tradepulse-core", "ref": "refs/heads/main"}


@pytest.fixture(scope="module")
def actors(sandbox: Sandbox) -> Actors:
    return Actors(sandbox)


def _run(env: dict[str, str], *argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *argv], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, **more
    )


def _issue(env: dict[str, str], *argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return _run(env, "scripts.cli", "secrets-issue-dynamic", *argv, **more)


def _alive(actors: Actors, token: str) -> bool:
    return actors.allowed(lambda: actors.read(token, "auth/token/lookup-self"))


def test_the_runbooks_words(env: dict[str, str], actors: Actors) -> None:
    old = actors.ci_login("cicd", CLAIMS)
    assert _alive(actors, old)
    done = _issue(env, "--role", "cicd", "--token-env", "VAULT_TOKEN")
    assert done.returncode == 0, done.stderr
    assert not _alive(actors, old), "a token that was out still works"
    place = Path(done.stdout.strip().rpartition(", in ")[2])
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    token = json.loads(place.read_text())["token"]
    assert token not in done.stdout + done.stderr
    seen = actors.read(token, "auth/token/lookup-self")
    assert 0 < seen["ttl"] <= 1800
    assert seen["policies"] == ["default", "pc-ci-cicd", "pc-gate", "pc-quarantine"]
    assert seen["orphan"]
    assert not seen["renewable"]
    assert actors.read(token, "secret/data/partners/api")
    assert not actors.allowed(lambda: actors.read(token, "secret/data/trading/exchange"))
    for path in ("auth/token/create", "auth/token/create-orphan", "auth/token/create/pc-issue-ci-cicd"):
        assert not actors.allowed(partial(actors.write, token, path, {})), f"a child token by {path}"


def test_the_rotator_gets_only_what_the_role_has(sandbox: Sandbox, actors: Actors) -> None:
    rotator, path = (sandbox.root / "secrets" / "rotator.token").read_text(), "auth/token/create/pc-issue-ci-cicd"
    for body in ({"policies": ["root"]}, {"policies": ["pc-w-settlement"]}, {"period": "24h"}, {"no_parent": False}):
        assert not actors.allowed(partial(actors.write, rotator, path, body)), body
    assert not actors.allowed(lambda: actors.write(rotator, "auth/token/roles/pc-issue-ci-cicd", {}))
    assert actors.allowed(lambda: actors.write(rotator, path, {"ttl": "1s"}))
    assert not actors.allowed(lambda: actors.write(sandbox.environ()["VAULT_TOKEN"], path, {"ttl": "1s"}))


def test_without_the_rotators_token_nothing_is_changed(env: dict[str, str], actors: Actors, tmp_path: Path) -> None:
    old, file, name = actors.ci_login("cicd", CLAIMS), tmp_path / "rotator.token", "PORTCULLIS_ROTATOR_TOKEN_FILE"
    for text, mode, code in (("", 0, 2), (env["VAULT_TOKEN"], 0o644, 2), (env["VAULT_TOKEN"], 0o600, 3)):
        if mode:
            file.write_text(text)
            file.chmod(mode)
        done = _issue({**env, name: str(file)}, "--role", "cicd")
        assert (done.returncode, name in done.stderr) == (code, True), done.stderr
    unset = _issue({k: v for k, v in env.items() if k != name}, "--role", "cicd")
    assert (unset.returncode, f"{name} not set" in unset.stderr) == (2, True), unset.stderr
    assert _alive(actors, old)
    dynamic = _issue({**env, name: str(file)}, "--role", "settlement-readonly")
    assert dynamic.returncode == 0, "a database credential needs no rotator"


def test_a_database_credential_and_its_open_session(env: dict[str, str], actors: Actors, sandbox: Sandbox) -> None:
    old = actors.read(actors.login(*actors.secret_id("settlement")), "database/creds/settlement-readonly")
    session = actors.connect(old["username"], old["password"])
    done = _issue(env, "--role", "settlement-readonly", "--ttl", "10m", "--show", "--json")
    assert done.returncode == 0, done.stderr
    assert not alive(session), "an open session goes on"
    assert not actors.can_connect(old["username"], old["password"])
    answer = json.loads(done.stdout)
    fresh = answer["credential"]
    assert actors.can_connect(fresh["username"], fresh["password"])
    held = HvacVault.from_environment(sandbox.environ()).leased(fresh["lease_id"])
    assert held
    assert 0 < held.ttl <= 600
    assert fresh["password"] not in json.dumps({**answer, "credential": None}) + done.stderr
    assert "database users gone" in {e["what"] for e in answer["effects"]}


def test_what_a_workload_took_of_the_database_ends_with_its_tokens(
    env: dict[str, str], actors: Actors, sandbox: Sandbox
) -> None:
    """The server ends the leases of a revoked token at some time, and tells nobody where it cannot."""
    old = actors.read(actors.login(*actors.secret_id("settlement")), "database/creds/settlement-readonly")
    session = actors.connect(old["username"], old["password"])
    sandbox.service("postgres").stop()
    try:
        refused = _issue(env, "--role", "workload:settlement")
    finally:
        sandbox.service("postgres").start()
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "nothing issued: what was out is not proven dead" in refused.stdout + refused.stderr
    done = _issue(env, "--role", "workload:settlement", "--json")
    assert done.returncode == 0, done.stderr
    assert not alive(session)
    assert not actors.can_connect(old["username"], old["password"])
    assert {"token revoked", "database users gone"} & {e["what"] for e in json.loads(done.stdout)["effects"]}


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("--role", "nobody"), 2, "declared nowhere"),
        (("--role", "cicd", "--ttl", "31m"), 2, "30m at most"),
        (("--role", "cicd", "--token-env", "NOT_SET"), 2, "NOT_SET"),
        (("--role", "cicd", "--fd", "77"), 2, "not open"),
        (("--role", "cicd", "--show", "--out", "x"), 2, "one of them"),
        (("--role", "cicd", "--out", "/nowhere/x"), 2, "nothing was changed"),
        (("--role", "exchange-trading-key"), 2, "static secret"),
        (("--role", "cicd", "--dry-run"), 0, "1 outstanding would be revoked, one of 1800 s issued"),
    ],
)
def test_a_wrong_turn_changes_nothing(
    env: dict[str, str], actors: Actors, argv: tuple[str, ...], code: int, words: str
) -> None:
    assert _issue(env, "--role", "cicd").returncode == 0
    token = json.loads((Path(env["PORTCULLIS_CREDENTIALS"]) / "ci-cicd.json").read_text())["token"]
    done = _issue(env, *argv)
    assert (done.returncode, words in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    assert _alive(actors, token)


def test_opa_unreachable_and_a_token_without_the_right(env: dict[str, str], actors: Actors) -> None:
    old = actors.ci_login("cicd", CLAIMS)
    down = _issue({**env, "OPA_URL": "http://127.0.0.1:1"}, "--role", "cicd")
    assert down.returncode == 3, down.stderr
    stranger = _issue(
        {**env, "MINE": actors.login(*actors.secret_id("settlement"))}, "--role", "cicd", "--token-env", "MINE"
    )
    assert stranger.returncode in (1, 3), stranger.stderr
    assert _alive(actors, old)


def test_what_nobody_received_is_revoked_again(env: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = _issue(env, "--role", "cicd", "--fd", str(writer), pass_fds=(writer,))
    os.close(writer)
    assert done.returncode == 3, done.stdout
    assert "revoked again" in done.stderr
    assert not [t for t in HvacVault.from_environment(env).tokens() if "pc-ci-cicd" in t.policies]


def _revoke(env: dict[str, str], *argv: str) -> tuple[int, dict[str, Any]]:
    done = _run(env, "rotation", "revoke", *argv, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _credential(actors: Actors) -> dict[str, Any]:
    return actors.read(actors.login(*actors.secret_id("settlement")), "database/creds/settlement-readonly")


def test_revoking_a_database_path(env: dict[str, str], actors: Actors) -> None:
    leaked = _credential(actors)
    session = actors.connect(leaked["username"], leaked["password"])
    code, tried = _revoke(env, "database/creds/settlement-readonly", "--dry-run")
    assert (code, tried["effects"]) == (0, [])
    assert tried["found"] >= 1
    assert alive(session)
    code, done = _revoke(env, "database/creds/settlement-readonly")
    assert (code, done["found"], done["not_revoked"]) == (0, tried["found"], [])
    assert not alive(session)
    assert not actors.can_connect(leaked["username"], leaked["password"])
    assert _revoke(env, "database/creds/settlement-readonly")[1]["found"] == 0


def test_revoking_one_lease_leaves_its_neighbour(env: dict[str, str], actors: Actors, sandbox: Sandbox) -> None:
    leaked, vault = _credential(actors), HvacVault.from_environment(sandbox.environ())
    (lease,) = vault.leases("database/creds/settlement-readonly")
    time.sleep(2.1)  # users are told apart by the second they were made in
    neighbour = _credential(actors)
    code, done = _revoke(env, lease.id)
    assert (code, done["found"]) == (0, 1)
    assert leaked["username"] in done["effects"][0]["detail"]
    assert not actors.can_connect(leaked["username"], leaked["password"])
    assert actors.can_connect(neighbour["username"], neighbour["password"])


def test_revoking_one_lease_of_an_engine_that_we_do_not_declare(env: dict[str, str], sandbox: Sandbox) -> None:
    call = partial(sandbox.openbao.call, token=sandbox.openbao.root_token())
    call("POST", "sys/mounts/other", {"type": "pki"})
    try:
        call("POST", "other/root/generate/internal", {"common_name": "x", "key_type": "ed25519"})
        call("POST", "other/roles/r", {"allow_any_name": True, "key_type": "ed25519", "generate_lease": True})
        one, neighbour = (
            call("POST", "other/issue/r", {"common_name": "a.b", "ttl": "10m"})["lease_id"] for _ in range(2)
        )
        code, done = _revoke(env, one)
        assert (code, done["found"], done["not_revoked"]) == (0, 1, [])
        left = HvacVault.from_environment(env).leased
        assert (left(one), bool(left(neighbour))) == (None, True)
    finally:
        call("DELETE", "sys/mounts/other")


def test_revoking_on_kv_says_what_to_do_instead(env: dict[str, str]) -> None:
    code, done = _revoke(env, "secret/data/trading/exchange")
    assert (code, done["holds"], done["found"]) == (1, "kv", 0)
    assert "incidentScope=secret:exchange-trading-key" in done["instead"][0]


@pytest.mark.parametrize(
    "path", ["auth/approle/role/settlement", "auth/approle/login/settlement", "auth/jwt/role/cicd"]
)
def test_a_path_at_which_no_token_is_ever_made_is_refused(env: dict[str, str], path: str) -> None:
    """ "0 tokens out, none left" would be true and false comfort."""
    code, done = _revoke(env, path)
    assert code == 2
    assert "no token is made at" in str(done)


def test_revoking_tokens_keeps_the_way_out(env: dict[str, str], actors: Actors, sandbox: Sandbox) -> None:
    leaked, ci = actors.login(*actors.secret_id("settlement")), actors.ci_login("cicd", CLAIMS)
    code, done = _revoke(env, "auth/approle/login")
    assert (code, done["not_revoked"]) == (0, [])
    assert any(line.startswith("leases of settlement-readonly end with") for line in done["unseen"])
    assert not _alive(actors, leaked)
    assert _alive(actors, ci), "another path's token was revoked"
    code, done = _revoke(env, "auth")
    assert code == 1, "there may be batch tokens, which nobody can list"
    assert "analytics-batch has batch tokens" in done["instead"][0]
    assert "portcullis contain --scope workload:analytics-batch" in done["instead"][0]
    assert done["not_revoked"] == []
    assert not _alive(actors, ci)
    kept = " ".join(done["kept"])
    assert all(name in kept for name in ("caller's own", "portcullis-break-glass", "root"))
    for name in ("operator", "break-glass", "root"):
        assert _alive(actors, (sandbox.root / "secrets" / f"{name}.token").read_text()), name


@pytest.mark.parametrize("path", ["nowhere/x", "database/creds/nobody", "secret/*", "../sys", "sys/policies"])
def test_revoking_an_unknown_path_changes_nothing(env: dict[str, str], actors: Actors, path: str) -> None:
    leaked = _credential(actors)
    assert _revoke(env, path)[0] == 2
    assert actors.can_connect(leaked["username"], leaked["password"])


def test_a_database_that_is_down_is_reported_part_by_part(
    env: dict[str, str], actors: Actors, sandbox: Sandbox
) -> None:
    leaked = _credential(actors)
    sandbox.service("postgres").kill()
    code, done = _revoke(env, "database/creds/settlement-readonly")
    assert code == 3
    assert {e["what"] for e in done["effects"] if e["outcome"] == "failed"} >= {
        "database sessions ended",
        "lease revoked",
    }
    sandbox.service("postgres").start()
    assert actors.can_connect(leaked["username"], leaked["password"]), "it was revoked: the test is void"
    code, done = _revoke(env, "database/creds/settlement-readonly")
    assert (code, done["not_revoked"]) == (0, [])
    assert not actors.can_connect(leaked["username"], leaked["password"])


def test_an_incident_pauses_ci_and_revokes_all_the_same(env: dict[str, str], actors: Actors) -> None:
    assert _issue(env, "--role", "cicd").returncode == 0
    token = json.loads((Path(env["PORTCULLIS_CREDENTIALS"]) / "ci-cicd.json").read_text())["token"]
    opened = _run(env, "rotation", "contain", "--scope", "risk-limits-token", "--incident-id", "I-1", "--json")
    assert opened.returncode == 0, opened.stderr
    assert not _alive(actors, token), "a lock-down left an issued token alive"
    late = actors.root_issue("pc-issue-ci-cicd")
    done = _issue(env, "--role", "cicd", "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["issued"] is None
    assert "paused by incident I-1" in answer["why"]
    assert not _alive(actors, late), "paused, and what was out was left alive"
    folder = Path(env["PORTCULLIS_INCIDENTS"]) / "I-1"
    kept = [json.loads(f.read_text()) for f in (folder / "commands").iterdir()]
    assert [(k["name"], k["exit_code"]) for k in kept] == [("secrets-issue-dynamic", 1)]
    assert "token revoked" in (folder / "events.jsonl").read_text()
    assert late not in "".join(f.read_text() for f in folder.rglob("*") if f.is_file())
    code, said = _revoke(env, "secret")
    assert code == 1
    (line,) = [one for one in said["instead"] if one.startswith("risk-limits-token: ")]
    assert "its workloads are refused; it leaked in I-1: replace it with `portcullis rotate run I-1`" in line
    (line,) = [one for one in said["instead"] if one.startswith("exchange-trading-key: ")]
    assert "its workloads can read it; deny and disable it with " in line
    assert "revoke" in {json.loads(f.read_text())["name"] for f in (folder / "commands").iterdir()}
    dynamic = _issue(env, "--role", "settlement-readonly")
    assert dynamic.returncode == 0, "a dynamic role stays usable in an incident"
