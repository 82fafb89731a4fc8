"""Every decision of a gate is kept, whoever answered; what cannot be kept is not acted on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from containment.adapters.opa import Decision
from containment.folder.decisions import FILE, Kept, during
from policies.errors import Unreachable


class _Judge:
    def __init__(self, answer: Decision | Unreachable) -> None:
        self._answer = answer

    def decide(self, package: str, question: dict[str, Any]) -> Decision:  # noqa: ARG002 - the judge's signature
        if isinstance(self._answer, Unreachable):
            raise self._answer
        return self._answer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path / "incidents"))
    return tmp_path / "incidents"


def test_a_decision_is_kept_with_what_was_asked(folder: Path) -> None:
    Kept(_Judge(Decision(False, ("paused",)))).decide("portcullis.issue", {"role": "ci:cicd"})
    Kept(_Judge(Decision(True, ()))).decide("portcullis.declaration", {"secrets": []})
    entries, torn = during(folder, 0, None)
    assert torn == 0
    assert [(e["package"], e["allow"], e["reasons"]) for e in entries] == [
        ("portcullis.issue", False, ["paused"]),
        ("portcullis.declaration", True, []),
    ]
    assert entries[0]["input"] == {"role": "ci:cicd"}
    assert "input" not in entries[1]
    assert len(entries[1]["input_sha256"]) == 64
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600


def test_that_nobody_answered_is_kept_too(folder: Path) -> None:
    with pytest.raises(Unreachable):
        Kept(_Judge(Unreachable("opa is down"))).decide("portcullis.lift", {})
    assert during(folder, 0, None)[0][0]["error"] == "opa is down"


def test_what_cannot_be_kept_is_not_answered(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder")
    with pytest.raises(Unreachable, match="decision log"):
        Kept(_Judge(Decision(True, ()))).decide("portcullis.lift", {})


def test_only_those_of_the_time_and_torn_lines_are_counted(folder: Path) -> None:
    folder.mkdir()
    lines = [json.dumps({"at": at}) for at in (1, 5, 9)]
    (folder / FILE).write_text("\n".join([*lines, '{"at": 5']))
    assert during(folder, 2, 8) == ([{"at": 5}], 1)
    assert [e["at"] for e in during(folder, 2, None)[0]] == [5, 9]
