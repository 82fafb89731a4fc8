"""What a drill ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

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


def verdict(probes: Sequence[Probe], not_contained: Sequence[str], not_recovered: Sequence[str]) -> str:
    """The worst that was seen: a probe that did not hold or a step that failed is `not contained`."""
    open_points = [*not_contained, *(f"{p.what}: {p.observed}" for p in probes if not p.held)]
    if open_points:
        return "not contained: " + "; ".join(open_points)
    return "contained, not recovered: " + "; ".join(not_recovered) if not_recovered else RECOVERED
