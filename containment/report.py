"""What a lock-down did, effect by effect. Plain values; the command line and the evidence print them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"


DENIED = "leaked paths denied"
CONTAINED = "contained"
"""The milestones among the effects, on the incident: on its record only when every effect so far was seen to hold."""


@dataclass(frozen=True, slots=True)
class Effect:
    """`proof` says what was seen after the act; an effect without proof is never DONE."""

    what: str
    target: str
    outcome: Outcome
    detail: str
    at: float


def unresolved(effects: Iterable[Effect]) -> list[Effect]:
    """What failed and was not seen done afterwards: the last word on a target counts. `effects` in their order."""
    last: dict[tuple[str, str], Effect] = {}
    for effect in effects:
        last[effect.what, effect.target] = effect
    return [e for e in last.values() if e.outcome is Outcome.FAILED]


@dataclass(frozen=True, slots=True)
class Report:
    incident: str
    effects: tuple[Effect, ...]

    @property
    def not_contained(self) -> tuple[str, ...]:
        return tuple(f"{e.target} ({e.what}: {e.detail})" for e in unresolved(self.effects))

    @property
    def changed(self) -> int:
        return sum(e.outcome is Outcome.DONE for e in self.effects)

    def to_json(self) -> dict[str, Any]:
        return {
            "incident": self.incident,
            "contained": not self.not_contained,
            "not_contained": list(self.not_contained),
            "effects": [asdict(e) for e in self.effects],
        }
