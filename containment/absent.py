"""A lock-down while the vault does not answer: what does not need it is done, from what was asked and the declarations
of this checkout, and everything else is named. Nothing is on record there; the next run by the same id completes it.
One whose storage alone does not answer takes policies all the same, so what is in scope is denied; that also ends the
requests which its storage is held by, where they are in scope.

Nobody can tell what the server knows: an id that was lifted, or a secret that was replaced meanwhile, is locked down
all the same, since tightening is never blocked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from containment import estates, executor, lockdown, opening, paging
from containment.compiled import gate
from containment.errors import LastApplyUsed, TokensRefused, UnknownScope
from containment.folder import record
from containment.incidents.decide import LOCK, Asked, decide, may_be_left_over
from containment.incidents.incident import EVERYTHING, Incident, Scope, State, checked_id
from containment.incidents.scope import parse_scope
from containment.ports import Vault
from containment.report import Report, exit_code
from containment.run import Progress
from containment.systems import from_environment
from policies.errors import Congested, InputError, PortcullisError, Unanswered, Unreachable
from policies.load import load
from policies.model import Estate


@dataclass(frozen=True, slots=True)
class Done:
    """`complaint`: why the declarations did not serve, if so. `absent`: what is to be done about the vault, or ""."""

    report: Report
    incident: Incident
    complaint: LastApplyUsed | None
    absent: str = ""

    @property
    def exit_code(self) -> int:
        codes = (exit_code(self.report.effects), self.complaint.exit_code if self.complaint else 0)
        return Unreachable.exit_code if self.absent else max(codes)


class Absent:
    """In the place of any port of the vault: each call says why there is none, and waits for nothing."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        def unanswered(*_: object, **__: object) -> NoReturn:
            raise Unanswered(self._why)

        return unanswered


class Policies(Absent):
    """Of a vault whose storage does not answer: its policies, which need none. What other incidents hold in force
    cannot be read, so none is made to allow what it does not allow now."""

    def __init__(self, why: str, vault: Vault) -> None:
        super().__init__(why)
        self._vault = vault

    def holds_policy(self, name: str, text: str) -> bool:
        """Or one that is as strict."""
        return self._vault.holds_policy(name, self._stricter(name, text))

    def read_policy(self, name: str) -> str | None:
        return self._vault.read_policy(name)

    def write_policy(self, name: str, text: str) -> None:
        self._vault.write_policy(name, self._stricter(name, text))

    def _stricter(self, name: str, text: str) -> str:
        return gate.stricter(self._vault.read_policy(name), text)


def contain(
    asked: Asked, stored: Estate | None, error: Unreachable, vault: Vault, progress: Progress, warn: Progress
) -> Done:
    """`error` is how `vault` failed; `stored` what it had kept at the last apply, if it still said so. With
    `asked.told` the incident is on record already.

    Raises InputError before anything changes: an unknown scope, an id that is none, or no declarations to work from.
    """
    estate, complaint = _declared(stored, error)
    incident = _incident(asked, estate, warn)
    absent = _absent(asked, incident, error)
    unchecked = "" if asked.told or not asked.incident_id else f"; whether {incident.id} was lifted cannot be checked"
    done = "what is in scope is denied, and " if isinstance(error, Congested) else ""
    warn(f"{error}: {_lacking(error)}; {done}what does not need it is done all the same{unchecked}")
    progress(f"incident {incident.id}: in scope: {incident.scope.words}")
    if not asked.told:
        with opening.tolerated(warn):
            _note_opened(incident, error)
        paging.anew(incident.id)
    paging.begin(incident, progress)
    nobody: Any = Absent("the vault accepts no token" if _refused(error) else "the vault does not answer")
    if isinstance(error, Congested):
        nobody = Policies("the vault's storage does not answer", vault)
    systems = replace(from_environment(nobody, estate), prober=lambda: nobody)
    note = partial(record.note_effects, incident.id)
    report, _ = executor.contain(systems, estate, (incident,), incident, progress, note)
    paging.tell([incident], {incident.id: report.not_contained}, progress)
    lockdown.write_down(nobody, report, None, progress)
    return Done(report, incident, complaint, absent)


def _declared(stored: Estate | None, error: Unreachable) -> tuple[Estate, LastApplyUsed | None]:
    """Unjudged: a lock-down does not wait for OPA, and the next run asks it."""
    try:
        estate = load()
    except PortcullisError as problem:
        if stored is None:
            raise InputError(f"{error}; without the vault the declarations must load: {problem}") from problem
        return stored, LastApplyUsed(problem)
    return (estate if stored is None else estates.with_kept(estate, stored)), None


def _incident(asked: Asked, estate: Estate, warn: Progress) -> Incident:
    """An id alone is that incident, with the scope that it had when this machine last saw it on the server's record and
    all that it was asked for here since; everything where it never did, beside the names that it was asked for with
    here, or where its folder is not as it was sealed or names what is declared nowhere."""
    now = int(time.time())
    seen, wrong = record.last_seen(checked_id(asked.incident_id)) if asked.incident_id else (None, "")
    over = (seen,) if seen and seen.state is State.LIFTED else ()
    everything = opening.current(decide(asked, over, Scope(everything=True), now))
    if asked.scope_text or not asked.incident_id:
        scope = parse_scope(asked.scope_text, estate)
        scope = replace(scope, everything=scope.everything or may_be_left_over(asked, over))
        return opening.current(decide(asked, over, scope, now))
    if seen is None and not (wrong or asked.told):
        found = replace(everything, scope=_asked_before(everything.id, estate, warn))
    elif seen is None or over:
        found = everything
    else:
        try:
            # What was replaced since it was last seen nobody knows here: all of it is denied and ended anew.
            found = Incident(seen.id, _scope(seen, estate), State.OPEN, opened_at=seen.opened_at)
        except PortcullisError as error:
            wrong = str(error)
    if not wrong:
        return found
    warn(f"incident {asked.incident_id}: what is in scope cannot be told from its folder, so everything is: {wrong}")
    return everything


def _asked_before(incident_id: str, estate: Estate, warn: Progress) -> Scope:
    """Of an id that no server was seen to have: whoever can write its folder can name what they like there, so that it
    adds names and takes nothing out of scope."""
    leaked: list[str] = []
    try:
        for name in sorted(record.asked_for(incident_id) - {EVERYTHING}):
            try:
                leaked += parse_scope(name, estate).leaked
            except UnknownScope as error:
                warn(f"incident {incident_id}: asked for here before: {error.why}")
    except Unreachable as error:
        warn(f"what was asked for here as incident {incident_id} before cannot be read: {error}")
    if leaked:
        warn(
            f"incident {incident_id} was asked for here before with {', '.join(leaked)}, as its folder says: that is "
            "named as leaked, and everything else is in scope too, since no server was seen to have it so"
        )
    return Scope(everything=True, leaked=tuple(leaked))


def _scope(seen: Incident, estate: Estate) -> Scope:
    """Raises UnknownScope, Unreachable."""
    since = record.asked_for(seen.id) - frozenset(seen.scope.leaked)
    named = since - {EVERYTHING}
    more = parse_scope(",".join(sorted(named)), estate).leaked if named else ()
    return Scope(seen.scope.everything or named != since, (*seen.scope.leaked, *more))


def _note_opened(incident: Incident, error: Unreachable) -> None:
    record.note(
        incident.id,
        phase="detection",
        what=record.OPENED,
        target=incident.scope.words,
        outcome="failed",
        detail=f"not on the server's record: {error}",
    )


def _refused(error: Unreachable) -> bool:
    return isinstance(error, TokensRefused)


def _lacking(error: Unreachable) -> str:
    if isinstance(error, Congested):
        return "no answer from the vault's storage in time"
    return "no token for the vault" if _refused(error) else "no answer from the vault"


def _absent(asked: Asked, incident: Incident, error: Unreachable) -> str:
    scope = incident.scope.text if asked.scope_text else ",".join(incident.scope.leaked)
    by_hand = f"portcullis contain --incident-id {incident.id}" + (f" --scope {scope}" if scope else "")
    besides = ""
    if scope and incident.scope.everything and not asked.scope_text:  # which scope the server has it with nobody knows
        besides = "; and, unless that is all that leaked: portcullis contain"
    again = f"{by_hand}, or {LOCK} --config incidentId={incident.id} --config incidentScope={scope}"
    when = f"with a token that is accepted ({error.tried})" if isinstance(error, TokensRefused) else "when it is back"
    if isinstance(error, Congested):
        when = "in a minute, when what the policies deny now has ended, or else when the limit named above is in force"
    if asked.told:
        return f"{_lacking(error)} any more; run the same command again {when}: {again}{besides}"
    return (
        f"{_lacking(error)}: nothing is on record there; run the same command again {when}, as {incident.id}: {again}"
        f"{besides}"
    )
