"""The lock-down itself, the same for `pulumi up` and `portcullis contain`. Observes before it acts, goes on past a
failing effect, and calls nothing contained that it has not seen refused or gone.

Order: prove the way out; deny (gate, quarantine), then leaked identities; stop issuance; revoke tokens and leases one
by one, end database sessions; sweep again; open the quarantine; probe. Upstream keys are disabled and repositories
locked at the same time, from the begin: a server that hangs keeps no other waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from containment import former
from containment.compiled import caps
from containment.effects import (
    database,
    former_logins,
    identities,
    issuance,
    policies,
    probes,
    repositories,
    same_login,
    strangers,
    tokens,
    upstream,
    written,
)
from containment.incidents.incident import Incident, State
from containment.incidents.scope import affected, leaked_in
from containment.report import CONTAINED, DENIED, NAMED_AGAIN, Outcome, Report
from containment.run import Note, Progress, Run, Seen, Systems
from policies.errors import Finding, PortcullisError, Unreachable
from policies.model import Estate

_SWEEPS = 3
"""Once nothing older than the cut can be made any more."""
_TICK = 0.05
_PATIENCE = 1.0
"""Seconds for an upstream to answer before the rest of the lock-down goes on beside it."""


def deny(
    systems: Systems,
    estate: Estate,
    incidents: tuple[Incident, ...],
    incident: Incident,
    progress: Progress,
    note: Note,
) -> bool:
    """The first step alone: gate and quarantine in force, two writes, however many declarations there are, and leaked
    keys disabled beside it. Whether anything of it was not in force already. An upstream that does not answer is waited
    for by nobody: `contain` asks it again, and names it.

    Raises what `note` does, when all is done: no later part of the run knows what this one did.
    """
    run = replace(_run(systems, estate, incidents, incident, progress), note=note)
    beside = replace(run, effects=[])
    pool = ThreadPoolExecutor(1)
    keys = pool.submit(upstream.disable_keys, beside)
    pool.shutdown(wait=False)
    policies.deny(run)
    wait([keys], _PATIENCE)
    run.put_down()
    return any(e.outcome is not Outcome.ALREADY for e in (*run.effects, *beside.effects))


def contain(
    systems: Systems,
    estate: Estate,
    incidents: tuple[Incident, ...],
    incident: Incident,
    progress: Progress,
    note: Note,
    again: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Report, Incident]:
    """The whole lock-down for the open ones of `incidents`, `incident` among them; `again`: by name, why it does not
    count as contained whatever is seen. Returns the report and the incident as the servers now hold it. Raises nothing
    of ours: what cannot be done is in the report, by name.
    """
    run = replace(_run(systems, estate, incidents, incident, progress), note=note)
    try:
        _contain(run)
        for name, why in again.items():
            run.fail(NAMED_AGAIN, name, Finding(why))
    except PortcullisError as error:
        run.fail("lock-down", "everything after the last effect above", error)
    if run.incident.notice:
        progress(f"incident {incident.id}: {run.incident.notice}")
    return Report(incident.id, tuple(run.effects), leaked_in(run.incident, estate.repositories)), run.incident


def cap_again(
    systems: Systems, estate: Estate, incidents: tuple[Incident, ...], incident: Incident, progress: Progress
) -> tuple[str, ...]:
    """After Pulumi: one that updates a role for another reason writes the TTLs of its state along. Returns what is not
    capped."""
    run = _run(systems, estate, incidents, incident, progress)
    issuance.cap(run)
    return Report(incident.id, tuple(run.effects)).not_contained


def uncap(
    systems: Systems, estate: Estate, incidents: tuple[Incident, ...], lifting: Incident, progress: Progress
) -> tuple[str, ...]:
    """TTLs of peace for what only `lifting` capped; `incidents` as they will be without it. Returns what failed."""
    run = _run(systems, estate, incidents, lifting, progress)
    issuance.uncap(run, affected(estate, (lifting,)))
    return Report(lifting.id, tuple(run.effects)).not_contained


def _run(
    systems: Systems, estate: Estate, incidents: tuple[Incident, ...], incident: Incident, progress: Progress
) -> Run:
    return Run(systems, estate, incidents, incident, progress, affected(estate, incidents))


def _contain(run: Run) -> None:
    vault = run.systems.vault
    # Repositories have a list of effects of their own until the end: the quarantine, which keeps every workload out,
    # does not stay shut for them. Keys have one until it is asked what is left: nothing before waits for them.
    beside, upstreams = replace(run, effects=[]), replace(run, effects=[])
    with ThreadPoolExecutor(2) as pool:
        keys = pool.submit(upstream.disable_keys, upstreams)
        locked = pool.submit(repositories.lock, beside)

        def joined() -> None:
            keys.result()
            run.effects.extend(upstreams.effects)
            upstreams.effects.clear()

        try:
            policies.deny(run)
            probes.foresee(run)
            _look_back(run)
            policies.close_generations(run, _now(run) or int(time.time()))
            if run.clean:
                denied = all(i.denied_at for i in run.affected.open)
                _milestone(run, DENIED, denied, lambda i: i if i.denied_at else replace(i, denied_at=vault.now()))
            identities.disable(run)
            former_logins.end(run)
            same_login.name(run)
            written.tell(run)
            _revoke(run, joined)
        finally:
            joined()
            locked.result()
            run.effects.extend(beside.effects)
    policies.as_declared(run)
    strangers.shut_out(run)
    probes.probe(run)
    for words in run.former.unread:
        run.fail("declared before", "what may be out of it", Unreachable(words))
    if run.clean:
        contained = all(i.contained for i in run.affected.open)
        _milestone(run, CONTAINED, contained, lambda i: i if i.contained else _seen_contained(i, vault.now()))


def _look_back(run: Run) -> None:
    """What was declared while what is out may have been made: nothing that is denied first waits for it."""
    vault = run.systems.vault
    run.former = former.read(vault)
    known = policies.note_generations(vault, run.estate, run.former, run.incidents)
    _hold(run, {i.id: i for i in known})


def _revoke(run: Run, joined: Callable[[], None]) -> None:
    """Nothing new is issued, what is out is revoked, until nothing is left that can be used; then the workloads may
    come back. A database user that cannot be dropped, or its lease, is a finding; without a login and a session it is
    no credential, and keeps nobody out. Nor does a mount that is not capped, whose roles are. `joined`: with the word
    on the leaked keys."""
    issuance.stop(run)
    roles = database.roles(run)
    users = database.shut_out(run, roles)
    since = _sweep(run, roles)
    dead = database.drop_users(run, users, since, roles)
    joined()
    beside = upstream.UNKNOWN | {caps.MOUNT} | (database.REMAINS if dead else frozenset())
    if run.clean_beside(beside) and policies.open_quarantine(run):
        try:
            _record(run, lambda i: i if i.revoked_before else replace(i, revoked_before=since))
        except PortcullisError as error:
            run.fail("quarantine opened", "on the server's record", error)


def _sweep(run: Run, roles: database.Roles) -> int:
    """Until no lease and no token is left that is older than the cut, which is returned (epoch seconds)."""
    now = _now(run)
    # Tokens and leases made after the first lock-down finished are the workloads' new ones: the gate and the TTL caps
    # rule them. A leaked identity or role gets no such grace until it is replaced.
    since = run.revoked_before or (now or int(time.time())) + 1
    left = _SWEEPS
    while left:
        # Times are whole seconds: only when the clock has passed `since` is nothing older made any more. Without the
        # server's clock nothing proves that, and one more sweep names what is still out.
        over = now is None or now >= since
        found = tokens.revoke(run, since, partial(database.revoke_leases, run, since, roles))
        if over and not found:
            break
        left -= over
        if not found:
            time.sleep(_TICK)
        now = _now(run)
    return since


def _now(run: Run) -> int | None:
    """By the server's clock. When it does not say, that is not contained, and None."""
    try:
        return run.systems.vault.now()
    except PortcullisError as error:
        run.fail("read", "the vault's clock", error)
        return None


def _seen_contained(incident: Incident, now: int) -> Incident:
    return replace(incident, contained_at=incident.contained_at or now, lift_begun_at=0)


def _milestone(run: Run, what: str, already: bool, change: Callable[[Incident], Incident]) -> None:
    """An effect like any other, so that the timeline has both by one clock: by the record, which is in the server's
    whole seconds, it would stand before what led to it."""

    def put() -> Seen:
        _record(run, change)
        return (Outcome.ALREADY if already else Outcome.DONE), "on the server's record"

    run.effect(what, run.incident.id, put)


def _record(run: Run, change: Callable[[Incident], Incident]) -> None:
    """Every open incident is contained by one run: what is in scope is their union. Raises what one of them did, when
    all others are written."""
    changed: dict[str, Incident] = {}
    failed: PortcullisError | None = None
    for one in run.affected.open:
        try:
            changed[one.id] = run.systems.vault.update_incident(one.id, partial(_changed, change, one))
        except PortcullisError as error:
            failed = error
    _hold(run, changed)
    if failed:
        raise failed


def _changed(change: Callable[[Incident], Incident], ours: Incident, held: Incident) -> Incident:
    """With the generations too, where the server has not taken them before. Raises Finding where somebody lifts it
    meanwhile: what this run has seen denied may be open by then."""
    if held.state is State.LIFTED or held.lift_begun_at not in (0, ours.lift_begun_at):
        raise Finding(f"incident {held.id} is being lifted while this run goes on; run it again when that has ended")
    return change(held if held.generations is not None else replace(held, generations=ours.generations))


def _hold(run: Run, changed: Mapping[str, Incident]) -> None:
    run.incidents = tuple(changed.get(i.id, i) for i in run.incidents)
    run.affected = replace(run.affected, open=tuple(changed.get(i.id, i) for i in run.affected.open))
    run.incident = changed.get(run.incident.id, run.incident)
