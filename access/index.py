"""Finds among many thousands of patterns those that match a path: exact ones and prefixes by look-up, segments by a
tree; and those that may overlap a pattern."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from access.pattern import Kind, Pattern


@dataclass(slots=True)
class _Node:
    """`ends`: patterns that end with this segment; `globs`: by the text before a `*` in the segment after it."""

    below: dict[str, _Node] = field(default_factory=dict)
    ends: Pattern | None = None
    globs: dict[str, Pattern] = field(default_factory=dict)


class Index:
    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._exact: dict[str, Pattern] = {}
        self._prefixes: dict[str, Pattern] = {}
        self._root, self._segments = _Node(), False
        for pattern in patterns:
            match pattern.kind:
                case Kind.EXACT:
                    self._exact[pattern.head] = pattern
                case Kind.PREFIX:
                    self._prefixes[pattern.head] = pattern
                case Kind.SEGMENT:
                    self._add(pattern)
        self._lengths = sorted({len(head) for head in self._prefixes}, reverse=True)

    def _add(self, pattern: Pattern) -> None:
        self._segments = True
        *body, last = pattern.head.split("/")
        node = self._root
        for segment in body:
            node = node.below.setdefault(segment, _Node())
        if pattern.glob:
            node.globs[last] = pattern
        else:
            node.below.setdefault(last, _Node()).ends = pattern

    def exact(self, path: str) -> Pattern | None:
        return self._exact.get(path)

    def best(self, path: str) -> Pattern | None:
        """The one that wins of those that are not exact."""
        longest = self._longest(path)
        if not self._segments:
            return longest
        found = self._segmented(path)
        if longest is not None:
            found.append(longest)
        return max(found, key=lambda pattern: pattern.priority, default=None)

    def all(self, path: str) -> list[Pattern]:
        """Those that are not exact and match, the winner first."""
        prefixes = (self._prefixes.get(path[:length]) for length in self._lengths if length <= len(path))
        found = [pattern for pattern in prefixes if pattern is not None] + self._segmented(path)
        return sorted(found, key=lambda pattern: pattern.priority, reverse=True)

    def _longest(self, path: str) -> Pattern | None:
        for length in self._lengths:
            if length <= len(path) and (found := self._prefixes.get(path[:length])):
                return found
        return None

    def _segmented(self, path: str) -> list[Pattern]:
        segments = path.split("/")
        found: list[Pattern] = []
        nodes = [self._root]
        for segment in segments:
            following: list[_Node] = []
            for node in nodes:
                if node.globs:
                    heads = (segment[:length] for length in range(len(segment) + 1))
                    found += [node.globs[head] for head in heads if head in node.globs]
                if segment in node.below:
                    following.append(node.below[segment])
                if segment != "+" and "+" in node.below:
                    following.append(node.below["+"])
            nodes = following
        return found + [node.ends for node in nodes if node.ends is not None]


class Beginnings:
    """By what every path that they match begins with."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._place = {pattern: number for number, pattern in enumerate(patterns)}
        self._by: dict[str, list[Pattern]] = {}
        for pattern in self._place:
            self._by.setdefault(pattern.literal, []).append(pattern)
        self._sorted = sorted(self._by)
        self._lengths = sorted({len(literal) for literal in self._by})

    def near(self, pattern: Pattern) -> list[Pattern]:
        """In the order given; every one that overlaps it is among them."""
        literals = (*self._shorter(pattern.literal), *self._longer(pattern.literal))
        return sorted((p for literal in literals for p in self._by[literal]), key=self._place.__getitem__)

    def _shorter(self, literal: str) -> Iterator[str]:
        lengths = takewhile(lambda length: length < len(literal), self._lengths)
        return (literal[:length] for length in lengths if literal[:length] in self._by)

    def _longer(self, literal: str) -> Iterator[str]:
        following = (self._sorted[n] for n in range(bisect_left(self._sorted, literal), len(self._sorted)))
        return takewhile(lambda other: other.startswith(literal), following)
