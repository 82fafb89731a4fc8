"""One line of a diff: who gained or lost what, how bad it is, and where it is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from access.rule import Capability
from access.snapshot import Place


class Risk(IntEnum):
    """How much a reviewer should mind; the greater, the sooner. NARROWER: nothing is gained."""

    NARROWER = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """`subject`: a principal, or what an aspect belongs to. Of a path: `paths` as a pattern, `but` what wins over it
    (the shortest twenty, and `…` where there are more),
    and the witness, a request that was refused on one side and is granted on the other. Of an aspect,
    and of a `deny` that is gone: `before` and `after`. `new`: it had no owner before, and `owner` is whom it names
    itself, whose word alone is not enough. `files`: all of those that an aspect names a few of. `follows`: from the
    declarations for an identity of the product's own, and no decision of its own."""

    subject: str
    what: str
    risk: Risk
    widens: bool
    reason: str
    place: Place | None
    owner: str = ""
    new: bool = False
    production: bool = False
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    witness: tuple[str, str] | None = None
    but: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    stands_for: str = ""
    files: tuple[str, ...] = ()
    follows: bool = False

    def to_json(self) -> dict[str, Any]:
        found = {**asdict(self), "risk": self.risk.word}
        if self.witness:
            found["witness"] = {"operation": self.witness[0], "path": self.witness[1]}
        return found


def worst_first(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda c: (-c.risk, not c.widens, c.subject, c.what, c.witness or ("", ""))))


def words(capabilities: Iterable[Capability]) -> tuple[str, ...]:
    return tuple(sorted(c.value for c in capabilities))
