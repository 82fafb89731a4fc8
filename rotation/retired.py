"""Did anything that was retired still work? From the server's audit log: a response without an error, after
containment, to a token that was issued before it, or on what leaked to one that the gate does not bind. Values and
accessors are hashed there; issue times, roles and policies are not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from containment import names, proofs
from containment.incident import Acknowledged, Incident
from containment.scope import affected
from policies.errors import InputError
from policies.model import CiRole, Workload
from rotation.work import NotProven, Work

VARIABLE = "PORTCULLIS_AUDIT_LOG"
_PATIENCE = 5.0
"""Seconds until our own request must be in the log."""
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Use:
    """As the audit log has it: the accessor is hashed there, and a batch token has none."""

    time: str
    path: str
    who: str
    accessor: str
    address: str

    def __str__(self) -> str:
        path = json.dumps(self.path)[1:-1]  # whoever used it chose it
        return f"{self.time} {path} by {self.who}, accessor {self.accessor or 'none'}, from {self.address}"


def quiet(work: Work) -> str:
    """Raises NotProven when something was used that nobody has acknowledged, and when the log cannot be read or is not
    this server's."""
    seen, uses = _looked(work)
    incident = work.incident()
    new = _unacknowledged(incident, uses)
    if new:
        raise NotProven(_refusal(incident.id, new))
    words = f"{seen} answers since containment, "
    if not uses:
        return words + "none to a token that was out before it"
    last = incident.acknowledged[-1]
    return words + f"{len(uses)} to tokens that were out before it, acknowledged by {last.by}: {last.note}"


def acknowledge(work: Work, by: str, note: str) -> str:
    """Put on record that a named person has looked into every use seen so far; a later one is not covered. Returns the
    words for it. Raises InputError when there is none, NotProven when nobody could look."""
    _, uses = _looked(work)
    new = _unacknowledged(work.incident(), uses)
    if not new:
        raise InputError("audit-quiet: no use of what was retired was seen that is not acknowledged")
    said = Acknowledged(work.vault.now(), new[-1].time, len(new), by, note)
    work.vault.update_incident(work.incident_id, lambda i: replace(i, acknowledged=(*i.acknowledged, said)))
    return f"{len(new)} uses of what was retired, acknowledged by {by}: {note}. {_listed(new)}"


def _looked(work: Work) -> tuple[int, list[Use]]:
    """Answers since containment, and those among them that nobody should have had, oldest first."""
    incident = work.incident()
    if work.audit_log is None:
        raise NotProven(f"{VARIABLE} is not set: nobody looked")
    if not incident.contained_at:
        raise NotProven("the incident is not contained yet")
    _prove_current(work, work.audit_log)
    impact = affected(work.estate, (incident,))  # another incident's identities were not out of bounds by this cut
    identities: list[Workload | CiRole] = [*impact.workloads, *impact.ci_roles]
    own = {names.own_policy(i) for i in identities}
    leaked = {p for s in (*impact.leaked_secrets, *impact.denied_class) for p in names.denied_paths(s)}
    seen, used = 0, []
    for entry in _responses(work.audit_log):
        if _moment(entry["time"]) < incident.contained_at:
            continue
        seen += 1
        auth = entry.get("auth") or {}
        issued, held = auth.get("token_issue_time"), set(auth.get("policies") or ())
        if not issued or entry.get("error"):
            continue
        old = _moment(issued) < incident.revoked_before
        if (old and own & held) or (entry["request"]["path"] in leaked and names.past_the_gate(held)):
            used.append(_use(entry, auth))
    return seen, sorted(used, key=lambda use: _moment(use.time))


def _use(entry: dict[str, Any], auth: dict[str, Any]) -> Use:
    request = entry["request"]
    words = (auth.get("display_name"), auth.get("accessor"), request.get("remote_address"))
    return Use(entry["time"], request["path"], *(str(word or "") for word in words))


def _unacknowledged(incident: Incident, uses: list[Use]) -> list[Use]:
    if not incident.acknowledged:
        return uses
    end = max(_moment(a.up_to) for a in incident.acknowledged)
    return [use for use in uses if _moment(use.time) > end]


def _refusal(incident_id: str, uses: list[Use]) -> str:
    return (
        f"{len(uses)} uses of what was retired: {_listed(uses)}. Find out who it was, lock down again (it revokes "
        "what is still out; a batch token lives until its TTL has passed), and name what was read in a second "
        f"incident. Then put on record that these are looked into: portcullis rotate confirm {incident_id} "
        f"{proofs.AUDIT_QUIET} --by NAME --note WHAT"
    )


def _listed(uses: list[Use]) -> str:
    """The newest of them one by one."""
    earlier = len(uses) - _LISTED
    more = f"; and {earlier} earlier ones, which the audit log holds" if earlier > 0 else ""
    return "; ".join(map(str, reversed(uses[-_LISTED:]))) + more


def _prove_current(work: Work, log: Path) -> None:
    """A request of ours must appear: a log of another server, or of yesterday, is always quiet."""
    wanted, end = work.vault.marker(), time.monotonic() + _PATIENCE
    while True:
        try:
            if any(e["request"].get("id") == wanted for e in _responses(log, tail=True)):
                return
        except OSError as error:
            raise NotProven(f"the audit log {log} cannot be read: {error.strerror}") from error
        if time.monotonic() > end:
            raise NotProven(f"{log} does not hold a request that was just made: it is not this server's current log")
        time.sleep(0.1)


def _responses(log: Path, tail: bool = False) -> Iterator[dict[str, Any]]:
    """Answers, oldest first; `tail`: of the last MiB only. A line that is no record (torn by a kill) is left out."""
    with log.open("rb") as file:
        if tail:
            file.seek(max(0, log.stat().st_size - 2**20))
        for line in file:
            if b'"type":"response"' not in line:
                continue
            try:
                entry = json.loads(line)
                entry["request"]["path"], _moment(entry["time"])
            except (ValueError, KeyError, TypeError):
                continue
            yield entry


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
