"""What every way into a lock-down does: contain, and write it down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from containment import executor, lockdown, names
from containment.errors import NotWritten
from containment.folder import chain, record
from containment.incidents.incident import Incident, Scope, State
from containment.report import Effect, Outcome, Report
from policies.load import load

OPEN = Incident("I", Scope(everything=True), State.OPEN, opened_at=10)
FAILED = Report("I", (Effect("tokens", "risk-engine", Outcome.FAILED, "still there", 11.0),))


def _contain(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[Report, Incident]:
    heads: dict[str, Any] = {}
    server: Any = SimpleNamespace(read=heads.get, write=heads.__setitem__)
    monkeypatch.setattr(executor, "contain", lambda *_: (FAILED, OPEN))
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(folder))
    done = lockdown.contain(server, load(), (OPEN,), OPEN, print)
    assert heads == {names.evidence_head("I"): {"data": {"head": chain.head(folder / "I")}}}
    return done


def test_what_was_seen_is_written_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _contain(monkeypatch, tmp_path) == (FAILED, OPEN)
    assert '"still there"' in (tmp_path / "I" / "containment.json").read_text()


def test_a_disk_that_does_not_take_it_hides_nothing_that_is_not_contained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "I").write_text("a file where the folder should be")
    with pytest.raises(
        NotWritten,
        match=r"not contained: risk-engine \(tokens: still there\); the evidence of it is not written: record",
    ):
        _contain(monkeypatch, tmp_path)


def test_every_open_incident_has_what_a_run_saw(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One run covers them all, so that neither folder keeps an older word."""
    other, gone, elsewhere = (replace(OPEN, id=name) for name in ("A", "B", "C"))
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    monkeypatch.setattr(executor, "contain", lambda *_: (FAILED, OPEN))
    heads: dict[str, Any] = {}
    held = (OPEN, replace(other, contained_at=7), replace(gone, state=State.LIFTED))
    server: Any = SimpleNamespace(read=heads.get, write=heads.__setitem__, incidents=lambda: held)
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
    lockdown.contain(server, load(), (other, gone, elsewhere, OPEN), OPEN, print)
    seen = json.loads((tmp_path / "A" / "containment.json").read_text())
    assert (seen["incident"], seen["contained"]) == ("A", False)
    assert json.loads((tmp_path / "A" / "incident.json").read_text())["contained_at"] == 7
    assert [e["what"] for e in record.events("A")] == ["tokens"]
    assert chain.verify(tmp_path / "A", [heads[names.evidence_head("A")]["data"]["head"]]) == []
    assert list((tmp_path / "B").iterdir()) == [], "lifted meanwhile"
    assert not (tmp_path / "C").exists(), "its evidence is on another machine"


def test_another_incidents_folder_that_takes_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "events.jsonl").mkdir()
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    monkeypatch.setattr(executor, "contain", lambda *_: (FAILED, OPEN))
    heads: dict[str, Any] = {}
    server: Any = SimpleNamespace(read=heads.get, write=heads.__setitem__, incidents=lambda: (OPEN,))
    said: list[str] = []
    assert lockdown.contain(server, load(), (replace(OPEN, id="A"), OPEN), OPEN, said.append) == (FAILED, OPEN)
    assert [line for line in said if line.startswith("warning: incident A: not contained: risk-engine")]
