"""Records of incidents as anybody's hand may have left them: `bao kv put` writes text, whatever stood there."""

from __future__ import annotations

from typing import Any

import pytest

from containment.adapters import records
from containment.incidents.incident import Disabled, Generation, Incident, Made, Proof, Scope, State

HELD = Incident(
    "INC-1",
    Scope(everything=False, leaked=("secret:x",)),
    State.OPEN,
    opened_at=10,
    proofs=(Proof("secret:x", "old-dead", 11, ok=True),),
    made=(Made("secret:x", "sha256:1", 12),),
    disabled=(Disabled("secret:x", "sha256:0", ("read", "trade")),),
    generations=(Generation("w", 1, 3600),),
).to_json()


def _read(changed: dict[str, Any]) -> Incident | None:
    return records._read("INC-1", {"data": {**HELD, **changed}})


def test_what_was_written_is_read() -> None:
    read = _read({})
    assert read is not None
    assert read.to_json() == HELD
    assert _read({"found": None, "generations": None}) is None
    assert _read({"generations": None}) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "INC-2"},
        {"opened_at": "yesterday"},
        {"opened_at": None},
        {"state": "shut"},
        {"scope": {"everything": False, "leaked": [5]}},
        {"scope": {"everything": False, "leaked": []}},
        {"scope": {"everything": "so", "leaked": []}},
        {"scope": "secret:x"},
        {"proofs": [{"item": "x", "kind": "old-dead", "at": "x", "ok": True}]},
        {"proofs": [{"item": "x"}]},
        {"made": [[1]]},
        {"disabled": [{"item": "x", "reference": "y", "permissions": [None]}]},
        {"generations": [{"workload": "w", "number": None, "life": 1}]},
    ],
)
def test_what_is_no_record_is_lost_and_comes_back_as_that_does(changed: dict[str, Any]) -> None:
    """Once a lock-down ended at such a field in a traceback, before anything was denied."""
    assert _read(changed) is None


@pytest.mark.parametrize("stored", [None, {}, {"data": None}, {"data": []}, {"data": {}}])
def test_so_is_what_has_nothing_of_one(stored: Any) -> None:
    assert records._read("INC-1", stored) is None
