"""The stack's outputs: what was seen, not what was meant. A run that is cut short leaves the first word standing."""

from __future__ import annotations

from enum import StrEnum

import pulumi

from containment.decide import Decision
from containment.incident import Mode


class Standing(StrEnum):
    OPEN = "open"
    LOCKED = "locked"
    NOT_CONTAINED = "not contained"
    UNKNOWN = "unknown"


def standing(decision: Decision, *, proven: bool) -> Standing:
    """`proven`: what is in force was seen contained; without any, what was lifted was restored."""
    if proven:
        return Standing.LOCKED if decision.in_force else Standing.OPEN
    return Standing.NOT_CONTAINED if decision.in_force else Standing.UNKNOWN


def begin(mode: Mode, *, dry: bool) -> None:
    """Before any server is asked: the last run's word is not this one's."""
    pulumi.export("mode", (Standing.NOT_CONTAINED if mode is Mode.LOCK and not dry else Standing.UNKNOWN).value)


def tell(decision: Decision, *, proven: bool) -> None:
    pulumi.export("openIncidents", [i.id for i in decision.in_force])
    pulumi.export("mode", standing(decision, proven=proven).value)
