"""What a lock-down did, effect by effect. Plain values; the command line and the evidence print them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from policies.errors import Finding, Unreachable


class Outcome(StrEnum):
    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"


PROBE = "probe"
DENIED = "leaked paths denied"
CONTAINED = "contained"
NAMED_AGAIN = "named again"
"""The milestones among the effects, on the incident: on its record only when every effect so far was seen to hold."""


@dataclass(frozen=True, slots=True)
class Effect:
    """`detail` says what was seen after the act; an effect without proof is never DONE. `away`: it failed because a
    system could not be reached or refused."""

    what: str
    target: str
    outcome: Outcome
    detail: str
    at: float
    away: bool = False


_FIRST = 10
_BY_ID = frozenset({"lease revoked", "token revoked"})
"""Whose targets are a role and the id of one of many."""


def few(found: Sequence[str]) -> str:
    """In words: a screen's worth of them, and how many more."""
    return ", ".join(found[:_FIRST]) + (f" and {len(found) - _FIRST} more" if len(found) > _FIRST else "")


def named(what: str, targets: list[str]) -> str:
    """In words, all that one reason stands for: of leases and tokens how many of each role."""
    if what not in _BY_ID or len(targets) == 1:
        return ", ".join(targets)
    roles = Counter(target.partition(" ")[0] for target in targets)
    return f"{len(targets)}: " + ", ".join(f"{role} ({number})" for role, number in roles.items())


def unresolved(effects: Iterable[Effect]) -> list[Effect]:
    """What failed and was not seen done afterwards: the last word on a target counts. `effects` in their order."""
    last: dict[tuple[str, str], Effect] = {}
    for effect in effects:
        last[effect.what, effect.target] = effect
    return [e for e in last.values() if e.outcome is Outcome.FAILED]


def exit_code(effects: Iterable[Effect]) -> int:
    """By `policies.errors`, of what stays failed."""
    left = unresolved(effects)
    return Unreachable.exit_code if any(e.away for e in left) else Finding.exit_code if left else 0


@dataclass(frozen=True, slots=True)
class Report:
    """`leaked`: `kind:name` of what leaked in the incident, with the secrets that a leaked repository holds."""

    incident: str
    effects: tuple[Effect, ...]
    leaked: tuple[str, ...] = ()

    @property
    def not_contained(self) -> tuple[str, ...]:
        """Each reason once, with every target that it stands for."""
        targets: dict[tuple[str, str], list[str]] = {}
        for effect in unresolved(self.effects):
            targets.setdefault((effect.what, effect.detail), []).append(effect.target)
        return tuple(f"{named(what, some)} ({what}: {detail})" for (what, detail), some in targets.items())

    @property
    def named_again(self) -> bool:
        """Whether a command that names nothing would lose what was named again: it would be called contained."""
        return any(e.what == NAMED_AGAIN for e in unresolved(self.effects))

    @property
    def goes_on(self) -> bool:
        """Whether another run may bring it to its end: what was named again says itself what to do."""
        return any(e.what != NAMED_AGAIN for e in unresolved(self.effects))

    @property
    def changed(self) -> int:
        return sum(e.outcome is Outcome.DONE for e in self.effects)

    def to_json(self) -> dict[str, Any]:
        return {
            "incident": self.incident,
            "contained": not self.not_contained,
            "not_contained": list(self.not_contained),
            "leaked": list(self.leaked),
            "effects": [asdict(e) for e in self.effects],
        }
