"""The same declarations have the same digest wherever they lie, and any other have another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from policies.digest import digest
from policies.load import ACCESS

ONE = "production/exchange-trading-key.yaml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ACCESS, tmp_path / "elsewhere"))


def test_it_is_the_same_of_a_copy(copy: Path) -> None:
    (copy / "production" / "README.md").write_text("is not read")
    assert digest(copy) == digest(ACCESS)
    assert len(digest(copy)) == 64


def _byte(folder: Path) -> None:
    (folder / ONE).write_text((folder / ONE).read_text() + "\n")


def _name(folder: Path) -> None:
    (folder / ONE).rename(folder / ONE.replace("exchange", "exchanges"))


def _place(folder: Path) -> None:
    (folder / ONE).rename(folder / ONE.replace("production", "staging"))


def _gone(folder: Path) -> None:
    (folder / ONE).unlink()


def _more(folder: Path) -> None:
    (folder / "staging" / "more.yaml").write_text("")


def _swapped(folder: Path) -> None:
    other = folder / "production" / "risk-limits-token.yaml"
    ours, theirs = (folder / ONE).read_text(), other.read_text()
    (folder / ONE).write_text(theirs), other.write_text(ours)


@pytest.mark.parametrize("change", [_byte, _name, _place, _gone, _more, _swapped])
def test_any_change_of_what_is_read_gives_another(copy: Path, change: Callable[[Path], None]) -> None:
    change(copy)
    assert digest(copy) != digest(ACCESS)


def test_a_name_cannot_stand_for_another_file(tmp_path: Path) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    for folder in (two, one):
        folder.mkdir()
    (two / "a.yaml").write_text("x")
    (two / "b.yaml").write_text("y")
    (one / f"a.yaml {sha256(b'x').hexdigest()}\nb.yaml").write_text("y")
    assert digest(one) != digest(two)
