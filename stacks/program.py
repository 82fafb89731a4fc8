"""One `pulumi up`: what is asked, what is in force, then deny first, contain, and declare the rest."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pulumi
import pulumi_vault as vault_sdk

from containment import estates, executor, former, lockdown, names, opening, paging
from containment.adapters.vault import HvacVault
from containment.compiled import gate
from containment.effects import issuance, namesakes, policies
from containment.errors import GOES_ON, KEEP, NotContained, NotWritten
from containment.incidents import generations, issuers
from containment.incidents.decide import Asked, Decision
from containment.incidents.incident import Incident, Mode, State
from containment.incidents.scope import affected
from containment.systems import from_environment
from containment.undeclared import cut_short, seen
from policies.errors import InputError, PortcullisError, Unanswered
from policies.model import Estate
from stacks import access, approved, before, keepers, lift, meanwhile, outputs, told, unknown
from stacks.first import Begun, asking, lift_begun, refusals, without_vault
from stacks.registration import Watch, registered
from stacks.settings import EVERY_ENVIRONMENT


@refusals()
def run(begun: Begun) -> None:
    """Raises pulumi.RunError with the reason when anything is refused, not contained or not loaded."""
    pulumi.log.debug = _unheard
    vault, dry = begun.vault, begun.dry
    try:
        with asking():
            context, decision, complaints = _opened(begun)
    except Unanswered as error:
        without_vault(vault, begun.asked, begun.stored, error, dry=dry)
    outputs.tell(decision, proven=dry)  # a preview says what would be
    if dry:
        _announce(vault, context, decision)
    pulumi.run(lambda: _rest(None if dry else vault, context, decision, complaints, begun.asked))


def _opened(begun: Begun) -> tuple[access.Context, Decision, list[str]]:
    """What the run works on, on record unless it is a preview, and why the declarations do not serve, if so."""
    vault, asked, dry = begun.vault, begun.asked, begun.dry
    incident = asked.mode is Mode.LOCK or any(i.state is State.OPEN for i in vault.incidents())
    estate, complaint = opening.estate_for(
        vault,
        begun.stored,
        incident=incident,
        lifting=asked.mode is Mode.LIFT,
        approved=lambda: approved.require(required=begun.approval, dry=dry),
    )
    decision = opening.decided(vault, asked, estate)
    opening.tell(asked, decision, told.info, told.warn)
    if decision.lifting is not None:
        lift.ask(vault, estate, decision, asked.incident_id, dry)
    if not dry:
        opening.put_on_record(vault, asked, decision, told.warn)
    decision = decision.holding(_noted(vault, estate, decision.known, dry=dry))
    context = access.Context(estate, affected(estate, decision.known), decision.known, vault.now(), begun.environment)
    return context, decision, [str(complaint)] if complaint else []


def _noted(vault: HvacVault, estate: Estate, known: tuple[Incident, ...], *, dry: bool) -> tuple[Incident, ...]:
    """With the generations of batch tokens that each open incident closes, which the resources are declared by."""
    if generations.all_noted(known):
        return known
    return policies.note_generations(vault, estate, former.read(vault), known, dry=dry)


def _unheard(*_: object, **__: object) -> None:
    """Instead of the SDK's debug lines: about ten a resource, each a call to the engine that is waited for, which took
    a third of a large update. The engine's own stay (`pulumi up --debug`)."""


async def _rest(
    vault: HvacVault | None, context: access.Context, decision: Decision, complaints: list[str], asked: Asked
) -> None:
    """The gate, which is awaited, then everything else. `vault` is None in a preview, which does no work beside the
    resources. What is raised here Pulumi raises at the end, when every resource has had its turn."""
    if asked.mode is not Mode.LOCK:  # which opens nothing by itself, and waits for no word of the state's
        with refusals():
            await before.refuse(decision.known)
            if decision.current is None and decision.lifting is None:
                await _own(context, refuse=True)
    if decision.lifting is not None:
        if vault is not None:
            with refusals():
                await asyncio.to_thread(meanwhile.refuse, vault, decision)
                complaints += await asyncio.to_thread(_begin, vault, context)
                await asyncio.to_thread(lift.begin, vault, decision.lifting)
        lift_begun.set()
    watch, lifted = Watch(), False
    gate_resource = vault_sdk.Policy(
        names.GATE, name=names.GATE, policy=gate.gate(context.affected), opts=pulumi.ResourceOptions(protect=True)
    )
    if vault is not None:
        await registered([gate_resource])  # when it fails, the executor still writes the gate
        if decision.lifting is None:
            with refusals():
                complaints += await asyncio.to_thread(_begin, vault, context)
    declared = asyncio.ensure_future(_declare(context))
    if vault is not None:
        with refusals():
            proven, lifted = await asyncio.to_thread(_work, vault, context, decision, complaints, acted=asked.acted)
        outputs.tell(decision, proven=proven)
    with refusals():
        context = await declared
    if vault is not None and decision.current is not None:
        uncapped = await asyncio.to_thread(_cap_again, vault, context, decision.current)
        if uncapped:
            outputs.tell(decision, proven=False)
        complaints += uncapped
    # Last: a provider that cannot be configured ends the whole program, and GitHub must not end a lock-down.
    from stacks import beyond, github

    repositories, failed = access.chosen(context).repositories, []
    try:
        held = await asyncio.to_thread(github.read, repositories)
        if held and (failed := await github.declare(repositories, bool(context.affected.open), held)):
            told.error(github.lost(failed))
        if held and lifted and decision.lifting and not decision.in_force:
            left = await asyncio.to_thread(github.still_locked, repositories, held.host)
            complaints += [meanwhile.not_back(left, decision.lifting, told=bool(failed))] if left else []
    except PortcullisError as error:
        complaints.append(meanwhile.without_repositories(error, decision, lifted=lifted))
    if vault is not None and lifted and decision.lifting and not decision.in_force:
        try:
            left = await asyncio.to_thread(beyond.still_locked, vault, context, decision.lifting)
            complaints += [meanwhile.not_ours(left, decision.lifting)] if left else []
        except PortcullisError as error:
            complaints.append(f"whether another environment's is still locked is not known: {error}")
    missing = await watch.missing(failed)
    for line in await unknown.words(vault, watch) if vault is not None else ():
        told.error(line)
    if missing and (decision.in_force or decision.lifting):
        complaints.append(meanwhile.not_declared(missing, decision, lifted=lifted))
    if vault is not None:
        try:
            again = await asyncio.to_thread(_lock_again, vault, context, decision, complaints)
        except PortcullisError as error:
            complaints.append(f"whether an incident was opened meanwhile is not known: {error}")
        else:
            if again is not None:  # that one goes by what was there before
                outputs.tell(again[0], proven=again[1])
            elif not missing:
                complaints += await asyncio.to_thread(_end, vault, context, decision)
        if not complaints:
            with refusals():
                await asyncio.to_thread(_declared, vault, decision)
    if lost := await before.unknown_to(decision.known).future():
        told.warn(before.words(lost))
    if complaints:
        raise told.refused(*dict.fromkeys(complaints))


def _lock_again(
    vault: HvacVault, context: access.Context, decision: Decision, complaints: list[str]
) -> tuple[Decision, bool] | None:
    """All that was declared was by what was in force at the begin: where somebody has opened an incident since, part of
    its lock-down was undone. Returns what is in force now, and whether it was seen contained; None without one."""
    known = vault.incidents()
    opened = meanwhile.opened(known, decision)
    if not opened:
        return None
    estate = estates.with_kept(context.estate, vault.compiled() or context.estate)
    now = replace(context, estate=estate, affected=affected(estate, known), incidents=known)
    missing = _contain(vault, now, opened[-1], complaints, acted=True)
    complaints.append(
        f"{meanwhile.ids(opened)} was opened while this run went on, which undid part of it, and is locked down again; "
        "now: pulumi up --config incident=keep, and rotate what it names: it may have been used in between"
    )
    return replace(decision, known=known, current=opened[-1], lifting=None), not missing


def _begin(vault: HvacVault, context: access.Context) -> list[str]:
    """What is declared is kept on the server before it is made, in an incident too and however this run ends: a later
    lock-down ends what was given out by it. Raises Unreachable in peace, which makes nothing that is not kept."""
    try:
        vault.write_begun(context.estate, _part(context))
    except PortcullisError as error:
        if not context.affected.open:
            raise
        return [f"a later lock-down may not know what this run declares: {error}"]
    return []


async def _declare(context: access.Context) -> access.Context:
    context = await _own(context, refuse=False)
    await access.declare(context)
    return context


async def _own(context: access.Context, *, refuse: bool) -> access.Context:
    """In the environment that this stack declares: an update with another one, typed for the leak at hand or left over,
    would delete every role and policy of this one's. Raises InputError where nothing is locked down."""
    environment = await before.environment(context.environment).future()
    if environment in (None, context.environment):
        return context
    asked = context.environment
    words = (
        f"config environment: {asked} is not what this stack declares, which is {environment}, and would delete the "
        f"rest: pulumi config set environment {environment}; one for {asked} alone is another stack"
    )
    if refuse:
        raise InputError(f"nothing was changed: {words}")
    told.warn(f"{words}; this run declares {environment}")
    return replace(context, environment=environment)


def _declared(vault: HvacVault, decision: Decision) -> None:
    """Pulumi's state now knows of these lock-downs, repositories included, and so can take them back."""
    now = vault.now()
    for incident in decision.in_force:
        if not incident.declared_at:
            vault.update_incident(incident.id, lambda held: replace(held, declared_at=held.declared_at or now))


def _work(
    vault: HvacVault, context: access.Context, decision: Decision, complaints: list[str], *, acted: bool
) -> tuple[bool, bool]:
    """Beside the resources: contain what is in force, write down what was lifted. Whether all of it was seen to hold,
    and whether something is lifted on the server's record."""
    not_contained: dict[str, tuple[str, ...]] = {}
    done, held = False, decision.lifting
    try:
        if decision.current is not None:
            missing = _contain(vault, context, decision.current, complaints, acted=acted)
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


def _part(context: access.Context) -> str | None:
    """Whose part alone this stack declares, where another environment's may be another stack's; None for all of it."""
    return None if context.environment == EVERY_ENVIRONMENT else context.environment


def _end(vault: HvacVault, context: access.Context, decision: Decision) -> list[str]:
    """All of it is declared: kept for the day on which the declarations do not load, a name is another repository's, or
    drift is asked for. What was seen in peace stays until the next apply in peace: a lift takes nothing for declared
    that changed in its incident."""
    try:
        estate, part = context.estate, _part(context)
        if begun := vault.unended(estate, part):
            left = cut_short.look(vault, estate, begun, context.affected, context.incidents, part)
            if left.otherwise:
                return [left.complaint]
            if left.over:
                told.warn(left.warning)
                return []
        if decision.current is not None or decision.lifting is not None:
            vault.write_done(estate, part)
            return []
        host, repositories = from_environment(vault, estate).code_host, vault.stands(estate, part).repositories
        ids = namesakes.ids(host, repositories, vault.repository_ids(), told.warn)
        vault.write_compiled(estate, ids, seen.look(vault, host, repositories, vault.seen(), told.warn), part)
        keepers.tell(vault, estate, told.warn)
    except PortcullisError as error:
        return [f"what is declared is not kept for the next lock-down: {error}"]
    return []


def _lifted(decision: Decision) -> str:
    left = ", ".join(incident.id for incident in decision.in_force)
    said = f"incident {decision.lifting.id} is lifted" if decision.lifting else ""
    return f"{said}; still open and locked down: {left}" if left else said


def _contain(
    vault: HvacVault, context: access.Context, incident: Incident, complaints: list[str], *, acted: bool
) -> tuple[str, ...]:
    """What is not contained. `acted`: this run denied something already."""
    try:
        report, _ = lockdown.contain(vault, context.estate, context.incidents, incident, told.info)
    except NotWritten as error:
        complaints.append(str(error))
        return error.not_contained
    if report.not_contained:
        complaints += _not_contained(report.not_contained)
    elif not acted and not report.changed:
        told.info("still contained: nothing new was out")
    return report.not_contained


def _cap_again(vault: HvacVault, context: access.Context, incident: Incident) -> list[str]:
    systems = from_environment(vault, context.estate)
    missing = executor.cap_again(systems, context.estate, context.incidents, incident, told.info)
    return _not_contained(missing) if missing else []


def _not_contained(missing: tuple[str, ...]) -> list[str]:
    return [str(NotContained(missing)), f"{GOES_ON}: {KEEP}"]


def _announce(vault: HvacVault, context: access.Context, decision: Decision) -> None:
    """What an update would do beyond the resources that the preview lists."""
    if decision.current is None:
        return
    a = context.affected
    if decision.current.notice:
        told.warn(decision.current.notice)
    told.info(
        f"incident {decision.current.id}: deny {_counted(len(a.denied) + len(a.denied_class), 'secret')}, quarantine "
        f"{len(a.secrets)} while tokens and leases of {_counted(len(a.workloads), 'workload')} are revoked, switch off "
        f"{_counted(len(a.ci_roles), 'CI role')}; nothing is touched by a preview"
    )
    for cap, wrong in issuance.to_cap(vault, context.estate, context.incidents):
        was = ", ".join(f"{k} {cap.peace[k]} -> {cap.incident[k]} s" if k.endswith("ttl") else k for k in wrong)
        told.info(f"cap {cap.path}: {was}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
