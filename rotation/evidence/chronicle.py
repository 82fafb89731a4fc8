"""The incident's timeline from what was written down while it went on: pure but for reading `events.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from containment.folder import files
from containment.folder.chain import EVENTS
from containment.folder.record import OPENED
from containment.incidents.incident import EVERYTHING, Incident, Scope, State
from containment.report import CONTAINED, DENIED
from policies.errors import InputError
from rotation.evidence.reading import number

PHASES = ("detection", "containment", "eradication", "recovery", "lift")
"""NIST SP 800-61, and the lift."""
LOST = "lost.json"
"""In a chain that was begun anew: what was sealed before it and is no more."""
Event = dict[str, Any]
_RECORD = "server's record"
GAP = "the evidence has a gap"
_ELSEWHERE = (
    f"{_RECORD}; {GAP}: what the run that saw it did is not here, since its folder took nothing or it ran on another "
    "machine. The server's audit log has it"
)
_TORN = (
    f"{GAP}: a run was killed, or the disk was full, while it wrote this line; what it did then and later may not be "
    "here. The server's audit log has it"
)
_FIELDS = ("phase", "what", "target", "outcome", "detail")


def read_events(file: Path) -> tuple[list[Event], int]:
    """Events in the order of writing, each once, and how many lines could not be read: a run that is killed, or a disk
    that is full, tears its last. An event of its own stands for each, at the time of the one before it.
    Raises InputError."""
    events: list[Event] = []
    torn = 0
    try:
        rows = files.lines(file) if not file.is_symlink() else []  # a link is the chain's to name
    except OSError as error:
        raise InputError(f"{file.parent.name}/{file.name} cannot be read: {error.strerror}") from error
    for row in rows:
        at = number((row or {}).get("at"))
        if row is None or at is None:
            torn += 1
            said = {"phase": "detection", "what": "evidence torn", "target": "", "outcome": "failed", "detail": _TORN}
            events.append({"at": events[-1]["at"] if events else None, **said})
        else:
            events.append({"at": at, **{f: str(row.get(f) or "") for f in _FIELDS}})
    first = next((event["at"] for event in events if event["at"] is not None), None)
    events = [event | {"at": first if event["at"] is None else event["at"]} for event in events if first is not None]
    # What a full disk took a part of was written again, whole.
    return list({tuple(event.values()): event for event in events}.values()), torn


def gap(events: Iterable[Event]) -> str:
    """What a timeline says of what it lacks, or "": nothing may be concluded from what is not in it."""
    said = [str(e.get("detail") or "") for e in events]
    return next((words[words.index(GAP) :] for words in said if GAP in words), "")


def loss(at: float, heads: tuple[str, ...]) -> Event:
    """`at` epoch seconds; `heads` as the server keeps them, oldest first. An event of the timeline, and the heads."""
    said = f"what was sealed up to head {heads[-1]} is lost; this chain was begun anew"
    event = {"at": round(at, 3), "phase": "detection", "what": "evidence lost", "target": "", "outcome": "failed"}
    return {**event, "detail": said, "heads": list(heads)}


def read_loss(folder: Path) -> list[Event]:
    """The event of `lost.json`, empty without one. Raises InputError when it cannot be read."""
    file = folder / LOST
    if not file.is_file() or file.is_symlink():
        return []
    try:
        row = json.loads(file.read_bytes())
        return [{"at": float(row["at"]), **{f: str(row.get(f) or "") for f in _FIELDS}}]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder.name}/{LOST} cannot be read ({type(error).__name__})") from error


UNRECORDED = (
    "incident.json is missing: no run of this machine has had the server's record of it. Scope and opening are as they "
    "were asked for here; whether it is in force, replaced or lifted is not known"
)


def opened(incident_id: str, events: Iterable[Event]) -> Incident | None:
    """As it was asked for on this machine, with all that was, where no run has the server's record; None when it never
    was."""
    asked = [e for e in events if e["what"] == OPENED and e["target"]]
    if not asked:
        return None
    leaked = {name for e in asked for name in e["target"].split(", ")}
    scope = Scope(EVERYTHING in leaked, tuple(sorted(leaked - {EVERYTHING})))
    return Incident(incident_id, scope, State.OPEN, opened_at=int(asked[0]["at"]))


def noted(folder: Path, incident: Mapping[str, Any], effects: Iterable[Event]) -> tuple[list[Event], int]:
    """The timeline of what is noted by now, and how many lines of it are torn. Raises InputError."""
    events, torn = read_events(folder / EVENTS)
    return timeline([*events, *read_loss(folder)], incident, effects), torn


def timeline(events: Iterable[Event], incident: Mapping[str, Any], effects: Iterable[Event]) -> list[Event]:
    """Everything in order of time: the notes, the incident's own milestones, and what the last run did or failed to do
    where its note is missing. `incident`: incident.json, checked no further."""
    known = list(events)
    told = {(e["what"], e["target"], round(e["at"], 3)) for e in known}
    for effect in effects:
        key = (str(effect.get("what", "")), str(effect.get("target", "")), round(number(effect.get("at")) or 0, 3))
        if effect.get("outcome") != "already" and key[2] and key not in told:
            known.append(
                {"at": key[2], "phase": "containment", "what": key[0], "target": key[1]}
                | {f: str(effect.get(f) or "") for f in ("outcome", "detail")}
            )
    said = {e["what"] for e in known}
    known += [e for e in _milestones(incident) if e["what"] not in said]
    return sorted(known, key=lambda e: float(e["at"]))


def acts(events: Iterable[Event]) -> dict[str, list[Event]]:
    """What was done to contain and to eradicate, by `phase-what`: a name for a file of the evidence."""
    grouped: dict[str, list[Event]] = {}
    for event in events:
        if event["target"] and event["phase"] in ("containment", "eradication", "recovery"):
            words = "".join(c if c.isascii() and c.isalnum() else "-" for c in event["what"].lower()).strip("-")
            grouped.setdefault(f"{event['phase']}-{words or 'act'}"[:80], []).append(event)
    return grouped


def _milestones(incident: Mapping[str, Any]) -> list[Event]:
    """For those that no run of this machine noted itself, in the server's whole seconds. Zero means not yet. What the
    run did that was first to deny, or to see all of it contained, is missing then."""
    named = (
        ("detection", OPENED, "opened_at"),
        ("containment", DENIED, "denied_at"),
        ("containment", CONTAINED, "contained_at"),
        ("lift", "incident lifted", "lifted_at"),
    )
    return [
        {
            "at": at,
            "phase": phase,
            "what": what,
            "target": "",
            "outcome": "done",
            "detail": _ELSEWHERE if what in (DENIED, CONTAINED) else _RECORD,
        }
        for phase, what, key in named
        if (at := number(incident.get(key)))
    ]
