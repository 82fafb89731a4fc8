"""How far back the estates of earlier applies are read, and what is named when one cannot be."""

from __future__ import annotations

from typing import Any

from containment import former
from containment.former import LONGEST
from containment.ports import Applied
from policies.errors import Unreachable
from policies.load import load
from policies.model import Estate

ESTATE = load()
NOW = 1_000_000


class Server:
    def __init__(self, *written: int, lost: tuple[int, ...] = (), unkept: int = 0, answers: int = 99) -> None:
        """Epoch seconds of each version, from 1 on; `lost` are deleted, and none is kept up to `unkept`."""
        self._written, self._lost, self._unkept, self._answers = written, lost, unkept, answers
        self.asked: list[int] = []

    def now(self) -> int:
        return NOW

    def applied(self, number: int = 0) -> Applied | None:
        self.asked.append(number)
        if len(self.asked) > self._answers:
            raise Unreachable("vault: sealed")
        number = number or len(self._written)
        if number <= self._unkept:
            return None
        return Applied(number, self._written[number - 1], () if number in self._lost else (ESTATE,))


def _read(*written: int, **more: Any) -> tuple[list[int], tuple[str, ...], list[int]]:
    server: Any = Server(*written, **more)
    found = former.read(server)
    assert all(isinstance(estate, Estate) for estate, _ in found.estates)
    return [until for _, until in found.estates], found.unread, server.asked


def test_before_the_first_apply_there_is_nothing() -> None:
    assert _read() == ([], (), [0])


def test_it_is_read_until_what_was_made_by_it_has_expired() -> None:
    long_ago = NOW - LONGEST - 3600
    assert _read(long_ago - 1, long_ago, NOW - 60) == ([NOW, NOW - 60], (), [0, 2])
    assert _read(NOW - 60) == ([NOW], (), [0])


def test_what_is_lost_is_named_and_what_is_older_is_read() -> None:
    until, unread, asked = _read(NOW - 90, NOW - 80, NOW - 60, lost=(2,))
    assert (until, asked) == ([NOW, NOW - 80], [0, 2, 1])
    assert [words.partition(",")[0] for words in unread] == ["version 2 is deleted"]


def test_what_is_not_kept_any_more_is_named() -> None:
    until, unread, _ = _read(NOW - 90, NOW - 80, NOW - 60, unkept=1)
    assert until == [NOW, NOW - 60]
    assert [words.partition(":")[0] for words in unread] == ["version 1 is not kept, nor any before it"]


def test_a_server_that_does_not_answer_is_named() -> None:
    assert _read(NOW - 90, NOW - 80, answers=1)[1] == ("vault: sealed",)
