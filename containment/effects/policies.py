"""Deny: the gate, the quarantine and the closed generations of batch tokens. A few writes, however much is declared."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from containment import gate, generations, names
from containment.ports import Vault
from containment.report import Outcome
from containment.run import Run, Seen


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
        run.each(what, [(name, partial(_ensure, vault, name, text)) for name, text in own.items()])


def close_generations(run: Run, now: int) -> None:
    vault = run.systems.vault
    for workload in generations.batch_workloads(run.estate):
        closed = generations.closed_until(workload, run.estate, run.incidents, now)
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


def _ensure(vault: Vault, name: str, text: str) -> Seen:
    if vault.holds_policy(name, text):
        return Outcome.ALREADY, "in force"
    vault.write_policy(name, text)
    if not vault.holds_policy(name, text):
        return Outcome.FAILED, "written but not read back"
    return Outcome.DONE, f"in force, {text.count('capabilities')} rules"
