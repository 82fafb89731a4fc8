"""From what was asked and what the servers hold to what is to be in force. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import assert_never

from containment.incident import Incident, Mode, Scope, State, checked_id
from policies.errors import InputError


@dataclass(frozen=True, slots=True)
class Asked:
    mode: Mode
    incident_id: str
    scope_text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`known`: every incident as it will be once this is done, the lifted ones too. `current`: the open one that this
    run works on, None in peace."""

    known: tuple[Incident, ...]
    current: Incident | None
    lifting: Incident | None
    scope_is_left_over: bool = False

    @property
    def in_force(self) -> tuple[Incident, ...]:
        return tuple(i for i in self.known if i.state is State.OPEN)


def scope_text(asked: Asked, incidents: Sequence[Incident]) -> str:
    """The scope to parse. A scope that still stands beside the id of a lifted incident is left over from it: it must
    not narrow a new lock-down, so everything is in scope then."""
    return "" if _left_over(asked, incidents) else asked.scope_text


def decide(asked: Asked, incidents: Sequence[Incident], scope: Scope, now: int) -> Decision:
    """Raises InputError when a lift does not name an open incident, or an id is none; nothing was changed."""
    if asked.incident_id:
        checked_id(asked.incident_id)
    opened = tuple(i for i in incidents if i.state is State.OPEN)
    match asked.mode:
        case Mode.KEEP:
            return Decision(tuple(incidents), opened[-1] if opened else None, None)
        case Mode.LOCK:
            return _lock(asked, incidents, opened, scope, now)
        case Mode.LIFT:
            return _lift(asked, incidents, opened, now)
    assert_never(asked.mode)


def _left_over(asked: Asked, incidents: Sequence[Incident]) -> bool:
    return any(i.id == asked.incident_id and i.state is State.LIFTED for i in incidents)


def _lock(
    asked: Asked, incidents: Sequence[Incident], opened: tuple[Incident, ...], scope: Scope, now: int
) -> Decision:
    left_over = _left_over(asked, incidents)
    wanted = "" if left_over else asked.incident_id
    for incident in opened:
        if incident.scope == scope and wanted in ("", incident.id):
            return Decision(tuple(incidents), incident, None, left_over)
    if any(i.id == wanted for i in opened):
        raise InputError(
            f"incident {wanted} is open with another scope; open a second incident for more, or leave incidentScope out"
        )
    stamp = datetime.fromtimestamp(now, UTC).strftime("INC-%Y%m%dT%H%M%SZ")
    taken = {i.id for i in incidents}
    new_id = wanted or next(n for n in (stamp, *(f"{stamp}-{k}" for k in range(2, 100))) if n not in taken)
    new = Incident(new_id, scope, State.OPEN, opened_at=now)
    return Decision((*incidents, new), new, None, left_over)


def _lift(asked: Asked, incidents: Sequence[Incident], opened: tuple[Incident, ...], now: int) -> Decision:
    names = ", ".join(i.id for i in opened) or "none"
    if not asked.incident_id:
        raise InputError(f"incident=false needs the incidentId that it lifts; open: {names}")
    found = next((i for i in incidents if i.id == asked.incident_id), None)
    if found is None:
        raise InputError(f"no incident {asked.incident_id}; open: {names}")
    if found.state is State.LIFTED:
        # Left in a stack file: it lifted what it named, and lifts nothing later.
        return Decision(tuple(incidents), opened[-1] if opened else None, None)
    known = tuple(lifted(i, now) if i.id == found.id else i for i in incidents)
    rest = [i for i in known if i.state is State.OPEN]
    return Decision(known, rest[-1] if rest else None, found)


def lifted(incident: Incident, now: int) -> Incident:
    return replace(incident, state=State.LIFTED, lifted_at=now)
