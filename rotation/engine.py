"""Rotate every credential of an incident, wave by wave, each on its own: one that fails does not stop the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from containment import opening
from containment.errors import KEEP
from containment.folder import chain, files, heads, record
from containment.incidents import proofs
from containment.incidents.incident import State
from containment.ports import Custodian, Vault
from containment.run import Systems
from containment.systems import from_environment, policy_store
from containment.undeclared import seen
from policies.errors import Finding, InputError, PortcullisError, Unreachable
from policies.model import Estate
from rotation import hold, proving, retired
from rotation.evidence.folder import Evidence
from rotation.journal import Journal
from rotation.plan import Kind, Plan, plan
from rotation.steps import steps, stored
from rotation.steps.approle import DELIVERY
from rotation.work import Outcome, Result, Work, find, perform

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of one credential."""

    item: str
    results: tuple[Result, ...]

    @property
    def outcome(self) -> Outcome:
        return self.results[-1].outcome if self.results else Outcome.FAILED

    @property
    def holds(self) -> bool:
        return all(r.holds for r in self.results)

    @property
    def exit_code(self) -> int:
        if self.holds:
            return 0
        return Unreachable.exit_code if any(r.away for r in self.results) else Finding.exit_code

    def to_json(self) -> dict[str, Any]:
        return {"item": self.item, "holds": self.holds, "steps": [r.to_json() for r in self.results]}


@dataclass(frozen=True, slots=True)
class Rotation:
    incident: str
    credentials: tuple[Ended, ...]
    seconds: float

    @property
    def open_items(self) -> tuple[str, ...]:
        """What is not proven, each with the reason."""
        return tuple(f"{c.item}: {c.results[-1].step}: {c.results[-1].detail}" for c in self.credentials if not c.holds)

    @property
    def exit_code(self) -> int:
        return max((c.exit_code for c in self.credentials), default=0)

    def to_json(self) -> dict[str, Any]:
        return {
            "incident": self.incident,
            "rotated": not self.open_items,
            "open": list(self.open_items),
            "seconds": self.seconds,
            "credentials": [c.to_json() for c in self.credentials],
        }


def planned(vault: Custodian, incident_id: str, environ: Mapping[str, str] = os.environ) -> tuple[Plan, Estate]:
    """Raises InputError for an incident that is unknown, lifted or not denied yet: a new value would leak as well."""
    incident = find(vault.incidents(), incident_id)
    if incident.state is not State.OPEN:
        raise InputError(f"incident {incident_id} is lifted; nothing is rotated")
    if not incident.denied_at:
        raise InputError(f"incident {incident_id} is not denied yet: lock down first, pulumi up --config incident=true")
    estate = _estate(vault, environ)
    return plan(incident, estate), estate


def run(
    vault: Custodian, incident_id: str, progress: Progress, environ: Mapping[str, str] = os.environ, word: str = "run"
) -> Rotation:
    """Rotate, resume or prove again. When another process rotates the same incident, wait for it and give its result.

    Raises InputError before anything changes, Unreachable when the server or the database of steps is.
    """
    begin = time.monotonic()
    what, estate = planned(vault, incident_id, environ)
    url = hold.database_url(environ)
    from rotation.durable import Durable, succeeded

    before = succeeded(url, incident_id)
    journal = Journal(incident_id, progress)
    if what.notice:
        progress(what.notice)
    store = policy_store(environ)
    work = partial(_work, vault, lambda: store, estate, what, environ)

    def one(item: str, step: str) -> Result:
        return _perform(work(item), step, journal)

    def waiting(name: str) -> None:
        progress(f"another process rotates {name}: {'joining it' if name == incident_id else 'waiting for its end'}")

    # Two incidents may name the same: each would take what the other is about to make for an old one.
    shared = sorted(c.item for c in what if c.kind is not Kind.INCIDENT)
    with hold.held(url, [incident_id, *shared], waiting):
        ended: list[Ended] = []
        denied = max(i.denied_at for i in vault.incidents())  # asked for while no other process rotates the same
        with Durable(url, incident_id, denied, one) as engine:
            for wave in what.waves:
                progress(f"rotating {', '.join(c.item for c in wave)}")
                outcomes = engine.rotate(wave, before)
                ended += [Ended(c.item, tuple(outcomes[c.item])) for c in wave]
        _keep(incident_id, ended, word, heads.follower(store, incident_id, progress), progress)
    return Rotation(incident_id, tuple(ended), round(time.monotonic() - begin, 3))


def confirm(
    vault: Custodian,
    incident_id: str,
    item: str,
    by: str,
    note: str,
    version: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Put a named person's word on record: for what no server can be asked, that a `version` is theirs, or
    (`audit-quiet`) that every use of what was retired is looked into. Returns it. Raises InputError for an unknown
    item and for a word on a value that there is not yet, NotProven for a log that cannot be read."""
    what, estate = planned(vault, incident_id, environ)
    if seen.is_unlooked(item):
        systems = from_environment(policy_store(environ), estate, environ)
        return _meant(vault, systems, incident_id, item, f"meant, by {by}: {note}")
    credential = what.to_confirm(item)
    work = _work(vault, partial(policy_store, environ), estate, what, environ, credential.item)
    if version is not None:
        if credential.kind is not Kind.MANUAL:
            raise InputError(f"{item} has no versions to name: --version is for a secret that is rotated by hand")
        detail = stored.name_version(work, version, by, note)
        record.note(incident_id, phase="eradication", what="version named", target=item, detail=detail)
        return detail
    if credential.kind is Kind.INCIDENT:
        detail = retired.acknowledge(work, by, note)
        record.note(incident_id, phase="recovery", what="use acknowledged", target=proofs.AUDIT_QUIET, detail=detail)
        return detail
    of, said = stored.of_new(work) if credential.kind is Kind.MANUAL else ("", "")
    detail = f"confirmed by {by}{said}: {note}"
    proving.record(vault, incident_id, item, proofs.CONFIRMED, True, detail, of)
    record.note(incident_id, phase="eradication", what="confirmation", target=item, detail=detail)
    return detail


def _meant(vault: Custodian, systems: Systems, incident_id: str, item: str, detail: str) -> str:
    """Of what no lock-down looks into, or gets through with. Raises InputError where nothing is called so."""
    if not seen.is_there(item, systems.vault, systems.code_host):
        raise InputError(f"{item}: there is no such namespace, login method or live run; a lock-down names them")
    vault.update_incident(incident_id, lambda i: replace(i, meant=tuple(dict.fromkeys([*i.meant, item]))))
    record.note(incident_id, phase="containment", what="said to be meant", target=item, detail=detail)
    return detail


def _work(
    vault: Custodian,
    store: Callable[[], Vault],
    estate: Estate,
    what: Plan,
    environ: Mapping[str, str],
    item: str,
) -> Work:
    systems = from_environment(vault, estate, environ)
    delivery, audit = environ.get(DELIVERY), environ.get(retired.VARIABLE)
    return Work(
        vault,
        store,
        systems.database,
        systems.upstream,
        systems.code_host,
        estate,
        what.incident,
        what.find(item),
        Path(delivery) if delivery else None,
        Path(audit) if audit else None,
    )


def _perform(work: Work, name: str, journal: Journal) -> Result:
    """One step, its proof and its line in the journal."""
    item = work.credential.item
    try:
        journal.started(item, name)
        step = next((s for s in steps(work) if s.name == name), None)
        if step is None:
            raise InputError(
                f"{item} is rotated as {work.credential.kind}, which has no step {name}: its declaration changed since "
                f"this run began: portcullis rotate run {work.incident_id} begins anew"
            )
        result = perform(step)
        if step.proves:
            proving.record(work.vault, work.incident_id, item, step.proves, result.holds, result.detail)
    except PortcullisError as error:
        result = _failed(name, error)
    try:
        journal.ended(item, result)
    except PortcullisError as error:
        return _failed(name, error)
    return result


def _failed(step: str, error: PortcullisError) -> Result:
    return Result(step, Outcome.FAILED, str(error), isinstance(error, Unreachable))


def _keep(incident_id: str, ended: list[Ended], word: str, sealed: chain.Sealed, say: Progress) -> None:
    """Into the evidence, sealed. Evidence that was changed meanwhile is not sealed again, and the timeline says so.
    Raises Unreachable when the disk does not take it."""
    folder = record.folder(incident_id)
    try:
        evidence = Evidence(folder)
        with chain.extended(folder, sealed, say):
            for one in ended:
                output = "\n".join(f"{r.outcome}: {r.step}: {r.detail}" for r in one.results)
                name = "rotate-" + one.item.replace(":", "-")
                command = ["portcullis", "rotate", word, incident_id]
                evidence.add_command(name, command, one.exit_code, output)
    except Finding as error:
        record.note(incident_id, phase="detection", what="evidence was changed", outcome="failed", detail=str(error))
    except OSError as error:
        raise files.refused(f"record of incident {incident_id}", error) from error


def _estate(vault: Custodian, environ: Mapping[str, str]) -> Estate:
    """As the lock-down has it: the rotator reads no policies, by which it shows whether anything is left of an update
    that was cut short."""
    return opening.applied(policy_store(environ), vault.compiled())


def status(vault: Custodian, incident_id: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What is proven and what is missing, as the server holds it; ages in seconds by the server's clock."""
    incidents, now = vault.incidents(), vault.now()
    incident = find(incidents, incident_id)
    estate = _estate(vault, environ)
    held = {f"{p.item}/{p.kind}": p for p in incident.proofs}
    items = []
    for name in proofs.required(incident, estate):
        proof = held.get(name)
        on_record = {proofs.CONTAINED: incident.contained, proofs.DECLARED: incident.declared_at}
        overtaken = proofs.overtaken(proof, incident, incidents, estate) if proof else ""
        proven = bool(on_record[name]) if name in on_record else proof is not None and proof.ok and not overtaken
        detail, age = (overtaken or proof.detail, now - proof.at) if proof else ("", None)
        if name == proofs.CONTAINED and incident.lift_begun_at:
            detail = f"a lift has begun and is not at its end: run it again, or lock down again: {KEEP}"
        word = held.get(f"{proof.item}/{proofs.CONFIRMED}") if proof and not proven else None
        if word and proof and word.ok and word.at >= proof.at:
            detail = f"{word.detail}: portcullis rotate run {incident_id}"
        items.append({"item": name, "proven": proven, "age": age, "detail": detail})
    return {
        "incident": incident_id,
        "state": incident.state.value,
        "lifted_at": incident.lifted_at,
        "notice": incident.notice,
        "opened": list(incident.opened),
        "proofs": items,
    }
