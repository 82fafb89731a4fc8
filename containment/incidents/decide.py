"""From what was asked and what the servers hold to what is to be in force. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import assert_never

from containment.errors import GO_ON, KEEP
from containment.incidents.incident import EVERYTHING, Incident, Mode, Scope, State, checked_id
from policies.errors import InputError

LOCK = "pulumi up --config incident=true"
EVERYTHING_ANEW = f"{LOCK} --config incidentId= --config incidentScope="


@dataclass(frozen=True, slots=True)
class Asked:
    """`told`: an earlier part of the same run has said what is in scope. `file`: the stack file that keeps the question
    and may ask it again unmeant; "" when somebody typed it. `acted`: that earlier part found something to deny.
    `again`: what it found to be named again, as `Decision` has it."""

    mode: Mode
    incident_id: str
    scope_text: str
    told: bool = False
    file: str = ""
    acted: bool = False
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`known`: every incident as it will be once this is done, the lifted ones too. `current`: the open one that this
    run works on, None in peace. `warning`: what may not be what was meant by the scope, or "". `over`: what is to be
    lifted and was, by an earlier run that may not have seen all of it to its end. `again`: `kind:name` of what is named
    as leaked and of which something newer is in force than `current` has ended: the question may have been asked again
    unmeant, or be of a new leak."""

    known: tuple[Incident, ...]
    current: Incident | None
    lifting: Incident | None
    warning: str = ""
    over: Incident | None = None
    again: tuple[str, ...] = ()

    @property
    def named_again(self) -> dict[str, str]:
        """By name of `again`, why it does not count as contained, and what to do."""
        if self.current is None:
            return {}
        held, other = self.current.id, second(self.current, self.known, ",".join(self.again))
        words = (
            f"what was issued or made since {held} denied it may be in force, and was left alone. If that leaked too: "
            f"{other}. If not, go on with {held}: {KEEP}"
        )
        return dict.fromkeys(self.again, words)

    @property
    def in_force(self) -> tuple[Incident, ...]:
        return tuple(i for i in self.known if i.state is State.OPEN)

    def holding(self, known: tuple[Incident, ...]) -> Decision:
        """The same, with the incidents as they are now."""
        current = next((i for i in known if self.current and i.id == self.current.id), self.current)
        return replace(self, known=known, current=current)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is in scope, for whoever locks down or goes on with it: a line for each open incident, the one that
        this run works on first."""
        first = sorted(self.in_force, key=lambda i: i != self.current)
        return tuple(f"incident {i.id}: in scope: {i.scope.words}" for i in first)

    @property
    def spared(self) -> str:
        """What an incident that is joined leaves alone, for whoever asks for all of it once more, or ""."""
        if self.current is None or not self.current.revoked_before or not self.current.scope.everything or self.again:
            return ""
        since = _at(self.current.revoked_before)
        other = second(self.current, self.known, self.current.scope.text or EVERYTHING)
        return f"what logged in or was issued since {since} is left alone; to end that too: {other}"

    @property
    def together(self) -> str:
        """What a new incident does to those that were swept before, or "". There is one cut for all of them, so that
        neither leaves what both have in scope."""
        swept = [i.id for i in self.in_force if i.revoked_before]
        fresh = [i.id for i in self.in_force if not i.revoked_before]
        if not swept or not fresh:
            return ""
        return (
            f"incident {', '.join(swept)} holds the rest, and is swept once more together with {', '.join(fresh)}: "
            "tokens, leases and sessions that workloads in its scope got since end too, and are told with the others"
        )


def may_be_left_over(asked: Asked, incidents: Sequence[Incident]) -> bool:
    """Beside the id of a lifted incident, which its lift leaves in the stack file, a scope that any lifted one had may
    be left over or have been typed now: it must not narrow a new lock-down, nor be left out of it. One that none had
    was named now."""
    if _lifted(asked, incidents) is None:
        return False
    words = {word.strip().rpartition(":")[2] for word in asked.scope_text.split(",") if word.strip()}
    had = [{n.partition(":")[2] for n in i.scope.leaked} for i in incidents if i.state is State.LIFTED]
    return any(words <= leaked for leaked in had)


def decide(asked: Asked, incidents: Sequence[Incident], scope: Scope, now: int) -> Decision:
    """Raises InputError when a lift does not name an open incident, an open one is asked for with another scope, or an
    id is none; nothing was changed. One that nobody asks for is left over in the stack file, and in nobody's way."""
    left_over = ""
    try:
        if asked.incident_id:
            checked_id(asked.incident_id)
    except InputError as error:
        if asked.mode is not Mode.KEEP:
            kept = f"; it stays in {asked.file} until: pulumi config rm incidentId" if asked.file else ""
            raise InputError(f"{error}{kept}") from error
        left_over = f"incidentId is left over and not used: {error}; pulumi config rm incidentId"
    opened = tuple(i for i in incidents if i.state is State.OPEN)
    match asked.mode:
        case Mode.KEEP:
            return Decision(tuple(incidents), opened[-1] if opened else None, None, left_over)
        case Mode.LOCK:
            return _lock(asked, incidents, opened, scope, now)
        case Mode.LIFT:
            return _lift(asked, incidents, opened, now)
    assert_never(asked.mode)


def _lifted(asked: Asked, incidents: Sequence[Incident]) -> Incident | None:
    """The incident by the id that is asked for, if it is over."""
    return next((i for i in incidents if i.id == asked.incident_id and i.state is State.LIFTED), None)


def _lock(
    asked: Asked, incidents: Sequence[Incident], opened: tuple[Incident, ...], scope: Scope, now: int
) -> Decision:
    left_over = _lifted(asked, incidents) is not None
    wanted = "" if left_over else asked.incident_id
    # An id alone means that incident: it is run again with the scope that it has.
    same = [i for i in opened if i.scope == scope or (i.id == wanted and not asked.scope_text)]
    joined = [i for i in same if wanted in ("", i.id)]
    if joined:
        # The newest of which nothing is replaced yet has all of it denied.
        incident = next((i for i in reversed(joined) if not i.opened), joined[-1])
        said = _joined(asked, incident)
        if left_over:
            here = f"goes on with {incident.id}"
            said = _kept(asked, incidents, incident) if scope.everything else _named(asked, here)
        return Decision(tuple(incidents), incident, None, said)
    other = next((i for i in opened if i.id == wanted), None)
    if other is not None:
        raise another_scope(other, "is open", scope, incidents)
    stamp = datetime.fromtimestamp(now, UTC).strftime("INC-%Y%m%dT%H%M%SZ")
    taken = {i.id for i in incidents}
    new_id = wanted or next(n for n in (stamp, *(f"{stamp}-{k}" for k in range(2, 100))) if n not in taken)
    new = Incident(new_id, scope, State.OPEN, opened_at=now)
    warning = _kept(asked, incidents, new) if scope.everything and not wanted else _repeated(asked, scope, incidents)
    if left_over and not scope.everything:
        warning = _named(asked, f"is a new one, {new_id}")
    return Decision((*incidents, new), new, None, warning)


def another_scope(held: Incident, how: str, asked: Scope, known: Sequence[Incident]) -> InputError:
    return InputError(
        f"incident {held.id} {how} with another scope, {held.scope.words}, which does not change; nothing was changed. "
        f"For {asked.words} open a second incident: {second(held, known, asked.text or EVERYTHING)}. To run {held.id} "
        f"again as it is, leave the scope out: {LOCK} --config incidentId={held.id} --config incidentScope= (or "
        f"portcullis contain --incident-id {held.id})"
    )


def second(held: Incident, known: Sequence[Incident], scope: str) -> str:
    """The commands that open another incident beside `held`, by an id that is free."""
    taken = {i.id for i in known}
    new = next(n for n in (f"{held.id[:60]}-{k}" for k in range(2, 1000)) if n not in taken)
    by_hand = f"portcullis contain --incident-id {new} --scope {scope}"
    return f"{LOCK} --config incidentId={new} --config incidentScope={scope} (or {by_hand})"


def _at(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _named(asked: Asked, what: str) -> str:
    anew = f"; if you mean everything: {EVERYTHING_ANEW}" if asked.file else ""
    return f"incident {asked.incident_id} is lifted: this {what}, with the scope named{anew}"


def _kept(asked: Asked, incidents: Sequence[Incident], current: Incident) -> str:
    """Of a question that names nothing new: it may have stood in the stack's file since an incident that is lifted.
    The first lock-down of all has nothing to be left over from."""
    before = [i.id for i in incidents if i.state is State.LIFTED]
    if not before or not (asked.file or asked.incident_id):
        return ""
    if current.scope.leaked and not asked.incident_id:
        return ""  # `everything` was written beside the names
    if asked.incident_id:
        named = f"beside incidentId {asked.incident_id}, which is lifted"
    else:
        named = f"and names nothing; {before[-1]} was lifted meanwhile"
    leaked = ""
    if names := ", ".join(current.scope.leaked):
        leaked = f", with {names} as leaked: nobody can tell whether that was typed now or stood there"
    return (
        f"{asked.file or 'the stack file'} says incident: true {named}. So everything is locked down, as {current.id}"
        f"{leaked}. If nobody means that, so that it is not asked again: pulumi config set incident keep; and lift it: "
        f"portcullis rotate run {current.id}, pulumi up --config incident=false --config incidentId={current.id}"
    )


def _joined(asked: Asked, incident: Incident) -> str:
    """The stack's file may still say which: whoever types `incident=true` alone means everything."""
    if incident.scope.everything or not asked.file:
        return ""
    return f"{incident.id} is open and runs again, its scope alone; if you mean everything: {EVERYTHING_ANEW}"


def _repeated(asked: Asked, scope: Scope, incidents: Sequence[Incident]) -> str:
    """Pulumi keeps a scope in the stack's file, where it would narrow the next incident without a word."""
    before = [i for i in incidents if i.scope == scope]
    if scope.everything or not before or not asked.file:
        return ""
    last = before[-1]
    return (
        f"incidentScope is what {last.id} {'has' if last.state is State.OPEN else 'had'}, which is {last.state.value}; "
        f"only that is locked down. If it was left over in the stack file, lock down everything: {EVERYTHING_ANEW}"
    )


def _lift(asked: Asked, incidents: Sequence[Incident], opened: tuple[Incident, ...], now: int) -> Decision:
    names = ", ".join(i.id for i in opened) or "none"
    if not asked.incident_id:
        raise InputError(f"incident=false needs the incidentId that it lifts; open: {names}; {GO_ON}")
    found = next((i for i in incidents if i.id == asked.incident_id), None)
    if found is None:
        raise InputError(f"no incident {asked.incident_id}; open: {names}; {GO_ON}")
    if found.state is State.LIFTED:
        # Left in a stack file: it lifted what it named, and lifts nothing later.
        said = f"incident {found.id} was lifted already, {_at(found.lifted_at)}: nothing is lifted; open: {names}"
        last = opened[-1] if opened else None
        return Decision(tuple(incidents), last, None, said if opened else "", over=found)
    known = tuple(lifted(i, now) if i.id == found.id else i for i in incidents)
    rest = [i for i in known if i.state is State.OPEN]
    return Decision(known, rest[-1] if rest else None, found)


def lifted(incident: Incident, now: int) -> Incident:
    return replace(incident, state=State.LIFTED, lifted_at=now, lift_begun_at=0)
