"""What both readers make of a text: items with keys, values and the offset at which each begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from dataclasses import dataclass
from typing import TypeAlias

from access.errors import RefusedPolicyError, UnsupportedPolicyError

Value: TypeAlias = "str | int | float | bool | list[Value] | Object"
DEEPEST = 30


@dataclass(frozen=True, slots=True)
class Item:
    """`path "a" "b" { … }` has three keys. `at` is the offset of the innermost key that names it."""

    keys: tuple[str, ...]
    value: Value
    at: int


@dataclass(frozen=True, slots=True)
class Object:
    items: list[Item]


class Source:
    """A text, its name and its lines."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self._breaks: list[int] | None = None

    def line(self, at: int) -> int:
        if self._breaks is None:
            self._breaks = [n for n, char in enumerate(self.text) if char == "\n"]
        return bisect_left(self._breaks, at) + 1

    def refused(self, at: int, reason: str) -> RefusedPolicyError:
        return RefusedPolicyError(self.name, self.line(at), reason)

    def unsupported(self, at: int, reason: str) -> UnsupportedPolicyError:
        return UnsupportedPolicyError(self.name, self.line(at), reason)


class Reader(ABC):
    """One token of look-ahead over a text, at offset `at`; `_enter` and `_leave` bound how deep it nests."""

    at: int

    def __init__(self, source: Source) -> None:
        self._source, self._next, self._depth = source, 0, 0
        self._scan()

    @abstractmethod
    def _scan(self) -> None:
        """On to the next token. Raises RefusedPolicyError, UnsupportedPolicyError."""

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._source.unsupported(self.at, f"nested more than {DEEPEST} deep")
        self._scan()

    def _leave(self) -> None:
        self._depth -= 1
        self._scan()
