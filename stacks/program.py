"""One `pulumi up`: what is asked, what is in force, then deny first, contain, and declare the rest."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pulumi
import pulumi_vault as vault_sdk

from containment import former, names, opening
from containment.adapters.vault import HvacVault
from containment.compiled import gate
from containment.effects import policies
from containment.errors import DENIED
from containment.incidents import generations
from containment.incidents.decide import Asked, Decision
from containment.incidents.incident import Incident, Mode, State
from containment.incidents.scope import affected
from policies.errors import InputError, PortcullisError, Unanswered
from policies.model import Estate
from stacks import access, announced, approved, before, beside, kept, lift, meanwhile, outputs, told, unknown
from stacks.first import Begun, asking, lift_begun, refusals, without_vault
from stacks.registration import Watch, registered


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
        announced.tell(vault, context, decision)
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
        warn=told.warn,
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
            context = await _own(context, refuse=decision.current is None and decision.lifting is None)
    if vault is None:
        await _preview(context, decision, complaints)
    else:
        await _update(vault, context, decision, complaints, acted=asked.acted)
    if lost := await before.unknown_to(decision.known).future():
        told.warn(before.words(lost))
    if (again := announced.named_again(decision)) and len(complaints) > 1:
        complaints.append(f"before any command above: {again}")  # by `keep` it would count as contained
    if complaints:
        raise told.refused(*dict.fromkeys(complaints))


async def _preview(context: access.Context, decision: Decision, complaints: list[str]) -> None:
    watch = Watch()
    _gate(context)
    context = await _declare(None, context, complaints)
    failed = await _repositories(context, decision, complaints, lifted=False)
    await _undeclared(watch, failed, decision, complaints, lifted=False)


async def _update(
    vault: HvacVault, context: access.Context, decision: Decision, complaints: list[str], *, acted: bool
) -> None:
    watch = Watch()
    if decision.lifting is not None:
        with refusals():
            complaints += await asyncio.to_thread(_begin_lift, vault, context, decision, decision.lifting)
        lift_begun.set()
    await registered([_gate(context)])  # when it fails, the executor still writes the gate
    declaring = asyncio.ensure_future(_declare(None if decision.lifting else vault, context, complaints))
    with refusals():
        proven, lifted = await asyncio.to_thread(beside.work, vault, context, decision, complaints, acted=acted)
    outputs.tell(decision, proven=proven)
    with refusals():
        context = await declaring
    if current := decision.current:
        uncapped = await asyncio.to_thread(beside.cap_again, vault, context, current)
        complaints += uncapped
        if uncapped:
            outputs.tell(decision, proven=False)
    failed = await _repositories(context, decision, complaints, lifted=lifted)
    if lifted and decision.lifting and not decision.in_force:
        complaints += await asyncio.to_thread(_others, vault, context, decision.lifting)
    missing = await _undeclared(watch, failed, decision, complaints, lifted=lifted)
    for line in await unknown.words(vault, watch):
        told.error(line)
    if not (decision.in_force or decision.lifting) and await watch.failed(pulumi.CustomResource):
        told.error(f"of what failed above, {DENIED}")  # among what the state does not have, where that is told
    await _end(vault, context, decision, complaints, missing=bool(missing))


def _begin_lift(vault: HvacVault, context: access.Context, decision: Decision, lifting: Incident) -> list[str]:
    """Right before the gate rises. Raises InputError or Unreachable: nothing was lifted."""
    meanwhile.refuse(vault, decision)
    complaints = kept.begin(vault, context)
    lift.begin(vault, lifting)
    return complaints


def _gate(context: access.Context) -> vault_sdk.Policy:
    opts = pulumi.ResourceOptions(protect=True)
    return vault_sdk.Policy(names.GATE, name=names.GATE, policy=gate.gate(context.affected), opts=opts)


async def _declare(vault: HvacVault | None, context: access.Context, complaints: list[str]) -> access.Context:
    """Kept by `vault` as begun, where it is not yet, then declared; in the environment that this stack declares."""
    context = await _own(context, refuse=False)
    if vault is not None:
        complaints += await asyncio.to_thread(kept.begin, vault, context)
    await access.declare(context)
    return context


async def _repositories(
    context: access.Context, decision: Decision, complaints: list[str], *, lifted: bool
) -> list[pulumi.CustomResource]:
    """Last: a provider that cannot be configured ends the whole program, and GitHub must not end a lock-down. Returns
    what failed."""
    from stacks import github

    repositories, failed = access.chosen(context).repositories, []
    try:
        held = await asyncio.to_thread(github.read, repositories)
        if held and (failed := await github.declare(repositories, bool(context.affected.open), held)):
            told.error(github.lost(failed))
        over = decision.lifting if lifted else decision.over
        if held and over and not decision.in_force and not pulumi.runtime.is_dry_run():
            left = await asyncio.to_thread(github.still_locked, repositories, held.host)
            complaints += [meanwhile.not_back(left, over, told=bool(failed))] if left else []
    except PortcullisError as error:
        complaints.append(meanwhile.without_repositories(error, decision, lifted=lifted))
    return failed


def _others(vault: HvacVault, context: access.Context, lifting: Incident) -> list[str]:
    from stacks import beyond

    try:
        left = beyond.still_locked(vault, context, lifting)
    except PortcullisError as error:
        return [f"whether another environment's is still locked is not known: {error}"]
    return [meanwhile.not_ours(left, lifting)] if left else []


async def _undeclared(
    watch: Watch, told_of: list[pulumi.CustomResource], decision: Decision, complaints: list[str], *, lifted: bool
) -> list[str]:
    """What the state does not have as declared, but for `told_of`."""
    missing = await watch.missing(told_of)
    if missing and (decision.in_force or decision.lifting):
        complaints.append(meanwhile.not_declared(missing, decision, lifted=lifted))
    return missing


async def _end(
    vault: HvacVault, context: access.Context, decision: Decision, complaints: list[str], *, missing: bool
) -> None:
    try:
        again = await asyncio.to_thread(beside.lock_again, vault, context, decision, complaints)
    except PortcullisError as error:
        complaints.append(f"whether an incident was opened meanwhile is not known: {error}")
        return
    if again is not None:  # that one goes by what was there before
        outputs.tell(again[0], proven=again[1])
    elif not missing:
        complaints += await asyncio.to_thread(kept.end, vault, context, decision)
    if not complaints:
        with refusals():
            await asyncio.to_thread(kept.declared, vault, decision)


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
