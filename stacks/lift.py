"""Lifting one incident: observed afresh, then OPA's word, and only at the very end written down."""

from __future__ import annotations

from dataclasses import replace

from containment import executor, judgement, lockdown, opening
from containment.adapters.opa import Opa
from containment.adapters.vault import HvacVault
from containment.errors import KEEP, LiftRefused, NotRestored
from containment.folder import heads, record
from containment.folder.decisions import Kept
from containment.incidents import proofs, replacements
from containment.incidents.decide import Decision, lifted
from containment.incidents.incident import Incident
from containment.systems import from_environment
from containment.undeclared import copies
from policies.errors import InputError
from policies.model import Estate
from stacks import told


def ask(vault: HvacVault, estate: Estate, decision: Decision, requested_id: str, dry: bool) -> None:
    """Raises LiftRefused naming each missing proof, each copy that somebody else wrote since and each replacement that
    is in force no longer, and InputError or Unreachable when OPA cannot be asked: what nobody answers is a no."""
    incident = decision.lifting
    if incident is None:
        raise InputError("nothing to lift")
    contained = incident.contained
    missing: tuple[str, ...] = ()
    if not dry:
        report, incident = lockdown.contain(vault, estate, vault.incidents(), incident, told.info)
        contained, missing = not report.not_contained, report.not_contained
    incidents = vault.incidents()
    answer = Kept(Opa(judgement.opa_url())).decide(
        "portcullis.lift", proofs.lift_input(incident, incidents, estate, requested_id, vault.now(), contained)
    )
    systems = from_environment(vault, estate)
    foreign = copies.touched(incident, systems.code_host)
    foreign += replacements.wanting(incident, incidents, estate, systems)
    if foreign or not answer.allow:
        lacking = (proofs.lacking(incident, reason, incidents, estate) for reason in answer.reasons)
        named = (*lacking, *(f"not contained: {m}" for m in missing), *foreign)
        proofs_missing = not {*answer.reasons} <= {proofs.CONTAINED, proofs.DECLARED}
        raise LiftRefused(named, f"portcullis rotate run {incident.id}" if proofs_missing else "")


def begin(vault: HvacVault, lifting: Incident) -> None:
    """On record before the gate rises, so that a lift which is cut short counts as contained nowhere. Raises
    Unreachable: nothing was lifted."""
    now = vault.now()
    vault.update_incident(lifting.id, lambda held: replace(held, lift_begun_at=now))
    with opening.tolerated(told.warn):
        record.note(lifting.id, phase="lift", what=record.LIFT_BEGUN, detail="the gate rises")
    told.info(
        f"the gate rises; should this run be interrupted before the lift is on record: incident {lifting.id} is half "
        f"lifted: run the same command again, or lock down again: {KEEP}; if it finds the stack locked, `pulumi "
        "cancel` first"
    )


def restore(vault: HvacVault, estate: Estate, incidents: tuple[Incident, ...], lifting: Incident) -> None:
    """The TTLs of peace, which Pulumi's state never knew otherwise. Raises NotRestored naming each that failed."""
    failed = executor.uncap(from_environment(vault, estate), estate, incidents, lifting, told.info)
    if failed:
        raise NotRestored(failed)


def write_down(vault: HvacVault, lifting: Incident) -> None:
    """After the gate rose: until then every run takes the incident for open and locks again."""
    now = vault.now()
    over = vault.update_incident(lifting.id, lambda held: lifted(held, now))
    with opening.tolerated(told.warn):
        record.lifted(over, heads.follower(vault, over.id, told.warn))
