"""What counts as a replacement of a value that a person stores: written when nobody else could, and another one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment.incident import Incident, Scope, State
from containment.ports import Version
from policies.load import load
from rotation.plan import plan
from rotation.steps.manual import steps
from rotation.work import NotProven, Waiting, Work

ITEM = "secret:partner-api-key"
OPENED, DENIED, AFTER = 100, 105, 106
OPEN = Incident("INC-1", Scope(False, (ITEM,)), State.OPEN, opened_at=OPENED, denied_at=DENIED)


def _read_back(*versions: tuple[int, str | None]) -> str:
    """`versions`: when each was written and what it holds; None is destroyed."""
    estate = load()
    vault: Any = SimpleNamespace(
        versions=lambda *_: [Version(n, at, v is None) for n, (at, v) in enumerate(versions, 1)],
        value=lambda mount, _, version=0: (
            {"value": held} if mount == "secret" and (held := versions[version - 1][1]) else None
        ),
        incidents=lambda: (OPEN,),
    )
    no = cast(Any, None)
    work = Work(vault, no, no, no, no, estate, "INC-1", plan(OPEN, estate).find(ITEM), None, None)
    return next(s for s in steps(work) if s.name == "read-back").verify()


def test_a_version_from_after_the_deny_is_new() -> None:
    assert _read_back((1, "leaked"), (AFTER, "new")).startswith("version 2 is read back")
    assert _read_back((1, None), (AFTER, "new")).startswith("version 2 is read back")
    assert _read_back((1, "leaked"), (AFTER, "new"), (AFTER + 1, "new")).startswith("version 3 is read back")


@pytest.mark.parametrize("at", [1, OPENED, DENIED])
def test_one_that_whoever_leaked_it_could_write_is_not(at: int) -> None:
    with pytest.raises(NotProven, match="no version"):
        _read_back((1, "leaked"), (at, "new"))


def test_the_leaked_value_stored_again_is_not() -> None:
    with pytest.raises(NotProven, match="no version"):
        _read_back((1, "leaked"), (OPENED, "other"), (AFTER, "leaked"))
    with pytest.raises(NotProven, match="no version"):
        _read_back((1, "leaked"), (OPENED, "other"), (AFTER, "other"))


def test_field_names_that_a_writer_chose_are_cut() -> None:
    held = {f"{n:02}" + "x" * 3_000: "v" for n in range(25)}
    vault: Any = SimpleNamespace(value=lambda mount, *_: held if mount == "secret" else None)
    no = cast(Any, None)
    work = Work(vault, no, no, no, no, load(), "INC-1", plan(OPEN, load()).find(ITEM), None, None)
    with pytest.raises(Waiting) as told:
        next(s for s in steps(work) if s.name == "create").act()
    names = str(told.value).partition(": store")[0].removeprefix("its fields are ")
    assert names == ", ".join(f"{n:02}{'x' * 58}…" for n in range(20)) + " and 5 more"
