"""Where a new secret_id is delivered: a folder that had to be made may be a misspelt one."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from containment.incidents.replacements import reference
from rotation.steps import approle
from rotation.work import Outcome, Result, perform


class _Work:
    """One secret_id at a time."""

    credential = SimpleNamespace(name="risk-engine", item="workload:risk-engine")
    incident_id = "I"

    def __init__(self, delivery: Path) -> None:
        self.vault, self.delivery = self, delivery
        self.held: list[str] = []
        self.references: set[str] = set()

    def keys(self, _: str) -> list[str]:
        return self.held

    def read(self, _: str) -> dict[str, str]:
        return {"role_id": "role"}

    def write(self, path: str, _: object) -> dict[str, str]:
        self.held = [] if path.endswith("destroy") else ["accessor"]
        return {"secret_id": "value", "secret_id_accessor": "accessor"}

    def now(self) -> int:
        return 100

    def made(self) -> set[str]:
        return self.references

    def keep_made(self, handle: str, _: int) -> None:
        self.references.add(reference(handle))


def _deliver(work: _Work) -> Result:
    anything: Any = work
    return perform(next(s for s in approle.steps(anything) if s.name == "deliver"), pauses=(0,))


def test_a_folder_that_had_to_be_made_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "nope" / "x"
    work = _Work(folder)
    done = _deliver(work)
    assert (done.outcome, done.detail) == (
        Outcome.DONE,
        f"one new secret_id, delivered to {folder}/risk-engine.json; {folder} was not there and was made: "
        "is PORTCULLIS_DELIVERY_DIR right?",
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = _deliver(work)
    assert (again.outcome, again.detail) == (
        Outcome.ALREADY,
        f"one new secret_id, delivered to {folder}/risk-engine.json",
    )


def test_one_that_is_there_is_not(tmp_path: Path) -> None:
    assert _deliver(_Work(tmp_path)).detail == f"one new secret_id, delivered to {tmp_path}/risk-engine.json"
