"""What both readers make of a text: items with keys, values and the offset at which each begins."""

from __future__ import annotations

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
