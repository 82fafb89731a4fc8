"""The same lock-down straight over the APIs, for when state, backend or Pulumi is unusable."""

from __future__ import annotations

from containment import lockdown, opening, paging
from containment.adapters.vault import HvacVault
from containment.decide import Asked
from containment.incident import Incident, Mode, State
from containment.report import Report
from containment.run import Progress
from policies.errors import InputError


def contain(vault: HvacVault, incident_id: str, scope: str, progress: Progress) -> tuple[Report, Incident, str]:
    """Open or join an incident and contain it. The last value is why the declarations did not serve, or "".

    Raises InputError before anything changes: an unknown scope, the id of a lifted incident, or a token that could not
    undo what it locks.
    """

    def warn(message: str) -> None:
        progress(f"warning: {message}")

    if incident_id and any(i.id == incident_id and i.state is State.LIFTED for i in vault.incidents()):
        # In a stack file it would be left over; here somebody typed it, with the scope that goes with it.
        raise InputError(f"incident {incident_id} is lifted; leave its id out for a new one; nothing was changed")
    asked = Asked(Mode.LOCK, incident_id, scope)
    stored = vault.compiled()
    if stored is not None:
        asked = opening.deny_first(vault, asked, stored, progress, warn)
    estate, complaint = opening.estate_for(vault, stored, incident=True)
    decision = opening.decided(vault, asked, estate)
    opening.tell(asked, decision, progress, warn)
    opening.put_on_record(vault, asked, decision)
    report, incident = lockdown.contain(vault, estate, decision.known, opening.current(decision), progress)
    paging.report(vault, {incident.id: report.not_contained}, progress)
    return report, incident, complaint
