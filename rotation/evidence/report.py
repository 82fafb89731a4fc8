"""`report.html` of one incident: the verdict first, then what is not contained, then the proof of each line.

The verdict is made from the evidence itself, and is never better than its worst part: no proof is no containment.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from containment.incident import NOTHING_NAMED, State
from containment.report import PROBE
from policies.errors import InputError
from rotation.evidence.audit_words import Audit, audit
from rotation.evidence.folder import MANIFEST, Evidence, Problem, verify
from rotation.evidence.next_steps import Step, next_steps
from rotation.evidence.reading import Row, list_, number, object_, rows
from rotation.evidence.replaced import Replaced, replaced
from rotation.evidence.timeline import Event, Picture, clock, draw

_TEMPLATES = Path(__file__).parent / "templates"


class Verdict(StrEnum):
    CONTAINED = "Contained"
    NOT_CONTAINED = "Not contained"
    UNPROVEN = "Not proven"


@dataclass(frozen=True, slots=True)
class Probe:
    what: str
    expected: str
    observed: str
    times: int = 1

    @property
    def holds(self) -> bool:
        return self.expected == self.observed


@dataclass(frozen=True, slots=True)
class Attacker:
    """`last_success` and `first_refused` as clock times; `refused` False while it still gets in."""

    credential: str
    last_success: str
    first_refused: str
    attempts: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Credential:
    name: str
    probes: tuple[Probe, ...]
    attacker: Attacker | None

    @property
    def holds(self) -> bool:
        refused = self.attacker is None or self.attacker.refused
        return bool(self.probes) and all(p.holds for p in self.probes) and refused


@dataclass(frozen=True, slots=True)
class Service:
    workload: str
    interrupted: str
    last_ok: str
    first_ok_after: str
    back: bool


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
    state: str
    scope: str
    notice: str
    """What the responder must know of the scope before the lift."""
    opened: str
    changed: tuple[str, ...]
    not_contained: tuple[str, ...]
    seconds: tuple[tuple[str, str], ...]
    credentials: tuple[Credential, ...]
    services: tuple[Service, ...]
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
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    html = environment.get_template("report.html.j2").render(
        view=view(folder, touched),
        css=Markup(css),  # noqa: S704 - our own file; everything else is escaped
        css_digest=digest,
    )
    return Evidence(folder).write_report(html)


def view(folder: Path, touched: Sequence[Problem] | None = None) -> View:
    """Read the evidence. Raises InputError naming a file that is missing, no JSON, or of another shape."""
    incident = object_(folder, "incident.json")
    if incident is None:
        raise InputError(f"{folder.name}/incident.json is missing: there is nothing to report on")
    drill, containment = object_(folder, "drill.json"), object_(folder, "containment.json")
    effects = rows(containment or {}, "effects", "containment.json")
    told = list_(folder, "timeline.json")
    probes = [*rows(drill or {}, "probes", "drill.json"), *_probed([*told, *effects], incident.get("scope"))]
    attackers = tuple(_attacker(r) for r in list_(folder, "attackers.json"))
    credentials = _credentials(probes, attackers)
    events = tuple(_event(r) for r in told) or _milestones(incident)
    open_points = _not_contained(drill, containment, effects, credentials)
    changed = _changed(folder, touched)
    proven = containment is not None and bool(effects or probes) and all(c.holds for c in credentials)
    verdict = Verdict.NOT_CONTAINED if open_points else Verdict.UNPROVEN
    if not open_points and proven and not changed:
        verdict = Verdict.CONTAINED
    identity, state = str(incident.get("id", folder.name)), str(incident.get("state", ""))
    longest_first = sorted(list_(folder, "services.json"), key=_interrupted, reverse=True)
    services = tuple(_service(r) for r in longest_first)
    done = replaced(incident)
    opened = clock(number(incident.get("opened_at")), date=True)
    return View(
        incident=identity,
        verdict=verdict,
        state=state,
        scope=_scope(incident.get("scope")),
        notice=_notice(incident.get("scope"), state),
        opened=opened,
        changed=changed,
        not_contained=open_points,
        seconds=tuple((_SECONDS.get(k, k), _seconds(v)) for k, v in (drill or {}).get("seconds", {}).items()),
        credentials=credentials,
        services=services,
        stages=_stages(verdict, done, services, incident),
        replaced=done,
        steps=next_steps(
            identity,
            state,
            not_contained=open_points,
            unproven=verdict is Verdict.UNPROVEN,
            replaced=done,
            out=[s.workload for s in services if not s.back],
            changed=bool(changed),
            opened_date=opened,
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
    verdict: Verdict, done: tuple[Replaced, ...], services: tuple[Service, ...], incident: Row
) -> tuple[Stage, ...]:
    tones = {Verdict.CONTAINED: "good", Verdict.NOT_CONTAINED: "bad", Verdict.UNPROVEN: "warn"}
    proven, back = sum(r.holds for r in done), sum(s.back for s in services)
    lifted = number(incident.get("lifted_at"))
    return (
        Stage("Contained", tones[verdict], _CONTAINED_SAYS[verdict]),
        Stage(
            "Replaced and proven",
            "bad" if any(r.failed for r in done) else "good" if done and proven == len(done) else "warn",
            f"{proven} of {len(done)}" if done else "nothing named as leaked",
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


def _not_contained(
    drill: Row | None, containment: Row | None, effects: list[Row], credentials: tuple[Credential, ...]
) -> tuple[str, ...]:
    points: list[str] = []
    if containment is not None:
        points += [str(p) for p in containment.get("not_contained") or []]
        for effect in {(str(e.get("what")), str(e.get("target"))): e for e in effects}.values():  # the last word counts
            failed = effect.get("outcome") not in ("done", "already")
            if failed and not any(p.startswith(f"{effect.get('target')} ({effect.get('what')}") for p in points):
                points.append(f"{effect.get('target')} ({effect.get('what')}: {effect.get('detail')})")
        if containment.get("contained") is not True and not points:
            points.append("the lock-down says that it did not contain, and not what")
    for credential in credentials:
        points += [f"{credential.name}: {p.what}: {p.observed}" for p in credential.probes if not p.holds]
        if credential.attacker and not credential.attacker.refused:
            points.append(f"{credential.name}: the attacker was not refused after its last success")
    verdict = str((drill or {}).get("verdict", "contained"))
    if not verdict.lower().startswith("contained") and not points:
        points.append(f"the drill's verdict: {verdict}")
    return tuple(dict.fromkeys(points))


def _credentials(probes: list[Row], attackers: tuple[Attacker, ...]) -> tuple[Credential, ...]:
    by_name = {a.credential: a for a in attackers}
    names = dict.fromkeys([*(str(p.get("credential", "")) for p in probes), *by_name])
    return tuple(
        Credential(
            name,
            tuple(
                Probe(*said, times=times)
                for said, times in Counter(
                    (str(p.get("what", "")), str(p.get("expected", "")), str(p.get("observed", "nothing")))
                    for p in probes
                    if str(p.get("credential", "")) == name
                ).items()
            ),
            by_name.get(name),
        )
        for name in names
    )


def _probed(acts: list[Row], scope: object) -> list[Row]:
    """What the lock-down tried itself, as a workload's new token would: the last word on each. A run that finds it
    replaced tries no more, and tries what leaked in another incident too, which is in that one's report."""
    mine = scope.get("leaked") if isinstance(scope, dict) and not scope.get("everything") else None
    last = {str(e.get("target", "")): e for e in acts if e.get("what") == PROBE}
    if isinstance(mine, list) and not any(str(name).startswith("repository:") for name in mine):
        last = {target: effect for target, effect in last.items() if f"secret:{target}" in mine}
    return [
        {
            "credential": target,
            "what": str(effect.get("detail", "")),
            "expected": "refused",
            "observed": "refused" if effect.get("outcome") in ("done", "already") else "not refused",
        }
        for target, effect in last.items()
    ]


def _attacker(row: Row) -> Attacker:
    last, refused = number(row.get("last_success")), number(row.get("first_refused"))
    return Attacker(
        str(row.get("credential", "")),
        clock(last) if last is not None else "never",
        clock(refused) if refused is not None else "never",
        str(row.get("attempts", "")),
        refused is not None and (last is None or refused >= last),
    )


def _interrupted(row: Row) -> float:
    seconds = number(row.get("interrupted_seconds"))
    return math.inf if seconds is None else seconds


def _service(row: Row) -> Service:
    after, seconds = number(row.get("first_ok_after")), number(row.get("interrupted_seconds"))
    return Service(
        str(row.get("workload", "")),
        "not at all" if seconds == 0 else _seconds(seconds, "still out"),
        clock(number(row.get("last_ok"))),
        clock(after),
        after is not None or seconds == 0,
    )


def _event(row: Row) -> Event:
    at = number(row.get("at"))
    if at is None:
        raise InputError("timeline.json: an entry without `at` in seconds since the epoch")
    words = (str(row.get(key) or "") for key in ("phase", "what", "outcome", "target", "detail"))
    return Event(at, *words)


def _milestones(incident: Row) -> tuple[Event, ...]:
    """What the incident itself says, while nobody has written a timeline. Zero means not yet."""
    named = (("opened", "opened_at"), ("denied", "denied_at"), ("contained", "contained_at"), ("lifted", "lifted_at"))
    return tuple(Event(at, "incident", what, "done") for what, key in named if (at := number(incident.get(key))))


def _changed(folder: Path, touched: Sequence[Problem] | None) -> tuple[str, ...]:
    if touched is None:
        touched = verify(folder) if (folder / MANIFEST).exists() else ()
    return tuple(f"{p.path}: {p.kind}, {p.detail}" for p in touched if p.path != "report.html")


def _scope(scope: object) -> str:
    if not isinstance(scope, dict):
        return str(scope or "")
    return "everything" if scope.get("everything") else ", ".join(str(s) for s in scope.get("leaked") or [])


def _notice(scope: object, state: str) -> str:
    everything = isinstance(scope, dict) and scope.get("everything") and not scope.get("leaked")
    return NOTHING_NAMED if everything and state != State.LIFTED else ""


def _seconds(value: object, never: str = "not reached") -> str:
    found = number(value)
    return never if found is None else f"{found:.2f} s"
