"""The same lock-down straight over the APIs, for when state, backend or Pulumi is unusable."""

from __future__ import annotations

from containment import lockdown, opening, paging
from containment.adapters.vault import HvacVault
from containment.decide import Asked
from containment.incident import Incident, Mode
from containment.report import Report
from containment.run import Progress


def contain(vault: HvacVault, incident_id: str, scope: str, progress: Progress) -> tuple[Report, Incident, str]:
    """Open or join an incident and contain it. The last value is why the declarations did not serve, or "".

    Raises InputError before anything changes: an unknown scope, or a token that could not undo what it locks.
    """

    def warn(message: str) -> None:
        progress(f"warning: {message}")

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
