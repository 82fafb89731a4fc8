"""The incident's folder: what each run saw, for those who work on, and for the evidence. No secret value is written."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from containment.folder import chain, contents, files
from containment.incidents.incident import Incident
from containment.report import PROBE, Effect, Outcome, Report
from policies.errors import Finding, PortcullisError, Unreachable

DEFAULT = Path(__file__).resolve().parents[2] / "reports" / "security" / "incidents"
OPENED = "incident opened"
"""The event: `target` is the scope in words, `outcome` failed where it is not on the server's record."""
LIFT_BEGUN = "lift begun"
_INCIDENT = "incident.json"
_SCOPE = (_INCIDENT, chain.EVENTS, chain.MANIFEST)
"""Where the folder says what is in scope."""
_WORDS = ("phase", "what", "target", "outcome", "detail")


def place(incident_id: str) -> Path:
    """Of one incident, whether it is there or not; below PORTCULLIS_INCIDENTS where that is set."""
    return Path(os.environ.get("PORTCULLIS_INCIDENTS") or DEFAULT) / incident_id


def folder(incident_id: str) -> Path:
    """Of one incident, made with mode 0700. Raises Unreachable, for a link too."""
    made = place(incident_id)
    if made.is_symlink():  # whoever put it there would have the evidence written where it points to
        raise Unreachable(
            f"record of incident {incident_id}: its folder is a symbolic link, which is not followed; "
            "put a folder in its place, then run the same command again"
        )
    try:
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise files.refused(f"record of incident {incident_id}", error) from error
    return made


def make_room(incident_id: str) -> str:
    """Before the first event of an incident that is new to the server: evidence of an earlier one by the same id (a
    rehearsal's, another server's) is moved aside whole. Returns the words for it, or ""."""
    here = place(incident_id)
    if not (here / _INCIDENT).exists():
        return ""
    aside = here.parent / f"earlier-{int(here.stat().st_mtime)}"  # its manifest binds it to its own name
    try:
        aside.mkdir(mode=0o700)
        here.rename(aside / incident_id)
    except OSError as error:
        return f"evidence of an earlier {incident_id} is in the same folder, and could not be moved: {error.strerror}"
    return f"evidence of an earlier {incident_id} was moved to {aside}"


def keep(
    report: Report,
    incident: Incident | None,
    sealed: chain.Sealed = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Write what the run saw (`containment.json`, `incident.json`), append what it did to the events, where that is
    not noted yet, and seal it.
    Without an `incident`, which nobody could read on the server, `incident.json` stays as it is.

    Evidence that was changed since it was sealed stands in the way of no lock-down and of no lift: it is not sealed
    again, and the timeline says so. Raises Unreachable when the disk does not take it.
    """
    with _sealing(report.incident, sealed, say) as draft:
        _write(draft, "containment.json", report.to_json())
        if incident is not None:
            _write(draft, _INCIDENT, incident.to_json())
        noted = {_key(event) for event in events(report.incident)}
        acts = [act for act in _acts(report.effects) if _key(act) not in noted]
        files.append(place(report.incident) / chain.EVENTS, acts)


def lifted(incident: Incident, sealed: chain.Sealed = lambda *_: None) -> None:
    """On record with its lift: with the vault away `last_seen` goes by it. Otherwise as `keep`."""
    note(incident.id, phase="lift", what="incident lifted")
    with _sealing(incident.id, sealed, lambda _: None) as draft:
        _write(draft, _INCIDENT, incident.to_json())


@contextmanager
def _sealing(incident_id: str, sealed: chain.Sealed, say: Callable[[str], None]) -> Iterator[Path]:
    try:
        with chain.extended(folder(incident_id), sealed, say) as (draft, _):
            yield draft
    except Finding as error:
        note(incident_id, phase="detection", what="evidence was changed", outcome="failed", detail=str(error))
    except OSError as error:
        raise files.refused(f"record of incident {incident_id}", error) from error


def last_seen(incident_id: str) -> tuple[Incident | None, str]:
    """As the last run on this machine had it from the server, None without one; and why nobody may go by what the
    folder says, or "": whoever can write it would narrow a lock-down."""
    here = place(incident_id)
    seen = os.path.lexists(here / _INCIDENT)
    if not here.is_dir() or not (seen or os.path.lexists(here / chain.MANIFEST)):
        return None, ""
    try:
        problems = chain.verify(here)
        wrong = [p for p in problems if p.path in _SCOPE and p.kind is not contents.Kind.UNFINISHED]
        if wrong:
            return None, "; ".join(f"{p.path}: {p.kind}, {p.detail}" for p in wrong)
        found = Incident.from_json(json.loads(files.read(here / _INCIDENT))) if seen else None
        if found and found.id != incident_id:
            return None, f"{_INCIDENT} is another incident's, or none"
        return found, ""
    except (PortcullisError, OSError, ValueError, RecursionError) as error:
        return None, f"{_INCIDENT} cannot be read ({type(error).__name__})"


def asked_for(incident_id: str) -> frozenset[str]:
    """Every name that it was ever asked for with here, `everything` among them. Raises Unreachable."""
    asked = (e["target"] for e in events(incident_id) if e["what"] == OPENED and e["target"])
    return frozenset(name for words in asked for name in words.split(", "))


def note_effects(incident_id: str, effects: Iterable[Effect]) -> None:
    """Append what part of a lock-down did. Raises Unreachable when the disk does not take it."""
    try:
        files.append(folder(incident_id) / chain.EVENTS, _acts(effects))
    except OSError as error:
        raise files.refused(f"record of incident {incident_id}", error) from error


def note(
    incident_id: str,
    *,
    phase: str,
    what: str,
    target: str = "",
    outcome: str = "done",
    detail: str = "",
    at: float | None = None,
) -> None:
    """Append one event. `phase`: detection, containment, eradication, recovery or lift; `at`: epoch seconds.

    Raises Unreachable when the disk does not take it.
    """
    try:
        event = _event(at or time.time(), phase, what, target, outcome, detail)
        files.append(folder(incident_id) / chain.EVENTS, [event])
    except OSError as error:
        raise files.refused(f"record of incident {incident_id}", error) from error


def events(incident_id: str) -> list[dict[str, Any]]:
    """In the order in which they were noted; empty without a folder, and none is made. A line that is no event, as a
    kill tears the last one, is left out.

    Raises Unreachable when they cannot be read.
    """
    try:
        found, _ = files.json_lines(place(incident_id) / chain.EVENTS)
    except OSError as error:
        raise files.refused(f"record of incident {incident_id}: {chain.EVENTS}", error) from error
    return [event for event in found if all(isinstance(event.get(name), str) for name in _WORDS)]


def _write(here: Path, name: str, data: dict[str, Any]) -> None:
    files.write(here, name, (json.dumps(data, indent=2) + "\n").encode())


def _acts(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """What was done or failed, and each probe: the next run does not try again what is replaced by then."""
    acts = [e for e in effects if e.outcome is not Outcome.ALREADY or e.what == PROBE]
    return [_event(e.at, "containment", e.what, e.target, e.outcome.value, e.detail) for e in acts]


def _key(event: dict[str, Any]) -> tuple[Any, ...]:
    return event.get("at"), event["what"], event["target"]


def _event(at: float, phase: str, what: str, target: str, outcome: str, detail: str) -> dict[str, Any]:
    return {"at": at, "phase": phase, "what": what, "target": target, "outcome": outcome, "detail": detail}
