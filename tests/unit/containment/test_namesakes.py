"""What is kept of the repositories in peace, for the day on which a name is another repository's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from containment.effects import namesakes
from policies.errors import InputError, Unreachable
from policies.load import load

ESTATE = load()
NAMES = [repository.name for repository in ESTATE.repositories]
FIRST = NAMES[0]
BEFORE = {name: number for number, name in enumerate(NAMES, start=1)}


class Host:
    def __init__(self, ids: Mapping[str, int | None]) -> None:
        self.ids = ids

    def repository_id(self, repository: str) -> int | None:
        if repository not in self.ids:
            raise Unreachable(f"github: GET {repository}: 502")
        return self.ids[repository]


def kept(ids: Mapping[str, int | None], before: Mapping[str, int] = BEFORE) -> tuple[dict[str, int], list[str]]:
    said: list[str] = []
    host: Any = Host(ids)
    return namesakes.ids(lambda: host, ESTATE.repositories, before, said.append), said


@pytest.mark.parametrize("before", [{}, BEFORE, {**BEFORE, "no longer declared": 9}])
def test_the_declared_ones_are_kept(before: dict[str, int]) -> None:
    assert kept(BEFORE, before) == (BEFORE, [])


def test_another_repository_by_the_name_is_said() -> None:
    found, (said,) = kept({**BEFORE, FIRST: 77})
    assert found == {**BEFORE, FIRST: 77}
    assert f"{FIRST} is another repository (id 77) than the one that the apply before saw (id 1)" in said


def test_one_that_is_gone_keeps_its_id_and_is_said() -> None:
    found, (said,) = kept({**BEFORE, FIRST: None})
    assert found == BEFORE
    assert FIRST in said


def test_a_github_that_cannot_be_read_changes_nothing_and_is_said() -> None:
    assert kept({}) == (BEFORE, [f"the ids of the repositories stay those of the apply before: {_refused()}"])

    def unset() -> Any:
        raise InputError("GITHUB_TOKEN not set")

    said: list[str] = []
    assert namesakes.ids(unset, ESTATE.repositories, BEFORE, said.append) == BEFORE
    assert "GITHUB_TOKEN not set" in said[0]


def _refused() -> str:
    return f"github: GET {FIRST}: 502"
