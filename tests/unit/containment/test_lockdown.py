"""What every way into a lock-down does: contain, and write it down."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from containment import chain, executor, lockdown, names
from containment.errors import NotWritten
from containment.incident import Incident, Scope, State
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
