"""The same lock-down straight over the APIs, for when state, backend or Pulumi is unusable."""

from __future__ import annotations

from containment import executor
from containment.adapters.vault import HvacVault
from containment.decide import Asked, decide, scope_text
from containment.executor import Progress
from containment.incident import Incident, Mode
from containment.report import Report
from containment.scope import parse_scope
from containment.systems import from_environment
from policies.errors import InputError
from policies.load import DeclarationError, load
from policies.model import Estate


def contain(vault: HvacVault, incident_id: str, scope: str, progress: Progress) -> tuple[Report, Incident, str]:
    """Open or join an incident and contain it. The last value is the reason why the declarations did not load, or "".

    Raises InputError before anything changes: an unknown scope, or a token that could not undo what it locks.
    """
    estate, complaint = _estate(vault)
    asked = Asked(Mode.LOCK, incident_id, scope)
    incidents = vault.incidents()
    decision = decide(asked, incidents, parse_scope(scope_text(asked, incidents), estate), vault.now())
    current = decision.current
    if current is None:
        raise InputError("nothing to contain")
    missing = executor.way_out_missing(vault)
    if missing:
        raise InputError(f"no way out: this token could not lift what it locks; it lacks {', '.join(missing)}")
    if all(i.id != current.id for i in incidents):
        vault.write_incident(current)
    report, incident = executor.contain(from_environment(vault, estate), estate, decision.in_force, current, progress)
    return report, incident, complaint


def _estate(vault: HvacVault) -> tuple[Estate, str]:
    """The declarations, or the estate of the last apply when they do not load on the day."""
    try:
        return load(), ""
    except DeclarationError as error:
        stored = vault.compiled()
        if stored is None:
            raise
        return stored, str(error)
