"""`report.html` of one incident: the verdict first, then what is not contained, then the proof of each line."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from containment.folder.chain import EVENTS
from containment.incidents.incident import EVERYTHING, NOTHING_NAMED, State
from containment.incidents.proofs import INCIDENT
from policies.errors import InputError
from policies.plain import plain
from rotation.evidence import chronicle, watched
from rotation.evidence.audit_words import Audit, audit
from rotation.evidence.folder import MANIFEST, Evidence, Problem, verify
from rotation.evidence.leaked import Credential, leaked
from rotation.evidence.next_steps import Step, next_steps
from rotation.evidence.reading import Row, list_, number, object_, rows
from rotation.evidence.redaction import redact_certain
from rotation.evidence.replaced import Replaced, replaced
from rotation.evidence.timeline import Event, Picture, clock, draw
from rotation.evidence.verdict import Verdict, half_lifted, not_contained, says

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the four things to have behind oneself. `tone` is good, bad or warn."""

    name: str
    tone: str
    says: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything the template prints. Plain text; the template escapes it."""

    incident: str
    verdict: Verdict
    says: str
    """The verdict in a sentence."""
    state: str
    scope: str
    notice: str
    """What the responder must know of the scope before the lift."""
    opened: str
    unrecorded: str
    """Why the folder does not hold what the server has on record, or ""."""
    gap: str
    """What the timeline says of what it lacks, or ""."""
    changed: tuple[str, ...]
    not_contained: tuple[str, ...]
    seconds: tuple[tuple[str, str], ...]
    credentials: tuple[Credential, ...]
    services: tuple[watched.Service, ...]
    effects: tuple[Row, ...]
    stages: tuple[Stage, ...]
    replaced: tuple[Replaced, ...]
    steps: tuple[Step, ...]
    acts: tuple[Event, ...]
    """What rotation and recovery did, in order of time."""
    events: tuple[Event, ...]
    picture: Picture | None
    audit: Audit


def render(folder: Path, touched: Sequence[Problem] | None = None) -> Path:
    """Write report.html from the evidence in `folder`. The same evidence gives the same bytes.

    Evidence that does not fit its seal is named at the top; `touched` says what does not, where the caller has looked
    before it wrote to the evidence itself. Raises InputError naming a file that cannot be used.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    if not folder.is_dir():
        raise InputError(f"no evidence for incident {folder.name}")
    css = (_TEMPLATES / "report.css").read_text()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: value if not isinstance(value, str) or isinstance(value, Markup) else _shown(value),
    )
    html = environment.get_template("report.html.j2").render(
        view=view(folder, touched),
        css=Markup(css),  # noqa: S704 - our own file; everything else is escaped
        css_digest=digest,
    )
    return Evidence(folder).write_report(html)


def _shown(text: str) -> str:
    """Redacted by itself, so that it takes nothing else from the page with it. A page takes a line break for a space;
    every other control is seen, in evidence of before and of others too."""
    return "\n".join(map(plain, redact_certain(text).split("\n")))


def view(folder: Path, touched: Sequence[Problem] | None = None) -> View:
    """Read the evidence. Raises InputError naming a file that is missing, no JSON, or of another shape."""
    incident, unrecorded = _incident(folder)
    drill, containment = object_(folder, "drill.json"), object_(folder, "containment.json")
    effects = rows(containment or {}, "effects", "containment.json")
    told = _told(folder, incident, effects)
    probes, attackers = rows(drill or {}, "probes", "drill.json"), list_(folder, "attackers.json")
    tried, named = watched.tried(probes, attackers), _named(incident, containment)
    gap = chronicle.gap(told)
    ours = leaked(incident, told, effects, complete=containment is not None, named=named, gap=bool(gap))
    credentials = (*tried, *ours)
    events = tuple(_event(r) for r in told)
    open_points = (*half_lifted(incident, told), *not_contained(drill, containment, effects, tried, ours))
    changed = _changed(folder, touched)
    alive = tuple(c.name for c in credentials if c.failed)
    held = containment is not None and bool(effects or probes) and all(c.contained or c.failed for c in credentials)
    verdict = Verdict.NOT_CONTAINED if open_points else Verdict.UNPROVEN
    if not open_points and held and not (changed or unrecorded or alive):
        verdict = Verdict.CONTAINED
    state = str(incident.get("state", ""))
    longest_first = sorted(list_(folder, "services.json"), key=watched.interrupted, reverse=True)
    services = tuple(watched.service(r) for r in longest_first)
    done = replaced(incident, named)
    opened = clock(number(incident.get("opened_at")), date=True)
    return View(
        incident=folder.name,
        verdict=verdict,
        says=says(verdict, open_points, credentials),
        state=state,
        scope=_scope(incident.get("scope")),
        notice=_notice(incident.get("scope"), state),
        opened=opened,
        unrecorded=unrecorded,
        gap=gap,
        changed=changed,
        not_contained=open_points,
        seconds=tuple((_SECONDS.get(k, k), watched.seconds(v)) for k, v in (drill or {}).get("seconds", {}).items()),
        credentials=credentials,
        services=services,
        stages=_stages(verdict, done, services, incident),
        replaced=done,
        steps=next_steps(
            folder.name,
            state,
            not_contained=open_points,
            unproven=verdict is Verdict.UNPROVEN and not (held and alive),
            replaced=done,
            out=[s.workload for s in services if not s.back],
            changed=bool(changed),
            opened_date=opened,
            unrecorded=bool(unrecorded),
            scope=_typed(incident),
        ),
        acts=tuple(sorted((e for e in events if e.phase in ("eradication", "recovery")), key=lambda e: e.at)),
        effects=tuple(
            {k: str(e.get(k) or "") for k in ("what", "target", "outcome", "detail", "proof")} for e in effects
        ),
        events=tuple(sorted(events, key=lambda e: e.at)),
        picture=draw(events),
        audit=audit(folder),
    )


_CONTAINED_SAYS = {
    Verdict.CONTAINED: "every step was seen to hold",
    Verdict.NOT_CONTAINED: "no, see above",
    Verdict.UNPROVEN: "not proven",
}


def _stages(
    verdict: Verdict, done: tuple[Replaced, ...], services: tuple[watched.Service, ...], incident: Row
) -> tuple[Stage, ...]:
    tones = {Verdict.CONTAINED: "good", Verdict.NOT_CONTAINED: "bad", Verdict.UNPROVEN: "warn"}
    named = [r for r in done if r.item != INCIDENT]
    words, back = sum(r.word for r in named), sum(s.back for s in services)
    proven = sum(r.holds for r in named) - words
    lifted = number(incident.get("lifted_at"))
    return (
        Stage("Contained", tones[verdict], _CONTAINED_SAYS[verdict]),
        Stage(
            "Replaced and proven",
            "bad"
            if any(r.failed for r in done)
            else "good"
            if named and all(r.holds and not r.word for r in done)
            else "warn",
            f"{proven} of {len(named)}" + (f", {words} on a person's word" if words else "")
            if named
            else "nothing named as leaked",
        ),
        Stage(
            "Services back",
            "good" if (back == len(services) if services else _recovered(incident)) else "warn",
            f"{back} of {len(services)}" if services else _recovery(incident),
        ),
        Stage("Lifted", "good" if lifted else "warn", clock(lifted, date=True) if lifted else "not yet"),
    )


def _recovered(incident: Row) -> Row | None:
    """The proof that workloads read again, where no service was watched."""
    proofs = rows(incident, "proofs", "incident.json")
    return next((p for p in proofs if p.get("kind") == "recovery" and p.get("ok") is True), None)


def _recovery(incident: Row) -> str:
    proof = _recovered(incident)
    return str(proof.get("detail", "")) if proof else "nobody looked"


_SECONDS = {
    "to_deny": "until the leaked path was denied",
    "lockdown": "until the lock-down was complete",
    "to_revoked": "until all was revoked",
    "to_rotated": "until all was rotated",
    "to_lifted": "until the lock-down was lifted",
    "total": "in all",
}


def _named(incident: Row, containment: Row | None) -> list[str] | None:
    """What leaked, with what the last run says that a repository holds; None where it does not say."""
    more = (containment or {}).get("leaked")
    if not isinstance(more, list):
        return None
    return list(dict.fromkeys([*_asked(incident), *map(str, more)]))


def _asked(incident: Row) -> list[str]:
    scope = incident.get("scope")
    leaked = scope.get("leaked") if isinstance(scope, dict) else None
    return list(map(str, leaked)) if isinstance(leaked, list) else []


def _typed(incident: Row) -> str:
    """As it is asked for again."""
    leaked = ",".join(_asked(incident))
    every = isinstance(incident.get("scope"), dict) and incident["scope"].get("everything")
    return f"{EVERYTHING},{leaked}" if leaked and every else leaked


def _event(row: Row) -> Event:
    at = number(row.get("at"))
    if at is None:
        raise InputError("timeline.json: an entry without `at` in seconds since the epoch")
    words = (str(row.get(key) or "") for key in ("phase", "what", "outcome", "target", "detail"))
    return Event(at, *words)


def _incident(folder: Path) -> tuple[Row, str]:
    """As the last run had it from the server, or as it was asked for here, and then the words for that."""
    incident = object_(folder, "incident.json")
    if incident is not None:
        return incident, ""
    noted = chronicle.opened(folder.name, chronicle.read_events(folder / EVENTS)[0])
    if noted is None:
        raise InputError(f"{folder.name}/incident.json is missing: there is nothing to report on")
    return {**noted.to_json(), "state": ""}, chronicle.UNRECORDED


def _told(folder: Path, incident: Row, effects: list[Row]) -> list[Row]:
    """With what was noted since somebody collected; as it was collected only where no notes are left."""
    collected = [] if (folder / EVENTS).exists() else list_(folder, "timeline.json")
    return collected or chronicle.noted(folder, incident, effects)[0]


def _changed(folder: Path, touched: Sequence[Problem] | None) -> tuple[str, ...]:
    if touched is None:
        touched = verify(folder) if (folder / MANIFEST).exists() else ()
    return tuple(f"{p.path}: {p.kind}, {p.detail}" for p in touched if p.path != "report.html")


def _scope(scope: object) -> str:
    if not isinstance(scope, dict):
        return str(scope or "")
    every = [EVERYTHING] if scope.get("everything") else []
    return ", ".join([*every, *(str(s) for s in scope.get("leaked") or [])])


def _notice(scope: object, state: str) -> str:
    everything = isinstance(scope, dict) and scope.get("everything") and not scope.get("leaked")
    return NOTHING_NAMED if everything and state != State.LIFTED else ""
