"""From an incident, the declarations and the audit log to what could be granted no longer, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, assert_never

from containment import names
from containment.incidents.incident import Incident
from containment.ports import Vault
from policies.errors import InputError
from policies.load import default_folder, load
from rotation.audit_log import given
from rotation.tightening.held import Held, held
from rotation.tightening.log import Coverage, shown
from rotation.tightening.propose import Proposal, Removal, propose
from rotation.tightening.usage import Uses, Verdict, usage
from rotation.work import find

DAYS = 30
"""Before the incident was opened, by default: what runs once a month has run."""
_DAY = 86400

LIMITS = (
    "A grant that was declared within the window looks unused for the days before it was: see git log.",
    "A server that stands by answers on its own and logs on its own: give every node's files (--audit).",
    "A missing file is noticed when it leaves a day without a record; a shorter hole is not.",
    "A job that runs less often than the window is long is not seen: widen it (--since).",
)
"""What no log can show; said beside every proposal."""


@dataclass(frozen=True)
class Tightened:
    """`missing`: why the log does not cover the window; nothing is proposed then."""

    incident: str
    since: float
    until: float
    coverage: Coverage
    missing: tuple[str, ...]
    grants: tuple[tuple[Held, Uses], ...]
    evidence: dict[Held, str]
    proposal: Proposal | None

    @property
    def exit_code(self) -> int:
        if self.missing:
            return 3
        return 1 if self.proposal and (self.proposal.removals or self.proposal.left) else 0

    def to_json(self) -> dict[str, Any]:
        log, proposal = self.coverage, self.proposal
        return {
            "incident": self.incident,
            "since": shown(self.since),
            "until": shown(self.until),
            "log": {
                "files": list(log.files),
                "records": log.records,
                "first": shown(log.first) if log.records else None,
                "last": shown(log.last) if log.records else None,
                "torn_lines": log.torn,
                "silences": [{"from": shown(a), "to": shown(b)} for a, b in log.silences],
                "covers": not self.missing,
                "missing": list(self.missing),
            },
            "grants": [self._grant(one, uses) for one, uses in self.grants],
            "proposed": [self._removal(r) for r in proposal.removals] if proposal else [],
            "left": [{**self._removal(r), "why": why} for r, why in proposal.left] if proposal else [],
            "limits": list(LIMITS),
            "root": str(proposal.root) if proposal else None,
            "patch": proposal.patch if proposal else "",
        }

    def _grant(self, one: Held, uses: Uses) -> dict[str, Any]:
        counts = {
            "verdict": uses.verdict.value,
            "count": uses.count,
            "refused": uses.refused,
            "unclear": uses.unclear,
            "probes": uses.probes,
            "last_used": shown(uses.last) if uses.last else None,
            "evidence": self.evidence[one],
        }
        kept = ("kind", "identity", "secret", "path", "capability", "file", "line", "field")
        return {**{k: v for k, v in asdict(one).items() if k in kept}, **counts}

    def _removal(self, removal: Removal) -> dict[str, Any]:
        evidence = [f"{g}: {self.evidence[g]}" for g in removal.grants]
        return {"file": removal.file, "line": removal.line, "field": removal.field, "evidence": evidence}


def tighten(vault: Vault, incident_id: str, files: Sequence[Path], since: str, until: str) -> Tightened:
    """`since` and `until`: RFC 3339, "" for 30 days before the incident and for now. Raises InputError, Unreachable,
    and Finding as `propose` does."""
    if not files:
        raise InputError("no audit log is named: --audit FILE, or the variable PORTCULLIS_AUDIT_LOG")
    now = vault.now()
    incident = find(vault.incidents(), incident_id)
    first = given(since).timestamp() if since else incident.opened_at - DAYS * _DAY
    last = given(until).timestamp() if until else float(now)
    if first >= last:
        raise InputError(f"the window ends {shown(last)}, before it begins {shown(first)}")
    if last > now:
        raise InputError(f"the window ends {shown(last)}, which is still to come: it is {shown(now)}")
    estate = load()
    granted = tuple(held(estate))
    # The record was just read: a log that does not hold that is another server's, or yesterday's.
    sought = "" if until else f"{names.STORE}/data/incidents/{incident.id}"
    found, seen = usage(granted, files, first, last, sought)
    missing = found.coverage.missing(first, last)
    if sought and seen < now:
        missing += ("it does not hold a request that was just made: it is not this server's current log",)
    leaked = _leaked(incident)
    evidence = {
        g: _words(found.of(g), found.coverage, first, last, whole=not missing, leaked=g.identity in leaked)
        for g in granted
    }
    unused = [g for g in granted if found.of(g).verdict is Verdict.UNSEEN]
    proposal = None if missing else propose(default_folder(), estate, unused, evidence)
    uses = tuple((g, found.of(g)) for g in granted)
    return Tightened(incident.id, first, last, found.coverage, missing, uses, evidence, proposal)


def _leaked(incident: Incident) -> frozenset[str]:
    return frozenset(incident.scope.names("workload") | incident.scope.names("ci"))


def _words(uses: Uses, log: Coverage, first: float, last: float, *, whole: bool, leaked: bool) -> str:
    window = _span(last - first)
    match uses.verdict:
        case Verdict.USED:
            whose = "; its identity leaked, so whoever took it may have been the user" if leaked else ""
            return f"used {uses.count} times in {window}, last {shown(uses.last)}{whose}"
        case Verdict.WANTED:
            return f"asked for {uses.refused} times in {window} and not given, as in an incident"
        case Verdict.UNCLEAR:
            return f"used {uses.unclear} times in {window} by a token that may not be its own ({uses.by or 'no name'})"
        case Verdict.UNSEEN:
            covered = f"log covers {shown(log.first)} to {shown(log.last)}" if log.records else "the log is empty"
            if not whole:
                return f"no use seen, which says little: {covered}, not the whole window"
            before = f"last used {shown(uses.last)}, before that" if uses.last else "nor before that in the log"
            return f"never used in {window}; {before}; {covered}"
    assert_never(uses.verdict)


def _span(seconds: float) -> str:
    return f"{seconds / _DAY:.3g} days" if seconds >= _DAY else f"{seconds / 60:.3g} minutes"
