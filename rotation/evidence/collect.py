"""Gather an incident's evidence into its folder, seal it, and keep the chain's head on the server.

Run it as often as wanted: what is new is appended to the chain. What cannot be had is named and the rest is sealed all
the same: evidence that waits for a server to come back may be gone by then.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from containment.folder import chain, decisions, files, heads
from containment.incidents import lost
from containment.incidents.incident import Incident
from containment.ports import Vault
from policies.errors import InputError, PortcullisError, Unreachable
from rotation.evidence import audit, chronicle
from rotation.evidence.folder import Evidence
from rotation.evidence.report import render

_AROUND = 60.0
"""Seconds before the opening and after the lift in which the decisions that led to them were made."""


@dataclass(frozen=True, slots=True)
class Collected:
    """`missing`: what could not be collected or kept, each with its reason; empty when the evidence is whole."""

    folder: Path
    head: str
    events: int
    audit_records: int
    missing: tuple[str, ...]
    vouched: tuple[str, ...] = ()
    """Paths of what was sealed before by a run that could not reach the server, or by an intruder: this one's head
    vouches for them."""

    def to_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "head": self.head,
            "events": self.events,
            "audit_records": self.audit_records,
            "missing": list(self.missing),
            "vouched": list(self.vouched),
        }


def collect(
    incident_id: str, folder: Path, vault: Vault | None, audit_log: Path | None, anew: bool = False
) -> Collected:
    """`vault` None: there is no server to ask. `anew`: what was sealed before is lost, begin a new chain that says so.

    Raises InputError for an incident that nobody knows and a loss that is none, Finding when the evidence was changed
    since it was sealed and when it is not what the server keeps a head of: nothing is written then."""
    missing: list[str] = []
    incident = _incident(incident_id, folder, vault, missing)
    lost, not_compared = _lost(incident_id, folder, vault, anew)
    newest = "" if lost or not_compared or vault is None else heads.newest(vault, incident_id)
    vouched = chain.sealed_since(folder, newest) if newest else []
    Evidence(folder)
    # Before the folder is held: a log of gigabytes takes minutes, and a lock-down waits for the folder for seconds.
    records = audit.of(folder, incident, vault, audit_log)
    with chain.extended(folder, others=True) as (draft, touched):
        chain.refuse(touched)
        evidence = Evidence(draft)
        if lost:
            evidence.write_json(chronicle.LOST, chronicle.loss(datetime.now(UTC).timestamp(), lost))
        kept = _decisions(folder.parent, incident, missing)
        line = _written(evidence, draft, incident, kept, missing)
        if chain.as_sealed(draft, audit.AUDIT) != records.sealed:  # by somebody else meanwhile
            records = audit.of(draft, incident, vault, audit_log)
        missing.extend(records.missing)
        if records.document is not None:
            evidence.write_json(audit.AUDIT, records.document)
        render(draft, touched)
    head = chain.head(folder) or ""
    if vault is not None:
        try:
            if not_compared is not None:
                raise not_compared
            if lost:
                heads.begin_anew(vault, incident_id, head, lost)
            else:
                heads.keep(vault, incident_id, head)
        except PortcullisError as error:
            missing.append(f"the chain's head is not kept on the server: {error}")
    return Collected(folder, head, len(line), len(records), tuple(missing), tuple(vouched))


def _lost(
    incident_id: str, folder: Path, vault: Vault | None, anew: bool
) -> tuple[tuple[str, ...], PortcullisError | None]:
    """The heads that are declared lost, and why none could be compared: then none is kept either."""
    try:
        if vault is None:
            raise Unreachable("VAULT_ADDR is not set")
        if not anew:
            heads.require(vault, incident_id, folder)
            return (), None
        lost = heads.missing(vault, incident_id, folder)
    except Unreachable as error:
        if anew:
            raise InputError(f"--evidence-lost: the server must say which head is lost: {error}") from error
        return (), error
    if not lost:
        raise InputError(f"--evidence-lost: nothing is lost: {folder} contains every head that the server keeps")
    return lost, None


def _written(
    evidence: Evidence, folder: Path, incident: Incident, kept: list[dict[str, Any]], missing: list[str]
) -> list[chronicle.Event]:
    """Read first: what cannot be read leaves what was sealed as it is. Raises InputError for that."""
    line, torn = chronicle.noted(folder, incident.to_json(), _effects(folder))
    if torn:
        later = ", and what the run did after it may be too: audit.json has the server's own records of that"
        missing.append(_torn(chain.EVENTS, torn, f"the timeline{later}"))
    if chronicle.UNRECORDED not in missing:
        evidence.write_json("incident.json", incident.to_json())
    evidence.write_json("timeline.json", line)
    if kept:
        evidence.write_json("decisions.json", kept)
    for name, acts in chronicle.acts(line).items():
        evidence.write_acts(name, acts)
    return line


def _decisions(incidents: Path, incident: Incident, missing: list[str]) -> list[dict[str, Any]]:
    try:
        kept, torn = decisions.during(incidents, incident.opened_at - _AROUND, _over(incident))
    except Unreachable as error:
        missing.append(str(error))
        return []
    if torn:
        missing.append(
            _torn(decisions.FILE, torn, "decisions.json, and what was decided while the disk was full may be")
        )
    return kept


def _torn(file: str, lines: int, gone: str) -> str:
    are = f"{lines} lines are" if lines > 1 else "1 line is"
    return (
        f"{file}: {are} torn: a run was killed, or the disk was full, while it wrote that. What it told is gone from "
        f"{gone}. Nothing is to be done; each collect names it again"
    )


def _over(incident: Incident) -> float | None:
    return incident.lifted_at + _AROUND if incident.lifted_at else None


def _incident(incident_id: str, folder: Path, vault: Vault | None, missing: list[str]) -> Incident:
    """As the server holds it; as the last run wrote it down, or as it was asked for here, where the server does not
    answer or never had it."""
    unknown = ""
    if vault is None:
        missing.append("the server's record and the head kept there: VAULT_ADDR is not set")
    else:
        try:
            readable, gone = lost.look(vault)
        except PortcullisError as error:
            missing.append(f"the server's record of the incident: {error}")
        else:
            found = {i.id: i for i in readable}
            if incident_id in found:
                return found[incident_id]
            if incident_id in gone:
                missing.append("the server's record of the incident: it cannot be read")
            else:
                known = ", ".join(sorted(found)) or "none"
                unknown = f"the server has no incident {incident_id!r}; known: {known}"
    file = folder / "incident.json"
    if unknown and os.path.lexists(file):
        raise InputError(unknown)
    try:
        return Incident.from_json(json.loads(files.read(file)))
    except FileNotFoundError as error:
        noted = chronicle.opened(incident_id, chronicle.read_events(folder / chain.EVENTS)[0])
        if noted is not None:
            missing.extend(filter(None, (unknown, chronicle.UNRECORDED)))
            return noted
        reason = unknown or f"no evidence for incident {incident_id}, and no server that knows it: {missing[-1]}"
        raise InputError(reason) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{incident_id}/incident.json cannot be read ({type(error).__name__})") from error


def _effects(folder: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(files.read(folder / "containment.json"))["effects"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{folder.name}/containment.json cannot be read ({type(error).__name__})") from error
    return [row for row in rows if isinstance(row, dict)]
