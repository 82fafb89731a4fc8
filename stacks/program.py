"""One `pulumi up`: what is asked, what is in force, then deny first, contain, and declare the rest."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_vault as vault_sdk

from containment import executor, gate, names, proofs
from containment.adapters.vault import HvacVault
from containment.decide import Asked, Decision, decide, lifted, scope_text
from containment.errors import LiftRefused, NotContained
from containment.incident import Incident, Mode
from containment.report import Effect, Report
from containment.scope import affected, parse_scope
from containment.systems import from_environment
from policies.errors import InputError, PortcullisError
from policies.load import DeclarationError, load
from policies.model import Estate
from stacks import access, settings

INCIDENTS = Path(__file__).resolve().parent.parent / "reports" / "security" / "incidents"


def run() -> None:
    """Raises pulumi.RunError with the reason when anything is refused, not contained or not loaded."""
    try:
        _run(settings.read())
    except PortcullisError as error:
        raise pulumi.RunError(str(error)) from error


def _run(config: settings.Settings) -> None:
    vault = HvacVault.from_environment()
    dry = pulumi.runtime.is_dry_run()
    incidents = vault.incidents()
    asked = config.asked
    stored = vault.compiled()
    complaints: list[str] = []
    if stored is not None and asked.mode is Mode.LOCK and not dry:
        # Deny from the estate of the last apply, before the declarations are even read: time to deny does not depend
        # on how many there are.
        decision = _decide(asked, incidents, stored, vault.now())
        _prove_way_out(vault)
        asked, incidents = _open(vault, asked, decision, incidents)
        _complain(
            complaints,
            executor.deny(from_environment(vault, stored), stored, decision.in_force, _current(decision), _log),
        )
    estate = _declarations(stored, asked.mode, complaints)
    decision = _decide(asked, incidents, estate, vault.now())
    if decision.scope_is_left_over:
        pulumi.log.warn("incidentScope is left over from a lifted incident: everything is in scope")
    if decision.lifting is not None:
        _ask_to_lift(decision.lifting, asked, vault.now())
    if decision.current is not None and not dry:
        _prove_way_out(vault)
        asked, incidents = _open(vault, asked, decision, incidents)
    context = access.Context(
        estate,
        affected(estate, decision.in_force),
        tuple(i.id for i in decision.in_force),
        any(i.scope.everything for i in decision.in_force),
        config.environment,
    )
    gate_resource = vault_sdk.Policy(names.GATE, name=names.GATE, policy=gate.gate(context.affected))
    _export(decision)
    if dry:
        _announce(context, decision)
        access.declare(context)
        return
    gate_resource.id.apply(lambda _: _rest(vault, context, decision, complaints))


def _decide(asked: Asked, incidents: tuple[Incident, ...], estate: Estate, now: int) -> Decision:
    return decide(asked, incidents, parse_scope(scope_text(asked, incidents), estate), now)


def _current(decision: Decision) -> Incident:
    if decision.current is None:
        raise InputError("no open incident to work on")
    return decision.current


def _open(
    vault: HvacVault, asked: Asked, decision: Decision, incidents: tuple[Incident, ...]
) -> tuple[Asked, tuple[Incident, ...]]:
    """Record the incident before anything is denied, so that no later run takes the lock-down for drift."""
    current = _current(decision)
    if all(i.id != current.id for i in incidents):
        vault.write_incident(current)
        incidents = (*incidents, current)
    return (Asked(asked.mode, current.id, asked.scope_text) if asked.mode is Mode.LOCK else asked), incidents


def _declarations(stored: Estate | None, mode: Mode, complaints: list[str]) -> Estate:
    try:
        estate = load()
    except DeclarationError as error:
        # In a lock-down the estate of the last apply serves, and the run fails at its end naming the offender.
        if mode is not Mode.LOCK or stored is None:
            raise
        complaints.append(str(error))
        return stored
    return estate


def _prove_way_out(vault: HvacVault) -> None:
    missing = executor.way_out_missing(vault)
    if missing:
        raise InputError(f"no way out: this token could not lift what it locks; it lacks {', '.join(missing)}")


def _ask_to_lift(incident: Incident, asked: Asked, now: int) -> None:
    from containment.adapters.opa import Opa

    url = os.environ.get("OPA_URL")
    if not url:
        raise InputError("OPA_URL is not set: a lift needs the policy's word")
    decision = Opa(url).decide("portcullis.lift", proofs.lift_input(incident, asked.incident_id, now))
    if not decision.allow:
        raise LiftRefused(decision.reasons)


def _rest(vault: HvacVault, context: access.Context, decision: Decision, complaints: list[str]) -> Any:
    access.declare(context)
    work: Callable[[], list[str]] = (
        (lambda: _contain(vault, context, decision)) if decision.current else (lambda: _peace(vault, context, decision))
    )

    async def finish() -> bool:
        complaints.extend(await asyncio.to_thread(work))
        if complaints:
            raise pulumi.RunError("\n".join(complaints))
        return True

    return finish()


def _contain(vault: HvacVault, context: access.Context, decision: Decision) -> list[str]:
    try:
        report, incident = executor.contain(
            from_environment(vault, context.estate), context.estate, decision.in_force, _current(decision), _log
        )
    except PortcullisError as error:
        return [str(error)]
    _keep(report, incident)
    if decision.lifting is not None:
        vault.write_incident(lifted(decision.lifting, vault.now()))
    return [str(NotContained(report.not_contained))] if report.not_contained else []


def _peace(vault: HvacVault, context: access.Context, decision: Decision) -> list[str]:
    try:
        if decision.lifting is not None:
            vault.write_incident(lifted(decision.lifting, vault.now()))
        vault.write_compiled(context.estate)
    except PortcullisError as error:
        return [str(error)]
    return []


def _keep(report: Report, incident: Incident) -> None:
    folder = INCIDENTS / incident.id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, data in (("containment.json", report.to_json()), ("incident.json", incident.to_json())):
        temporary = folder / f".{name}"
        temporary.write_text(json.dumps(data, indent=2) + "\n")
        temporary.replace(folder / name)


def _announce(context: access.Context, decision: Decision) -> None:
    """What an update would do beyond the resources that the preview lists."""
    if decision.current is None:
        return
    a = context.affected
    pulumi.log.info(
        f"incident {decision.current.id}: deny {len(a.denied) + len(a.denied_class)} secrets, quarantine "
        f"{len(a.secrets)} while tokens and leases of {len(a.workloads)} workloads are revoked, switch off "
        f"{len(a.ci_roles)} CI roles; nothing is touched by a preview"
    )


def _export(decision: Decision) -> None:
    pulumi.export("openIncidents", [i.id for i in decision.in_force])
    pulumi.export("mode", "locked" if decision.in_force else "open")


def _log(message: str) -> None:
    pulumi.log.info(message)


def _complain(complaints: list[str], effects: list[Effect]) -> None:
    failed = [f"{e.target} ({e.what}: {e.detail})" for e in effects if e.outcome == "failed"]
    if failed:
        complaints.append(str(NotContained(tuple(failed))))
