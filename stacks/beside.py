"""What an update does while Pulumi makes its resources, or has made them: contain what is in force, write down what was
lifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from containment import estates, executor, lockdown, paging
from containment.adapters.vault import HvacVault
from containment.errors import GOES_ON, KEEP, NotContained, NotWritten
from containment.incidents import issuers
from containment.incidents.decide import LOCK, Decision
from containment.incidents.incident import Incident
from containment.incidents.scope import affected
from containment.systems import from_environment
from policies.errors import PortcullisError
from stacks import lift, meanwhile, told
from stacks.access import Context


def work(
    vault: HvacVault, context: Context, decision: Decision, complaints: list[str], *, acted: bool
) -> tuple[bool, bool]:
    """Beside the resources: contain what is in force, write down what was lifted. Whether all of it was seen to hold,
    and whether something is lifted on the server's record."""
    not_contained: dict[str, tuple[str, ...]] = {}
    done, held = False, decision.lifting
    try:
        if decision.current is not None:
            again = decision.named_again
            missing = _contain(vault, context, decision.current, complaints, acted=acted, again=again)
            not_contained |= dict.fromkeys((i.id for i in decision.in_force), missing)
        if decision.lifting is not None:
            lift.restore(vault, context.estate, context.incidents, decision.lifting)
            lift.write_down(vault, decision.lifting)
            held = None
            told.info(_lifted(decision))
            if warning := issuers.warning(decision.lifting, decision.known, context.estate, vault.now()):
                told.warn(warning)
        done = True
    except PortcullisError as error:
        complaints.append(
            f"incident {held.id} is half lifted: {error}; run the same command again" if held else str(error)
        )
    paging.report(vault, not_contained, told.warn)
    return done and not any(not_contained.values()), decision.lifting is not None and held is None


def cap_again(vault: HvacVault, context: Context, incident: Incident) -> list[str]:
    systems = from_environment(vault, context.estate)
    missing = executor.cap_again(systems, context.estate, context.incidents, incident, told.info)
    return [str(NotContained(missing)), f"{GOES_ON}: {KEEP}"] if missing else []


def lock_again(
    vault: HvacVault, context: Context, decision: Decision, complaints: list[str]
) -> tuple[Decision, bool] | None:
    """All that was declared was by what was in force at the begin: where somebody has opened an incident since, part of
    its lock-down was undone. Returns what is in force now, and whether it was seen contained; None without one."""
    known = vault.incidents()
    opened = meanwhile.opened(known, decision)
    if not opened:
        return None
    estate = estates.with_kept(context.estate, vault.compiled() or context.estate)
    now = replace(context, estate=estate, affected=affected(estate, known), incidents=known)
    missing = _contain(vault, now, opened[-1], complaints, acted=True, again={})
    complaints.append(
        f"{meanwhile.ids(opened)} was opened while this run went on, which undid part of it, and is locked down again; "
        "now: pulumi up --config incident=keep, and rotate what it names: it may have been used in between"
    )
    return replace(decision, known=known, current=opened[-1], lifting=None), not missing


def _contain(
    vault: HvacVault,
    context: Context,
    incident: Incident,
    complaints: list[str],
    *,
    acted: bool,
    again: Mapping[str, str],
) -> tuple[str, ...]:
    """What is not contained. `acted`: this run denied something already."""
    try:
        report, _ = lockdown.contain(vault, context.estate, context.incidents, incident, told.info, again)
    except NotWritten as error:
        complaints.append(str(error))
        return error.not_contained
    if report.not_contained:
        complaints.append(str(NotContained(report.not_contained)))
        named = f"{LOCK} --config incidentId={incident.id} --config incidentScope={incident.scope.text}"
        if report.goes_on:
            complaints.append(f"{GOES_ON}: {named if report.named_again else KEEP}")
    elif not acted and not report.changed:
        told.info("still contained: nothing new was out")
    return report.not_contained


def _lifted(decision: Decision) -> str:
    left = ", ".join(incident.id for incident in decision.in_force)
    said = f"incident {decision.lifting.id} is lifted" if decision.lifting else ""
    return f"{said}; still open and locked down: {left}" if left else said
