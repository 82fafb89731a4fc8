"""The lock-down on the real systems and written down: what every way into it does."""

from __future__ import annotations

from functools import partial

from containment import executor, heads, record
from containment.errors import NotWritten
from containment.incident import Incident
from containment.ports import Vault
from containment.report import Report
from containment.run import Progress
from containment.systems import from_environment
from policies.errors import PortcullisError
from policies.model import Estate


def contain(
    vault: Vault, estate: Estate, incidents: tuple[Incident, ...], incident: Incident, progress: Progress
) -> tuple[Report, Incident]:
    """`executor.contain`, then the incident's folder, and its head on the server. Raises NotWritten when the disk does
    not take it; what is not contained is named there too."""
    note = partial(record.note_effects, incident.id)
    report, incident = executor.contain(from_environment(vault, estate), estate, incidents, incident, progress, note)
    write_down(vault, report, incident, progress)
    return report, incident


def write_down(vault: Vault, report: Report, incident: Incident | None, progress: Progress) -> None:
    """`incident` as the server has it, None when nobody could ask. Raises NotWritten as `contain` does."""
    try:
        record.keep(report, incident, heads.follower(vault, report.incident, progress), progress)
    except PortcullisError as error:
        raise NotWritten(report.not_contained, error) from error
