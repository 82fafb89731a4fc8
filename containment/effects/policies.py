"""Deny: the gate, the quarantine and the closed generations of batch tokens. A few writes, however much is declared."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from containment import names
from containment.compiled import gate
from containment.errors import REFRESH
from containment.former import Former
from containment.incidents import generations
from containment.incidents.incident import Generation, Incident
from containment.ports import Vault
from containment.report import Outcome
from containment.run import WORKERS, Run, Seen
from policies.errors import PortcullisError
from policies.model import Estate, Workload

_LOOK = f"look into it, then {REFRESH}"


def deny(run: Run) -> None:
    """Gate and quarantine in force; identities that leaked, and CI roles, may do nothing, and nobody's own policy
    grants what leaked."""
    vault = run.systems.vault
    run.effect("gate", names.GATE, partial(_ensure, vault, names.GATE, gate.gate(run.affected)))
    if not run.revoked_before:
        run.effect(
            "quarantine", names.QUARANTINE, partial(_ensure, vault, names.QUARANTINE, gate.quarantine(run.affected))
        )
    for what, identities in (("identity denied", run.affected.shut), ("identity narrowed", run.affected.narrowed)):
        own = {names.own_policy(i): gate.own_policy(i, run.estate, run.affected) for i in identities}
        run.each(what, [(name, partial(_ensure_own, vault, name, text)) for name, text in own.items()])


def as_declared(run: Run) -> None:
    """Nobody's own policy grants what no declaration gives: whatever else somebody, or an update that was killed, has
    written there goes, and nothing is given. What it grants of what leaked `deny` has seen to."""
    vault = run.systems.vault
    try:
        last = vault.applied()
        widest = gate.widest((run.estate, *(last.estates if last else ())))
        with ThreadPoolExecutor(WORKERS) as pool:
            held = dict(zip(widest, pool.map(vault.read_policy, widest), strict=True))
    except PortcullisError as error:
        run.fail("own policy", "every identity", error)
        return

    def act(name: str, text: str) -> Seen:
        if gate.capabilities(text) is None:
            return Outcome.FAILED, f"is not as the product writes it, so what it grants is not judged: {_LOOK}"
        if last is None or not last.estates:
            return (
                Outcome.FAILED,
                f"grants what is not declared here; what the last apply declared is not known: {_LOOK}",
            )
        outcome, detail = _ensure(vault, name, gate.stricter(text, widest[name]))
        return outcome, f"{detail}: it granted what is declared nowhere"

    def more(name: str, text: str) -> bool:
        found = gate.capabilities(text)
        return found is None or gate.wider(found, widest[name])

    run.effect("own policy", "every identity", lambda: (Outcome.ALREADY, "looked at"))
    wrong = [(name, text) for name, text in held.items() if text is not None and more(name, text)]
    run.each("own policy", [(name, partial(act, name, text)) for name, text in wrong])


def note_generations(
    vault: Vault, estate: Estate, former: Former, incidents: Sequence[Incident], *, dry: bool = False
) -> tuple[Incident, ...]:
    """Those that `generations.noted` adds, on record: whoever was first is right. Where the server takes no record, for
    this run alone, which names that."""
    if generations.all_noted(incidents):
        return tuple(incidents)
    noted = generations.noted(incidents, estate, former, _attached(vault, estate, former))
    if dry:
        return noted
    known = []
    for before, after in zip(incidents, noted, strict=True):
        found = after.generations
        if before.generations is None and found is not None:
            with suppress(PortcullisError):
                found = vault.update_incident(after.id, partial(_noted, found=found)).generations
        known.append(replace(before, generations=found))
    return tuple(known)


def _attached(vault: Vault, estate: Estate, former: Former) -> dict[str, int]:
    """The generation that a login gets now, by workload, where its role can be read; else the records alone decide."""
    names_of = {w.name for w in generations.batch_workloads(estate)} | former.batch().keys()

    def look(workload: Workload) -> list[tuple[str, int]]:
        numbers = {names.generation_policy(workload, number): number for number in range(generations.COUNT)}
        try:
            role = vault.read(names.login_role(workload)) or {}
        except PortcullisError:
            return []
        return [(workload.name, numbers[p]) for p in role.get("token_policies") or () if p in numbers]

    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(look, [w for w in estate.workloads if w.name in names_of])
        return dict(one for some in found for one in some)


def _noted(incident: Incident, found: tuple[Generation, ...]) -> Incident:
    return incident if incident.generations is not None else replace(incident, generations=found)


def close_generations(run: Run, now: int) -> None:
    vault = run.systems.vault
    for workload in generations.carrying(run.estate, run.incidents, now):
        closed = generations.closed_until(workload, run.incidents, now)
        for number in range(generations.COUNT):
            name = names.generation_policy(workload, number)
            text = gate.generation(workload, run.estate, number in closed)
            run.effect("batch tokens", name, partial(_close, vault, name, text, closed.get(number)))


def open_quarantine(run: Run) -> bool:
    vault = run.systems.vault
    return run.effect(
        "quarantine opened", names.QUARANTINE, partial(_ensure, vault, names.QUARANTINE, gate.open_policy())
    )


def _close(vault: Vault, name: str, text: str, until: int | None) -> Seen:
    outcome, detail = _ensure(vault, name, text)
    if until is None or outcome is Outcome.FAILED:
        return outcome, detail
    end = datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S UTC") if until else "their TTL has passed"
    return outcome, f"cannot be revoked: denied until {end}"


def _ensure_own(vault: Vault, name: str, text: str) -> Seen:
    """Of an identity that is gone, or not made yet, none is made: it would stand there for good."""
    if not vault.holds_policy(name, text) and vault.read_policy(name) is None:
        return Outcome.ALREADY, "is not there, so that it grants nothing"
    return _ensure(vault, name, text)


def _ensure(vault: Vault, name: str, text: str) -> Seen:
    if vault.holds_policy(name, text):
        return Outcome.ALREADY, "in force"
    vault.write_policy(name, text)
    if not vault.holds_policy(name, text):
        return Outcome.FAILED, "written but not read back"
    return Outcome.DONE, f"in force, {text.count('capabilities')} rules"
