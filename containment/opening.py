"""What `pulumi up` and `portcullis contain` do before anything changes: decide, prove the way out, put on record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from shlex import quote

from containment import estates, executor, names, paging, way_out
from containment.adapters.client import epoch
from containment.adapters.vault import HvacVault
from containment.errors import KEEP, LastApplyUsed, TokensRefused, UnknownScope
from containment.folder import record
from containment.incidents import lost, replacements
from containment.incidents.decide import Asked, Decision, another_scope, decide, may_be_left_over
from containment.incidents.incident import EVERYTHING, Incident, Mode, Scope, State
from containment.incidents.scope import leaked_in, parse_scope
from containment.judgement import judge
from containment.ports import Vault
from containment.report import few
from containment.run import Progress
from containment.systems import from_environment
from containment.undeclared import cut_short
from policies import codec
from policies.errors import InputError, PortcullisError, Unanswered, Unreachable
from policies.load import load
from policies.model import DatabaseSecret, Estate

_OWN = "PORTCULLIS_CONTAINMENT_TOKEN"


def admitted(vault: HvacVault, warn: Progress) -> HvacVault:
    """`vault`, or the operator's where the containment token is refused, or is another one that may not lock down and
    lift: it is the day on which that shows. Raises TokensRefused when no token is accepted, Unanswered, and InputError
    when the operator's lacks a right."""
    refused: PortcullisError
    try:
        way_out.require(vault)
        return vault
    except Unanswered:
        raise
    except (Unreachable, InputError) as error:
        refused = error
    try:
        operators = HvacVault.from_environment()
    except InputError as error:  # there is none
        raise (TokensRefused(_OWN, refused) if isinstance(refused, Unreachable) else refused) from error
    try:
        way_out.require(operators)
    except Unanswered:
        raise
    except Unreachable as error:
        own = [_OWN] if os.environ.get(_OWN) else []
        raise TokensRefused(" and ".join([*own, "VAULT_TOKEN"]), error) from refused
    warn(f"{_OWN} is refused, so VAULT_TOKEN locks down: {refused}")
    return operators


def deny_first(vault: HvacVault, asked: Asked, stored: Estate, progress: Progress, warn: Progress) -> Asked:
    """Deny from the estate of the last apply, before the declarations are even read: the seconds it takes do not depend
    on how many there are. Returns the question with the incident's id; a deny that failed is tried again and named by
    the lock-down that follows.

    A scope that the last apply did not know is left to the declarations. Raises InputError, as `put_on_record` does.
    """
    try:
        decision = decided(vault, asked, stored)
    except UnknownScope:
        return asked
    tell(asked, decision, progress, warn)
    asked = put_on_record(vault, asked, decision, warn)
    incident = current(decision)
    note = partial(record.note_effects, incident.id)
    acted = True
    with tolerated(warn):
        acted = executor.deny(from_environment(vault, stored), stored, decision.known, incident, progress, note)
    paging.begin(incident, progress)
    return replace(asked, acted=acted)


def tell(asked: Asked, decision: Decision, progress: Progress, warn: Progress) -> None:
    """What is in scope, once a run and before anything is denied."""
    if not asked.told:
        spared = decision.spared if asked.mode is Mode.LOCK else ""
        for line in filter(None, (*decision.scopes, decision.together, spared)):
            progress(line)
    if decision.warning:
        warn(decision.warning)


def decided(vault: Vault, asked: Asked, estate: Estate) -> Decision:
    """Reads what is in force. Raises UnknownScope, and InputError for a lift that names nothing open."""
    incidents = lost.tightening(vault, asked.incident_id) if asked.mode is Mode.LOCK else vault.incidents()
    meant = asked.mode is Mode.LOCK and not may_be_left_over(asked, incidents)
    try:
        scope, left_over = parse_scope(asked.scope_text, estate), ""
    except UnknownScope as error:
        if meant:
            raise
        scope = Scope(everything=False, leaked=error.known)
        left_over = f"incidentScope is left over and not used: {error.why}; pulumi config rm incidentScope"
    scope = scope if meant else replace(scope, everything=True)
    decision = decide(asked, incidents, scope, vault.now())
    again = asked.again if asked.told else _again(vault, asked, decision.current, incidents, estate)
    return replace(decision, warning="; ".join(filter(None, (decision.warning, left_over))), again=again)


def _again(
    vault: Vault, asked: Asked, joined: Incident | None, incidents: tuple[Incident, ...], estate: Estate
) -> tuple[str, ...]:
    """Of the names in a lock-down's question, those of which something newer is in force than the incident that it
    joins, and any other open one that names them, has ended: a replacement, or credentials of a database role that were
    issued since."""
    named = asked.mode is Mode.LOCK and asked.scope_text.strip(" ,")
    if not named or joined is None or joined not in incidents:
        return ()
    roles = {f"secret:{p.name}": p.secret for p in estate.secrets if isinstance(p.secret, DatabaseSecret)}

    def issued(role: DatabaseSecret, since: int) -> bool:
        try:
            return any(epoch(lease.issued) >= since for lease in vault.leases(names.credentials(role)))
        except PortcullisError:  # what cannot be seen may be there
            return True

    def newer(name: str, than: Incident) -> bool:
        replaced = name in than.opened or bool(replacements.made(name, incidents, estate))
        cut = than.revoked_before
        return replaced or bool(cut and name in roles and issued(roles[name], cut))

    def ended(name: str) -> bool:
        opened = (i for i in incidents if i.state is State.OPEN and name in leaked_in(i, estate.repositories))
        return any(not newer(name, i) for i in opened)

    return tuple(name for name in leaked_in(joined, estate.repositories) if not ended(name))


@contextmanager
def tolerated(warn: Progress) -> Iterator[None]:
    """A folder that takes no evidence stops no lock-down; its last word, when all is done, fails the run."""
    try:
        yield
    except Unreachable as error:
        warn(f"the evidence has a gap: {error}")


def put_on_record(vault: Vault, asked: Asked, decision: Decision, warn: Progress) -> Asked:
    """Before anything is denied, so that no later run takes the lock-down for drift. Returns the question as it was
    understood, with the incident's id and each name with its kind: whoever asks it again joins, though a name may mean
    something else to the declarations than to the last apply.

    Raises InputError when this token could not undo what it is about to do, or somebody else has opened an incident by
    that id meanwhile, with another scope; nothing was changed.
    """
    current = decision.current
    if current is None:
        return asked
    way_out.require(vault)
    readable, gone = lost.look(vault)
    held = next((i for i in readable if i.id == current.id), None) or vault.write_incident(current)
    if held.scope != current.scope:
        raise another_scope(held, "was opened by somebody else just now", current.scope, decision.known)
    if held is current:
        paging.anew(current.id)
        with tolerated(warn):
            moved = "its record was lost" if current.id in gone else record.make_room(current.id)
            if forgotten := _forgotten(current):
                warn(forgotten)
            record.note(
                current.id,
                phase="detection",
                what=record.OPENED,
                target=current.scope.words,
                detail="; ".join(filter(None, (decision.warning, decision.together, moved, forgotten))),
            )
    if asked.mode is not Mode.LOCK:
        return asked
    return Asked(asked.mode, current.id, current.scope.text, told=True, again=decision.again)


def _forgotten(opened: Incident) -> str:
    """What it was asked for with on this machine before it was on record, and is opened without, in words, or ""."""
    left = sorted(record.asked_for(opened.id) - {EVERYTHING, *opened.scope.leaked})
    if not left:
        return ""
    return (
        f"incident {opened.id} was asked for on this machine before with {', '.join(left)}, as its folder says, and is "
        "opened without: none of that is rotated in it. Unless nobody means it, in a second incident: "
        f"portcullis contain --scope {quote(','.join(left))}"
    )


def applied(vault: Vault, stored: Estate | None = None) -> Estate:
    """What stands on the servers, for whoever works on them without Pulumi: the last apply's estate, which was judged
    and approved then. No other checkout takes anything out of a lock-down by it, or grants anything. Before the first
    apply the declarations, loaded and judged. `stored`: where it was read already."""
    return _kept(vault, stored) or estate_for(vault, None, incident=True)[0]


def _kept(vault: Vault, stored: Estate | None) -> Estate | None:
    kept = stored or vault.compiled()
    return cut_short.settled(vault, kept) if kept else None


def estate_for(
    vault: Vault,
    stored: Estate | None,
    *,
    incident: bool,
    lifting: bool = False,
    approved: Callable[[], None] = lambda: None,
    warn: Progress = lambda _: None,
) -> tuple[Estate, LastApplyUsed | None]:
    """The declarations, loaded, judged and proven to leave a way out, and in an `incident` what the last apply declared
    beside them. The last value is why they do not serve, if so.

    When they do not load, OPA is down or it objects, there would be no way out, or they are not `approved`, the estate
    of the last apply serves in an incident, unless it is being lifted: deny-by-default must not stand in the way of a
    lock-down. Otherwise that is raised. Declarations that are the last apply's need no approval in an incident.
    """
    from containment.lockout import prove  # the model is not waited for by what denies first

    last = _kept(vault, stored) if incident else None
    try:
        estate = load()
        judge(estate)
        prove(estate)
        _approve(estate, None if lifting else last, approved)
    except PortcullisError as error:
        if lifting or last is None:
            raise
        return last, LastApplyUsed(error, KEEP)
    if last is None:
        return estate, None
    if names := estates.as_before(estate, last):
        warn(
            f"not declared here, or at another place, and in force as before while an incident is open: {few(names)}; "
            "until after the lift the administrator's part is done with the declarations from before, or rotation is "
            "refused there"
        )
    return estates.with_kept(estate, last), None


def _approve(estate: Estate, last: Estate | None, approved: Callable[[], None]) -> None:
    try:
        approved()
    except PortcullisError:
        if last is None or codec.encode(estate) != codec.encode(last):
            raise


def current(decision: Decision) -> Incident:
    """Raises InputError when no incident is open."""
    if decision.current is None:
        raise InputError("no open incident to work on")
    return decision.current
