"""The whole drill on real servers, cold and warm: what it says, what it leaves, and that no secret value is written."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containment.folder import record
from containment.folder.chain import EVENTS
from containment.incidents.incident import Incident, State
from containment.incidents.scope import affected
from drill import run as drill
from drill.actors import Actors
from drill.leak import LEAKED, Leak, leak
from drill.result import RECOVERED, Result
from policies.load import load
from policies.model import Estate
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration import canary
from tests.integration.prepared import outside_descriptions
from tools.bootstrap import cache

ORDER = ("to_deny", "lockdown", "to_revoked", "to_rotated", "to_lifted", "total")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    box = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    os.environ["PORTCULLIS_INCIDENTS"] = str(box.root.parent / "incidents")
    yield box
    assert outside_descriptions(box) == []
    del os.environ["PORTCULLIS_INCIDENTS"]
    box.reset(print)


@pytest.fixture(scope="module")
def values(sandbox: Sandbox) -> set[str]:
    """Secret values that the module comes across, to be looked for in the end. Filled as it goes."""
    del sandbox
    return set()


@pytest.fixture(scope="module")
def run(sandbox: Sandbox, values: set[str]) -> Any:
    """One drill after the other on the same sandbox. What leaks, and what it holds before and after, is remembered."""

    def remembered(actors: Actors, estate: Estate) -> Leak:
        leaked = leak(actors, estate)
        for attempt in leaked.attempts:
            for act in (attempt.use, attempt.control):
                values.update(act.values[n] for n in ("token", "secret", "secret_id", "password") if n in act.values)
        values.update(canary.in_files(sandbox) | canary.in_vault(sandbox))
        return leaked

    def once() -> tuple[Result, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drill, "leak", remembered)
            result, report = drill.run(sandbox, print)
        values.update(canary.in_files(sandbox) | canary.in_vault(sandbox))
        return result, report

    return once


@pytest.fixture(scope="module")
def cold(run: Any) -> tuple[Result, Path]:
    return run()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def warm(run: Any, cold: tuple[Result, Path]) -> tuple[Result, Path]:
    del cold
    return run()  # type: ignore[no-any-return]


def _holds(result: Result, report: Path) -> None:
    assert result.verdict == RECOVERED
    assert result.held
    assert [p for p in result.probes if not p.held] == []
    assert len(result.probes) == 21, "ten attacks after the lock-down, ten after the lift, a lift before rotation"
    assert {p.observed for p in result.probes} == {"refused", "succeeded"}
    pushes = [p.observed for p in result.probes if p.credential == "GitHub token of dana-dev"]
    assert pushes == ["refused", "refused"], "while the branches are locked, and after the lift"
    assert tuple(result.seconds) == ORDER
    seconds: dict[str, float] = {name: value for name, value in result.seconds.items() if value is not None}
    assert len(seconds) == len(ORDER), result.seconds
    assert 0 < seconds["to_deny"] <= seconds["lockdown"] <= seconds["to_rotated"]
    assert seconds["to_deny"] <= seconds["to_revoked"] <= seconds["to_rotated"]
    assert seconds["to_rotated"] <= seconds["to_lifted"] <= seconds["total"]
    assert report == record.place(result.incident) / "report.html"
    assert result.incident in report.read_text()
    assert json.loads((report.parent / "drill.json").read_text()) == json.loads(json.dumps(result.to_json()))


def test_cold_it_is_contained_rotated_and_lifted(cold: tuple[Result, Path]) -> None:
    _holds(*cold)


def test_the_evidence_is_complete_and_private(cold: tuple[Result, Path]) -> None:
    folder = cold[1].parent
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    wanted = {"timeline.json", "audit.json", EVENTS, "containment.json", "incident.json", "drill.json", "report.html"}
    assert wanted <= files
    assert any(f.startswith("commands/") for f in files), "the output of no command was captured"
    assert json.loads((folder / "audit.json").read_text())
    assert json.loads((folder / "timeline.json").read_text())
    assert json.loads((folder / "incident.json").read_text())["state"] == "lifted"
    for file in files:
        assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600, file


@pytest.mark.parametrize("name", ["drill.json", "audit.json", "timeline.json", "report.html"])
def test_a_changed_byte_is_noticed(sandbox: Sandbox, cold: tuple[Result, Path], name: str) -> None:
    def verified() -> int:
        return drill.command(sandbox, print, "evidence", "verify", cold[0].incident)[0]

    assert verified() == 0
    file = cold[1].parent / name
    content = file.read_bytes()
    file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    try:
        assert verified() == 1
    finally:
        file.write_bytes(content)
    assert verified() == 0


def _services_were_back(result: Result, report: Path) -> None:
    rows = {row["workload"]: row for row in json.loads((report.parent / "services.json").read_text())}
    estate = load()
    assert set(rows) == {w.name for w in estate.workloads}
    touched = affected(estate, (Incident(result.incident, LEAKED, State.OPEN, opened_at=1),)).workloads
    inside = {w.name for w in touched}
    assert {"execution-engine", "risk-engine", "market-data-writer"} <= inside
    for name, row in rows.items():
        if name in inside:
            assert row["interrupted_seconds"] is not None, f"{name} is still out"
        else:
            assert row["interrupted_seconds"] == 0, f"{name} is not in scope: {row}"
    for name in ("execution-engine", "risk-engine"):
        row = rows[name]
        assert row["interrupted_seconds"] > 0, f"{name} leaked and went on: nobody looked"
        assert row["last_ok"] < row["first_ok_after"]


def test_services_in_scope_are_back_and_the_others_never_stopped(cold: tuple[Result, Path]) -> None:
    _services_were_back(*cold)


def test_warm_it_holds_too(cold: tuple[Result, Path], warm: tuple[Result, Path]) -> None:
    assert warm[0].incident != cold[0].incident
    _holds(*warm)
    _services_were_back(*warm)


def test_after_the_lift_every_object_is_as_declared(sandbox: Sandbox, warm: tuple[Result, Path]) -> None:
    """TTLs among them, which no resource of Pulumi's capped and so none uncaps."""
    del warm
    settings = sandbox.root / "pulumi" / "project" / "Pulumi.local.yaml"
    code, said = drill.command(sandbox, print, "drift", "--config-file", str(settings))
    assert code == 0, said


def _files(sandbox: Sandbox) -> list[Path]:
    pulumi_home = cache() / "pulumi-home"
    found = canary.written(sandbox, sandbox.root.parent / "incidents", pulumi_home / "workspaces")
    return [*found, *REPOSITORY.glob("Pulumi*.yaml"), *pulumi_home.glob("*.json")]


def test_no_secret_value_is_written_anywhere(sandbox: Sandbox, warm: tuple[Result, Path], values: set[str]) -> None:
    del warm
    files = _files(sandbox)
    names = {str(f) for f in files}
    for part in (
        "/pulumi/state/.pulumi/stacks/",
        "/pulumi/state/.pulumi/backups/",
        "/pulumi/project/Pulumi.local.yaml",
        "/rotation/steps.sqlite",
        "/openbao/audit.log",
        "openbao.log",
        "-attack.jsonl",
        "-services.jsonl",
        "/incidents/",
        str(REPOSITORY / "Pulumi.prod.yaml"),
    ):
        assert any(part in name for name in names), f"{part} was not searched"
    assert len(values) > 60
    found = canary.search(files, values)
    assert found == []
    database = next(f for f in files if f.name == "steps.sqlite")
    assert b"a signed call with key sha256:" in canary.readable(database), "the results were not decoded"


def test_what_holds_secrets_is_private(sandbox: Sandbox, warm: tuple[Result, Path]) -> None:
    del warm
    for folder in (sandbox.root / "secrets", sandbox.delivered):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize("encoded", [False, True])
def test_a_planted_value_is_found(tmp_path: Path, encoded: bool) -> None:
    import base64
    import pickle
    import sqlite3

    value = "Zk3-pqR7_sT9uV1wX5yB"
    planted = tmp_path / "planted"
    if encoded:
        with sqlite3.connect(planted) as database:
            database.execute("CREATE TABLE steps (output TEXT)")
            cell = base64.b64encode(pickle.dumps({"detail": value})).decode()
            database.execute("INSERT INTO steps VALUES (?)", (cell,))
        database.close()
    else:
        planted.write_text(json.dumps({"detail": f"login with {value} failed"}))
    assert canary.search([planted], {value, "another-value-that-is-not-there"}) == [f"{planted}: value 0"]
    (tmp_path / "token").write_text("token s.abcdefghijklmnopqrstuvw1\n")
    assert canary.search([tmp_path / "token"], set()) == [f"{tmp_path / 'token'}: a token, s.abcd…"]
