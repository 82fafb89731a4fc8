"""Evidence against a real server: the audit device's own records, and heads that the operator cannot take away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containment import names
from containment.adapters.vault import HvacVault
from containment.folder import chain
from containment.folder.heads import kept
from containment.incidents.incident import Incident, Scope, State
from policies.errors import Unreachable
from sandbox.environment import REPOSITORY, Sandbox

ID = "INC-7"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    box = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    try:
        box.up(print)
        yield box
    finally:
        box.reset(print)


@pytest.fixture(scope="module")
def vault(sandbox: Sandbox) -> HvacVault:
    found = HvacVault.from_environment(sandbox.environ())
    found.write_incident(Incident(ID, Scope(False, ("secret:partner-api-key",)), State.OPEN, opened_at=found.now()))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("incidents")


def _evidence(sandbox: Sandbox, folder: Path, *words: str, **environ: str) -> tuple[int, dict[str, Any]]:
    env = {**os.environ, **sandbox.environ_unchecked(), "PORTCULLIS_INCIDENTS": str(folder), **environ}
    argv = [sys.executable, "-m", "rotation", "evidence", *words, "--json"]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def _refused(sandbox: Sandbox, path: str) -> None:
    """A request by a token that may not: what an attacker leaves in the audit log."""
    with pytest.raises(Unreachable, match=" 403 "):
        sandbox.openbao.call("GET", path, token="s.nobody")


def test_collected_from_the_audit_device_and_compared_with_the_server(
    sandbox: Sandbox, vault: HvacVault, folder: Path
) -> None:
    del vault
    _refused(sandbox, "secret/data/partners/api")
    _refused(sandbox, "secret/data/trading/exchange")
    code, collected = _evidence(sandbox, folder, "collect", ID)
    assert (code, collected["missing"]) == (0, [])
    records = json.loads((folder / ID / "audit.json").read_text())["records"]
    refused = [r for r in records if r["path"] == "secret/data/partners/api"]
    assert [r["type"] for r in refused] == ["request", "response"]
    assert "permission denied" in refused[1]["error"]
    assert not [r for r in records if r["path"] == "secret/data/trading/exchange"], "out of scope"
    code, verified = _evidence(sandbox, folder, "verify", ID)
    assert (code, verified["compared_with"]) == (0, "1 heads on the server")


def test_a_lock_down_after_the_collection_leaves_evidence_that_holds(
    sandbox: Sandbox, vault: HvacVault, folder: Path
) -> None:
    """Its token keeps the head of what it seals; what it notes afterwards is told as not sealed yet."""
    from rotation.evidence.folder import Evidence

    before = kept(vault, ID).heads
    env = {**os.environ, **sandbox.environ(), "PORTCULLIS_INCIDENTS": str(folder)}
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", ID]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert "is not kept" not in done.stderr
    assert kept(vault, ID).heads == (*before, chain.head(folder / ID))
    Evidence(folder / ID).add_command("revoke", ["portcullis", "revoke", "x"], 0, "gone")
    code, verified = _evidence(sandbox, folder, "verify", ID)
    assert (code, verified["state"], verified["problems"]) == (0, "holds up to the last seal", [])
    assert _evidence(sandbox, folder, "collect", ID)[0] == 0
    assert _evidence(sandbox, folder, "verify", ID)[1]["state"] == "holds"


def test_a_rotated_log_takes_nothing_out_of_the_evidence(sandbox: Sandbox, vault: HvacVault, folder: Path) -> None:
    """As logrotate does it: the server writes on into a new file."""
    del vault
    log = sandbox.openbao.audit_log
    before = json.loads((folder / ID / "audit.json").read_text())
    assert (before["judged"], before["lacking"], before["gone"]) == (True, [], 0)
    aside = log.with_name("audit.log-elsewhere")
    log.rename(aside)
    pid = sandbox.openbao.process.running()
    assert pid is not None
    os.kill(pid, signal.SIGHUP)
    _refused(sandbox, "secret/data/partners/api")
    try:
        code, poorer = _evidence(sandbox, folder, "collect", ID)
        assert code == 3
        assert "audit.log was rotated or cut" in poorer["missing"][0]
        after = json.loads((folder / ID / "audit.json").read_text())
        assert after["gone"] == len(before["records"])
        assert len(after["records"]) > len(before["records"])
    finally:
        aside.rename(log.with_name("audit.log.1"))
    code, whole_again = _evidence(sandbox, folder, "collect", ID)
    assert (code, whole_again["missing"]) == (0, [])
    whole = json.loads((folder / ID / "audit.json").read_text())
    assert (whole["gone"], whole["files"]) == (0, ["audit.log.1", "audit.log"])


def test_a_report_vouches_for_nothing_and_who_does_is_told_what(
    sandbox: Sandbox, vault: HvacVault, folder: Path
) -> None:
    """Somebody rewrites a file and seals it behind what is there, as a run that cannot reach the server does."""
    place, before = folder / ID, kept(vault, ID).heads
    (place / "containment.json").write_text('{"contained": true, "not_contained": [], "effects": []}')
    chain.seal(place)
    code, told = _evidence(sandbox, folder, "report", ID)
    assert (code, kept(vault, ID).heads) == (1, before)
    assert "more was sealed since the newest head there" in told["unvouched"]
    code, found = _evidence(sandbox, folder, "verify", ID)
    assert code == 1
    assert "nobody vouches" in found["problems"][0]["detail"]
    code, collected = _evidence(sandbox, folder, "collect", ID)
    assert code == 0
    assert "containment.json" in collected["vouched"]
    assert _evidence(sandbox, folder, "verify", ID)[0] == 0
    assert _evidence(sandbox, folder, "collect", ID)[1]["vouched"] == []


def test_rewritten_as_a_whole_is_caught_by_the_server_only(sandbox: Sandbox, vault: HvacVault, folder: Path) -> None:
    place = folder / ID
    kept = {f: f.read_bytes() for f in place.rglob("*") if f.is_file()}
    (place / chain.MANIFEST).unlink()
    (place / "audit.json").write_text("{}")
    chain.seal(place)
    code, offline = _evidence(sandbox, folder, "verify", ID, "--offline")
    assert (code, offline["not_compared"]) == (0, "--offline")
    code, found = _evidence(sandbox, folder, "verify", ID)
    assert code == 1
    assert "rewritten or cut" in found["problems"][0]["detail"]
    vault.write(names.evidence_head(ID), {"data": {"head": chain.head(place)}})
    assert _evidence(sandbox, folder, "verify", ID)[0] == 1, "a newer head hides the older one"
    for file, data in kept.items():
        file.write_bytes(data)


@pytest.mark.parametrize("path", ["data", "metadata", "delete", "destroy"])
def test_the_operator_cannot_take_a_head_away(sandbox: Sandbox, vault: HvacVault, path: str) -> None:
    token = sandbox.environ_unchecked()["VAULT_TOKEN"]
    target = f"{names.STORE}/{path}/evidence/{ID}"
    method, body = ("PUT", {"versions": [1]}) if path in ("delete", "destroy") else ("DELETE", None)
    with pytest.raises(Unreachable, match=" 403 "):
        sandbox.openbao.call(method, target, body, token=token)
    assert vault.read(names.evidence_head(ID)) is not None


def test_more_than_ten_heads_stay(sandbox: Sandbox, vault: HvacVault) -> None:
    """The server's default would let eleven writes push the first head out."""
    del sandbox
    path = names.evidence_head("INC-8")
    for number in range(12):
        vault.write(path, {"data": {"head": str(number)}})
    assert kept(vault, "INC-8").gone == ()
    assert kept(vault, "INC-8").heads[0] == "0"


def test_a_deleted_folder_is_not_sealed_anew_unless_it_is_said_to_be_lost(
    sandbox: Sandbox, vault: HvacVault, folder: Path
) -> None:
    incident, place = "INC-9", folder / "INC-9"
    vault.write_incident(Incident(incident, Scope(False, ("secret:partner-api-key",)), State.OPEN, vault.now()))
    assert _evidence(sandbox, folder, "collect", incident)[0] == 0
    before, backup = kept(vault, incident).heads, folder / "backup"
    place.rename(backup)
    code, refused = _evidence(sandbox, folder, "collect", incident)
    assert code == 1
    assert "Restore the folder" in refused["error"]
    assert not place.exists()
    assert kept(vault, incident).heads == before
    backup.rename(place)
    assert _evidence(sandbox, folder, "verify", incident)[1]["state"] == "holds"
    place.rename(backup)
    assert _evidence(sandbox, folder, "collect", incident, "--evidence-lost")[0] == 0
    code, verified = _evidence(sandbox, folder, "verify", incident)
    assert (code, verified["lost"]) == (0, list(before))


def test_with_the_server_down_what_is_here_is_checked_and_the_rest_is_said(sandbox: Sandbox, folder: Path) -> None:
    sandbox.service("openbao").kill()
    try:
        code, collected = _evidence(sandbox, folder, "collect", ID)
        assert code == 3
        assert any("head is not kept" in m for m in collected["missing"])
        code, verified = _evidence(sandbox, folder, "verify", ID)
        assert code == 3
        assert verified["holds"] is True
        assert "vault" in verified["not_compared"]
    finally:
        sandbox.up(print)
