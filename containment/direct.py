"""The same lock-down straight over the APIs, for when state, backend or Pulumi is unusable."""

from __future__ import annotations

from containment import absent, lockdown, opening, paging
from containment.absent import Done
from containment.adapters.vault import HvacVault
from containment.errors import NotWritten, TokensRefused
from containment.incidents import lost
from containment.incidents.decide import Asked
from containment.incidents.incident import Mode, State
from containment.run import Progress
from policies.errors import InputError, Unanswered
from policies.model import Estate


def contain(vault: HvacVault, incident_id: str, scope: str, progress: Progress) -> Done:
    """Open or join an incident and contain it; without the vault what can be.

    Raises InputError before anything changes: an unknown scope, the id of a lifted incident, or a token that could not
    undo what it locks.
    """

    def warn(message: str) -> None:
        progress(f"warning: {message}")

    asked = Asked(Mode.LOCK, incident_id, scope)
    stored: Estate | None = None
    try:
        vault = opening.admitted(vault, warn)
        lost.bring_back(vault, warn)
        _refuse_lifted(vault, incident_id)
        stored = vault.compiled()
        if stored is not None:
            asked = opening.deny_first(vault, asked, stored, progress, warn)
        estate = opening.applied(vault, stored)
        decision = opening.decided(vault, asked, estate)
        opening.tell(asked, decision, progress, warn)
        asked = opening.put_on_record(vault, asked, decision, warn)
    except (TokensRefused, Unanswered) as error:
        # Somebody asked for it now. A plain `pulumi up` with an old token and an old stack file did not.
        return absent.contain(asked, stored, error, vault, progress, warn)
    incident = opening.current(decision)
    covered = [i.id for i in decision.in_force]
    try:
        report, incident = lockdown.contain(vault, estate, decision.known, incident, progress, decision.named_again)
    except NotWritten as error:
        paging.report(vault, dict.fromkeys(covered, error.not_contained), progress)
        raise
    paging.report(vault, dict.fromkeys(covered, report.not_contained), progress)
    return Done(report, incident, None)


def _refuse_lifted(vault: HvacVault, incident_id: str) -> None:
    """In a stack file it would be left over; here somebody typed it, with the scope that goes with it."""
    readable, _ = lost.look(vault)
    if any(i.id == incident_id and i.state is State.LIFTED for i in readable):
        raise InputError(f"incident {incident_id} is lifted; leave its id out for a new one; nothing was changed")
