"""What an incident's `audit.json` holds: the records that belong, and from when on they are whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from containment.folder import chain
from containment.incidents.incident import Incident
from containment.ports import Vault
from policies.errors import PortcullisError, Unreachable
from policies.load import load
from policies.model import Estate
from rotation.audit_log import Writes, current_write, moment, rfc3339
from rotation.evidence.audit_earlier import Earlier, End, words
from rotation.evidence.audit_export import Wanted, export_audit
from rotation.evidence.belonging import belonging

AUDIT = "audit.json"


@dataclass(frozen=True, slots=True)
class Audit:
    """What is to be `audit.json`, None where there is none to be had, as it goes on from what was `sealed` of it."""

    sealed: bytes | None
    document: dict[str, Any] | None
    missing: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.document["records"]) if self.document else 0


def of(folder: Path, incident: Incident, vault: Vault | None, log: Path | None) -> Audit:
    """A sealed `audit.json` only grows: the log may have been rotated or cut since."""
    sealed, missing = chain.as_sealed(folder, AUDIT), list[str]()
    if log is None:
        return Audit(sealed, None, (f"{AUDIT}: PORTCULLIS_AUDIT_LOG does not name the audit device's file",))
    earlier = _earlier(sealed, missing)
    writes = Writes(incident.id, earlier.writes)
    try:
        ours = belonging(_estate(vault, missing), incident)
        until = rfc3339(incident.lifted_at + 1) if incident.lifted_at else None
        if until:  # what was collected after it is whole: nothing that came later belongs
            earlier = replace(
                earlier, ends=tuple(e for e in earlier.ends if e.before or moment(e.time) < moment(until))
            )
        wanted = Wanted(rfc3339(incident.opened_at), until, list(ours.paths), list(ours.policies))
        exported = export_audit(log, wanted, earlier, writes)
    except PortcullisError as error:
        return Audit(sealed, None, (*missing, f"{AUDIT}: {error}"))
    whole = _whole(incident, vault, log, writes, exported, missing)
    document = {"incident": incident.id, **whole, "writes": writes.times, **exported}
    return Audit(sealed, document, tuple(missing))


def _estate(vault: Vault | None, missing: list[str]) -> Estate:
    """As the last apply declared it; as it is declared here where the server does not say."""
    try:
        kept = vault.compiled() if vault else None
    except Unreachable as error:
        missing.append(f"{AUDIT}: what belongs is by the declarations here, not by those of the last apply: {error}")
        kept = None
    return kept or load()


def _earlier(sealed: bytes | None, missing: list[str]) -> Earlier:
    try:
        return Earlier.of(json.loads(sealed or b"{}"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        missing.append(f"{AUDIT}: what was sealed of it is none of ours ({type(error).__name__}): begun anew")
        return Earlier()


def _whole(
    incident: Incident,
    vault: Vault | None,
    log: Path,
    writes: Writes,
    exported: dict[str, Any],
    missing: list[str],
) -> dict[str, Any]:
    """From when on the log, with what was collected earlier, goes on without a gap and holds every write of the
    incident's record, by number."""
    missed = [end for end in (End(**e) for e in exported["ends"]) if end.before]
    if exported["altered"]:
        missing.append(f"{AUDIT}: {log.name} holds {exported['altered']} records otherwise than they were sealed")
    if missed:
        missing.append(f"{AUDIT}: {words(missed, log.name)}")
    gaps = [{"after": end.time, "before": end.before} for end in missed]
    try:
        if vault is None:
            raise Unreachable("VAULT_ADDR is not set")
        coverage = writes.coverage(current_write(vault, incident.id), incident.opened_at)
    except PortcullisError as error:
        missing.append(f"{AUDIT}: whether the log is whole could not be judged: {error}")
        return {"judged": False, "gaps": gaps}
    if coverage.lacking:
        missing.append(f"{AUDIT}: {coverage.words(log, 'the opening')}")
    since = coverage.complete_since
    if since and missed:
        since = max([since, *(end.before for end in missed)], key=moment)
    return {"judged": True, "complete_since": since, "lacking": list(coverage.lacking), "gaps": gaps}
