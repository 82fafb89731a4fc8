"""Did anything that was retired still work? From the server's audit log: a response without an error, after
containment, to a token that was issued before it, or on what leaked to one that the gate does not bind. Values and
accessors are hashed there; issue times, roles and policies are not. What a batch token asks that reads nothing
(`rotation.idle`) is told and stands in no way."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from containment import names
from containment.incidents import proofs
from containment.incidents.incident import Acknowledged, Found, Incident
from containment.incidents.scope import affected
from policies.errors import InputError
from policies.model import CiRole, Workload
from rotation import audit_log, idle
from rotation.audit_log import moment
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


@dataclass(frozen=True, slots=True)
class _Look:
    """What stands in the way. `new`: uses in the log that nobody has acknowledged, oldest first. `vanished`: such uses
    that were seen earlier and are in the log no more. `lacking`: writes that it should hold, not acknowledged either;
    `gap`: the words for it. `idle`: requests that read nothing, by what was asked for."""

    answers: int
    uses: int
    idle: Counter[str]
    new: list[Use]
    vanished: list[Found]
    lacking: tuple[int, ...]
    gap: str

    @property
    def clear(self) -> bool:
        return not (self.new or self.vanished or self.lacking)

    def words(self) -> str:
        return "; ".join(
            [_listed(self.new)] * bool(self.new)
            + [f"{f.uses} uses that were seen are not in the log any more: {f.words}" for f in self.vanished]
            + [self.gap] * bool(self.lacking)
        )

    @property
    def aside(self) -> str:
        """What is told beside it, or ""."""
        if not self.idle:
            return ""
        asked = ", ".join(f"{what} ({count})" for what, count in sorted(self.idle.items()))
        return f"; {self.idle.total()} requests of batch tokens, which nobody can revoke, that read nothing: {asked}"


def quiet(work: Work) -> str:
    """Raises NotProven when something was used that nobody has acknowledged, and when the log cannot be read, is not
    this server's or does not reach back to the containment without a gap. What was seen once stays on record."""
    look = _looked(work)
    incident = work.incident()
    if not look.clear:
        raise NotProven(_refusal(incident.id, look))
    words = f"{look.answers} answers since containment, "
    if not incident.acknowledged:
        return f"{words}{'no use by' if look.idle else 'none to'} a token that was out before it{look.aside}"
    uses, last = max(look.uses, sum(a.uses for a in incident.acknowledged)), incident.acknowledged[-1]
    gap = f"; {look.gap}" if look.gap else ""
    return words + f"{uses} to tokens that were out before it{gap}; acknowledged by {last.by}: {last.note}{look.aside}"


def acknowledge(work: Work, by: str, note: str) -> str:
    """Put on record that a named person has looked into every use seen so far, and into what the log lacks; what comes
    later is not covered. Returns the words for it. Raises InputError when there is none, NotProven when nobody could
    look."""
    look = _looked(work)
    if look.clear:
        raise InputError(f"audit-quiet: no use of what was retired was seen that is not acknowledged{look.aside}")
    uses = len(look.new) + sum(f.uses for f in look.vanished)
    up_to = max([*(u.time for u in look.new), *(f.up_to for f in look.vanished)], key=moment, default="")
    said = Acknowledged(work.vault.now(), up_to, uses, by, note, look.lacking)
    work.vault.update_incident(work.incident_id, lambda i: replace(i, acknowledged=(*i.acknowledged, said)))
    return f"{uses} uses of what was retired, acknowledged by {by}: {note}. {look.words()}"


def _looked(work: Work) -> _Look:
    incident = work.incident()
    if work.audit_log is None:
        raise NotProven(f"{VARIABLE} is not set: nobody looked")
    if not incident.contained_at:
        raise NotProven("the incident is not contained yet")
    newest = audit_log.current_write(work.vault, incident.id)
    _prove_current(work, work.audit_log)
    try:
        seen, coverage = _read(work, work.audit_log, incident, newest)
    except OSError as error:
        raise NotProven(f"the audit log {error.filename} cannot be read: {error.strerror}") from error
    new = _unacknowledged(incident, seen.uses)
    incident = _kept(work, incident, new)
    end = _end(incident)
    vanished = [f for f in incident.found if moment(f.up_to) > end and f.up_to not in seen.times]
    known = {number for a in incident.acknowledged for number in a.lost}
    lacking = tuple(number for number in coverage.lacking if number not in known)
    gap = coverage.words(work.audit_log, "containment")
    return _Look(seen.answers, len(seen.uses), seen.idle, new, vanished, lacking, gap)


def _kept(work: Work, incident: Incident, new: list[Use]) -> Incident:
    """With what is seen for the first time on the incident's record."""
    last = max((moment(f.up_to) for f in incident.found), default=0.0)
    first = [use for use in new if moment(use.time) > last]
    if not first:
        return incident
    found = Found(work.vault.now(), first[-1].time, len(first), _listed(first))
    return work.vault.update_incident(incident.id, lambda i: replace(i, found=(*i.found, found)))


@dataclass(slots=True)
class _Seen:
    """Answers since containment, and those among them to what was retired: `uses`, oldest first, and `idle` ones, with
    the `times` of both."""

    answers: int = 0
    uses: list[Use] = field(default_factory=list)
    idle: Counter[str] = field(default_factory=Counter)
    times: set[str] = field(default_factory=set)


def _read(work: Work, log: Path, incident: Incident, newest: int) -> tuple[_Seen, audit_log.Coverage]:
    """And what the log lacks."""
    impact = affected(work.estate, (incident,))  # another incident's identities were not out of bounds by this cut
    identities: list[Workload | CiRole] = [*impact.workloads, *impact.ci_roles]
    own = {names.own_policy(i) for i in identities}
    leaked = {p for s in (*impact.leaked_secrets, *impact.denied_class) for p in names.denied_paths(s)}
    seen, writes = _Seen(), audit_log.Writes(incident.id)
    for line in audit_log.lines(log):
        writes.see(line)
        entry = audit_log.response(line)
        if entry is None or moment(entry["time"]) < incident.contained_at:
            continue
        seen.answers += 1
        auth = entry.get("auth") or {}
        issued, held = auth.get("token_issue_time"), set(auth.get("policies") or ())
        if not issued or entry.get("error"):
            continue
        old = moment(issued) < incident.revoked_before
        if not (old and own & held) and not (entry["request"]["path"] in leaked and names.past_the_gate(held)):
            continue
        seen.times.add(entry["time"])
        if asked := idle.label(entry):
            seen.idle[asked] += 1
        else:
            seen.uses.append(_use(entry, auth))
    seen.uses.sort(key=lambda use: moment(use.time))
    return seen, writes.coverage(newest, incident.contained_at)


def _use(entry: dict[str, Any], auth: dict[str, Any]) -> Use:
    request = entry["request"]
    words = (auth.get("display_name"), auth.get("accessor"), request.get("remote_address"))
    return Use(entry["time"], request["path"], *(str(word or "") for word in words))


def _unacknowledged(incident: Incident, uses: list[Use]) -> list[Use]:
    end = _end(incident)
    return [use for use in uses if moment(use.time) > end]


def _end(incident: Incident) -> float:
    """Epoch seconds up to which every use is acknowledged."""
    return max((moment(a.up_to) for a in incident.acknowledged if a.up_to), default=0.0)


def _refusal(incident_id: str, look: _Look) -> str:
    confirm = f"portcullis rotate confirm {incident_id} {proofs.AUDIT_QUIET} --by NAME --note WHAT"
    if not look.new and not look.vanished:
        return f"{look.gap}. Where it is lost for good, look elsewhere and put that on record: {confirm}"
    counted = f"{len(look.new)} uses of what was retired: " if look.new else ""
    return (
        f"{counted}{look.words()}{look.aside}. Find out who it was, lock down again (it revokes "
        "what is still out; a batch token lives until its TTL has passed), and name what was read in a second "
        f"incident. Then put on record that these are looked into: {confirm}"
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
            if wanted in _tail(log):
                return
        except OSError as error:
            raise NotProven(f"the audit log {log} cannot be read: {error.strerror}") from error
        if time.monotonic() > end:
            raise NotProven(f"{log} does not hold a request that was just made: it is not this server's current log")
        time.sleep(0.1)


def _tail(log: Path) -> set[str]:
    """Ids of the requests that the last MiB has answers to."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2**20))
        return {str(e["request"].get("id")) for e in map(audit_log.response, file) if e}
