"""What a drill ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

STEPS = (
    "gate",
    "identity denied",
    "identity narrowed",
    "quarantine",
    "batch tokens",
    "upstream key disabled",
    "upstream keys known",
    "leaked paths denied",
    "entity disabled",
    "secret_ids destroyed",
    "CI role off",
    "database role capped",
    "login TTL capped",
    "token revoked",
    "database sessions ended",
    "lease revoked",
    "database users gone",
    "sessions of dropped users ended",
    "quarantine opened",
    "own policy",
    "branch protected",
    "other rules as strict",
    "branches locked",
    "tags locked",
    "repository is the same",
    "Actions off",
    "Actions off everywhere",
    "workflow runs ended",
    "tokens past the gate",
    "past the gate",
    "policies of others",
    "probe",
    "contained",
)
"""What a lock-down of the drill's leaks leaves a trace of, as effects are named. Some steps cover for each other on a
good day; one without a trace was not taken."""

RECOVERED = "contained, rotated and lifted"


@dataclass(frozen=True, slots=True)
class Probe:
    what: str
    credential: str
    expected: str
    observed: str

    @property
    def held(self) -> bool:
        return self.expected == self.observed


@dataclass(frozen=True, slots=True)
class Result:
    """`seconds`: `to_deny`, `lockdown`, `to_revoked`, `to_rotated` and `to_lifted` from the start of the lock-down,
    None for what was not reached; `total` of the drill."""

    incident: str
    seconds: dict[str, float | None]
    probes: tuple[Probe, ...]
    verdict: str

    @property
    def held(self) -> bool:
        return self.verdict == RECOVERED

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_MILESTONES = {
    "to_deny": "the leaked token is refused",
    "to_revoked": "every leaked credential is refused",
    "lockdown": "pulumi up --config incident=true has ended",
    "to_rotated": "replaced and proven",
    "to_lifted": "pulumi up --config incident=false has ended",
}
_WIDTH = 40


def timeline(seconds: Mapping[str, float | None]) -> list[str]:
    """The milestones as lines of text, each with a bar from the start of the lock-down."""
    reached = [s for name in _MILESTONES if (s := seconds.get(name)) is not None]
    longest = max(reached, default=1.0)
    lines = []
    for name, meaning in _MILESTONES.items():
        at = seconds.get(name)
        bar = "" if at is None else "━" * max(1, round(at / longest * _WIDTH))
        when = "not reached" if at is None else f"{at:8.2f} s"
        lines.append(f"{name:11}{when:>12}  {bar:{_WIDTH}}  {meaning}")
    return lines


def missing_steps(effects: Iterable[str]) -> list[str]:
    seen = set(effects)
    return [f"no sign of this step: {step}" for step in STEPS if step not in seen]


def verdict(probes: Sequence[Probe], not_contained: Sequence[str], not_recovered: Sequence[str]) -> str:
    """The worst that was seen: a probe that did not hold or a step that failed is `not contained`."""
    open_points = [*not_contained, *(f"{p.what}: {p.observed}" for p in probes if not p.held)]
    if open_points:
        return "not contained: " + "; ".join(open_points)
    return "contained, not recovered: " + "; ".join(not_recovered) if not_recovered else RECOVERED
