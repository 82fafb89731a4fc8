"""The three kinds of path that a policy can name, what each matches, and which wins where several do.

Source: OpenBao, "Policies", priority matching, and what `internal/vault/policy/acl.go` of release 2.x does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Priority: TypeAlias = "tuple[int, bool, int, int, str]"


class Kind(StrEnum):
    EXACT = "exact"
    PREFIX = "prefix"
    SEGMENT = "segment"


class Precedence(StrEnum):
    """Why one pattern that matches a path loses to another."""

    EXACT = "an exact path wins over any pattern"
    LISTING = "a listing is decided by the path with its slash first"
    FIRST_WILDCARD = "the winner's first `+` or `*` comes later"
    NO_GLOB = "the winner does not end in `*`"
    FEWER_SEGMENTS = "the winner has fewer `+`"
    LONGER = "the winner is longer"
    ORDER = "the winner comes later in the alphabet"


_BY_PLACE = (
    Precedence.FIRST_WILDCARD,
    Precedence.NO_GLOB,
    Precedence.FEWER_SEGMENTS,
    Precedence.LONGER,
    Precedence.ORDER,
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`head` is the text without the `*` at its end; `glob` says that there was one."""

    kind: Kind
    head: str
    glob: bool

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Of a path as the server keeps it: no slash at its beginning. Not every `+` is a whole segment: in `a/+b` it
        is a plain character, but makes the path one of the segment kind all the same."""
        glob = text.endswith("*")
        if text == "+" or "/+" in text or text.startswith("+/"):
            return cls(Kind.SEGMENT, text.removesuffix("*"), glob)
        return cls(Kind.PREFIX, text[:-1], True) if glob else cls(Kind.EXACT, text, False)

    @property
    def text(self) -> str:
        return f"{self.head}*" if self.glob else self.head

    @property
    def literal(self) -> str:
        """What every path that it matches begins with: all before the first `+`, which may be a plain character."""
        return self.head.partition("+")[0] if self.kind is Kind.SEGMENT else self.head

    @property
    def priority(self) -> Priority:
        """Between patterns that match one path, the greatest wins. An exact path is not compared."""
        size = len(self.head.encode())
        if self.kind is Kind.PREFIX:
            return size, False, 0, size, self.head
        first = len(self.head[: self.head.index("+")].encode())
        return first, not self.glob, -self.head.split("/").count("+"), size, self.head

    def matches(self, path: str) -> bool:
        """The plain statement of what `access.index` finds fast."""
        if self.kind is Kind.EXACT:
            return path == self.head
        if self.kind is Kind.PREFIX:
            return path.startswith(self.head)
        wanted, given = self.head.split("/"), path.split("/")
        if len(given) < len(wanted) or (len(given) > len(wanted) and not self.glob):
            return False
        *body, last = wanted
        if any(w not in ("+", g) for w, g in zip(body, given, strict=False)):
            return False
        end = given[len(body)]
        return last in ("+", end) or (self.glob and end.startswith(last))


def why(winner: Pattern, loser: Pattern) -> Precedence:
    """The first place in which the priorities differ."""
    if winner.kind is Kind.EXACT:
        return Precedence.EXACT
    if loser.kind is Kind.EXACT:
        return Precedence.LISTING
    pairs = zip(winner.priority, loser.priority, strict=True)
    return next(_BY_PLACE[n] for n, (a, b) in enumerate(pairs) if a != b)
