"""The stack's outputs: what was seen, not what was meant. A run that is cut short leaves the first word standing."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import pulumi

from containment.incidents.decide import Decision
from containment.incidents.incident import Incident, Mode, State
from stacks import before


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


def begin(mode: Mode, environment: str, *, dry: bool) -> None:
    """Before any server is asked: the last run's word is not this one's, but what it left open is."""
    _open(())
    pulumi.export(before.ENVIRONMENT, before.environment(environment))
    pulumi.export("mode", (Standing.NOT_CONTAINED if mode is Mode.LOCK and not dry else Standing.UNKNOWN).value)


def tell(decision: Decision, *, proven: bool) -> None:
    """What is being lifted is open until that is on record: a vault restored in between would know of no incident."""
    _open(decision.known, [] if proven or decision.lifting is None else [decision.lifting.id])
    pulumi.export("mode", standing(decision, proven=proven).value)


def refused(incidents: Sequence[Incident] | None) -> None:
    """What was asked was wrong, so that nothing was changed and nothing looked at: what the servers hold is told.
    None: they did not say."""
    in_force = [i for i in incidents or () if i.state is State.OPEN]
    if incidents is None:
        word = Standing.UNKNOWN
    elif not in_force:
        word = Standing.OPEN
    else:
        word = Standing.UNKNOWN if all(i.contained for i in in_force) else Standing.NOT_CONTAINED
    _open(incidents or ())
    pulumi.export(before.ENVIRONMENT, before.environment(""))
    pulumi.export("mode", word.value)


def _open(incidents: Sequence[Incident], still: Sequence[str] = ()) -> None:
    """By the server, and those that it has no record of, or was not asked for: the update before left them open."""
    now = [*(i.id for i in incidents if i.state is State.OPEN), *still]
    pulumi.export(before.OPEN, before.unknown_to(incidents).apply(lambda lost: [*now, *lost]))
