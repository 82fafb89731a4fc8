"""The lock-down on the real systems and written down: what every way into it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from containment import executor
from containment.errors import NotWritten
from containment.folder import heads, record
from containment.incidents.incident import Incident, State
from containment.incidents.scope import leaked_in
from containment.ports import Vault
from containment.report import Report
from containment.run import Progress
from containment.systems import from_environment
from policies.errors import PortcullisError
from policies.model import Estate


def contain(
    vault: Vault,
    estate: Estate,
    incidents: tuple[Incident, ...],
    incident: Incident,
    progress: Progress,
    again: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Report, Incident]:
    """`executor.contain`, then the incident's folder, and its head on the server; so for every other open incident that
    has a folder here, since the run covers them all. Raises NotWritten when the disk does not take the incident's own;
    what is not contained is named there too. `again`: as `Decision.named_again`."""
    note = partial(record.note_effects, incident.id)
    systems = from_environment(vault, estate)
    report, incident = executor.contain(systems, estate, incidents, incident, progress, note, again)
    try:
        write_down(vault, report, incident, progress)
    finally:
        _beside(vault, estate, incidents, report, progress)
    return report, incident


def _beside(vault: Vault, estate: Estate, incidents: tuple[Incident, ...], report: Report, progress: Progress) -> None:
    """A folder that takes nothing is told: whoever works on that incident next reads what an earlier run saw."""
    others = [i for i in incidents if i.state is State.OPEN and i.id != report.incident and record.place(i.id).is_dir()]
    try:
        held = {i.id: i for i in vault.incidents()} if others else {}
    except PortcullisError:  # named by the run already
        held = {}
    for other in others:
        now = held.get(other.id)
        if now is not None and now.state is State.LIFTED:
            continue
        try:
            seen = replace(report, incident=other.id, leaked=leaked_in(other, estate.repositories))
            write_down(vault, seen, now, progress)
        except NotWritten as error:
            progress(f"warning: incident {other.id}: {error}")


def write_down(vault: Vault, report: Report, incident: Incident | None, progress: Progress) -> None:
    """`incident` as the server has it, None when nobody could ask. Raises NotWritten as `contain` does."""
    try:
        record.keep(report, incident, heads.follower(vault, report.incident, progress), progress)
    except PortcullisError as error:
        raise NotWritten(report.not_contained, error) from error
