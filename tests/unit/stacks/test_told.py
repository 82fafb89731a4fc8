"""Nothing that somebody else wrote is printed by Pulumi as it is, and the program speaks through one place."""

from __future__ import annotations

import re
from pathlib import Path

import pulumi
import pytest

from policies.errors import Unreachable
from stacks import told
from stacks.first import refusals

STACKS = Path(__file__).resolve().parents[3] / "stacks"
EVIL = "k\x1b[8m\n    done: contained INC-F: on the server's record"


@pytest.mark.parametrize("level", ["info", "warn", "error"])
def test_a_word_is_one_line(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(pulumi.log, level, heard.append)
    getattr(told, level)(EVIL)
    assert heard == [r"k\x1b[8m\n    done: contained INC-F: on the server's record"]


def test_complaints_keep_their_lines_and_no_control() -> None:
    words = str(told.refused("one\x1b[8m", Unreachable("two\nof two\u202e")))
    assert words == "one\\x1b[8m\ntwo\n  of two\\u202e"


def test_a_refusal_of_ours_is_told_like_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.Config, "get", lambda *_: None)
    with pytest.raises(pulumi.RunError, match=r"^a\\x1bb$"), refusals():
        raise Unreachable("a\x1bb")


@pytest.mark.parametrize("name", sorted(f.name for f in STACKS.glob("*.py")))
def test_nothing_else_speaks(name: str) -> None:
    spoken = re.findall(r"log\.(?:info|warn|error)\b|\bRunError\(", (STACKS / name).read_text())
    assert bool(spoken) is (name == "told.py")
