"""Patterns as sets of paths: what two have in common, and whether one lies within the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from access.pattern import Kind, Pattern


@dataclass(frozen=True, slots=True)
class Cell:
    """What one segment may be: `text` alone, or, if `more`, whatever begins with it."""

    text: str
    more: bool = False

    def also(self, other: Cell) -> Cell | None:
        """Both at once, or None where nothing is both."""
        longer, shorter = (self, other) if len(self.text) >= len(other.text) else (other, self)
        same = longer.text == shorter.text
        if not longer.text.startswith(shorter.text) or not (same or shorter.more):
            return None
        return Cell(longer.text, longer.more and (shorter.more or not same))

    def within(self, other: Cell) -> bool:
        return self.also(other) == self


_ANY = Cell("", more=True)


def cells(pattern: Pattern, count: int) -> tuple[Cell, ...] | None:
    """The pattern as `count` segments, or None where it matches no path of so many."""
    segments = pattern.head.split("/")
    if count < len(segments) or (count > len(segments) and not pattern.glob):
        return None
    wild = pattern.kind is Kind.SEGMENT
    *body, last = [_ANY if wild and s == "+" else Cell(s) for s in segments]
    if pattern.glob:
        last = Cell(last.text, more=True)
        if count > len(segments):
            return (*body, last, *[_ANY] * (count - len(segments)))
    return (*body, last)


def common(first: Pattern, second: Pattern, deepest: int) -> Iterator[tuple[Cell, ...]]:
    """What both match, one a number of segments up to `deepest`."""
    if not (first.literal.startswith(second.literal) or second.literal.startswith(first.literal)):
        return  # nearly all pairs of a large estate
    for count in range(max(p.head.count("/") for p in (first, second)) + 1, deepest + 1):
        a, b = cells(first, count), cells(second, count)
        if a is None or b is None:
            return
        both = [x.also(y) for x, y in zip(a, b, strict=True)]
        found = tuple(cell for cell in both if cell is not None)
        if len(found) == count:
            yield found


def overlap(first: Pattern, second: Pattern) -> bool:
    return next(common(first, second, _deeper(first, second)), None) is not None


def within(inner: Pattern, outer: Pattern) -> bool:
    """Whether `outer` matches every path that `inner` matches."""
    for count in range(1, _deeper(inner, outer) + 1):
        a, b = cells(inner, count), cells(outer, count)
        if a is None:
            continue
        if b is None or not all(x.within(y) for x, y in zip(a, b, strict=True)):
            return False
    return True


def beats(first: Pattern, second: Pattern) -> bool:
    """Of two that match the same path; a listing, which knows two spellings of it, is not asked here."""
    if first.kind is Kind.EXACT or second.kind is Kind.EXACT:
        return first.kind is Kind.EXACT and second.kind is not Kind.EXACT
    return first.priority > second.priority


def _deeper(first: Pattern, second: Pattern) -> int:
    return max(first.head.count("/"), second.head.count("/")) + 2
