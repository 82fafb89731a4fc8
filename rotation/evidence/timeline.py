"""Where each kind of act stands in the drawn timeline: a row each, phase by phase, time from left to right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from rotation.evidence.chronicle import PHASES

MOST = 60
"""Rows that are drawn; the table below the picture lists every event."""
_LEAST = 0.8
"""Width of what took no time, in hundredths of the picture, so that it is seen."""


@dataclass(frozen=True, slots=True)
class Event:
    """`at` in seconds since the epoch."""

    at: float
    phase: str
    what: str
    outcome: str
    target: str = ""
    detail: str = ""

    @property
    def time(self) -> str:
        return clock(self.at)

    @property
    def bad(self) -> bool:
        return self.outcome.lower() in ("failed", "not contained", "error")

    @property
    def waiting(self) -> bool:
        return self.outcome.lower() == "waiting"


@dataclass(frozen=True, slots=True)
class Row:
    """`x` and `width` in hundredths of the picture. `phase` one of PHASES, or "" for any other."""

    x: float
    width: float
    phase: str
    label: str
    offset: str
    bad: bool


@dataclass(frozen=True, slots=True)
class Picture:
    ticks: tuple[str, ...]
    """Evenly spaced, the first at the left edge, the last at the right."""
    rows: tuple[Row, ...]
    undrawn: int
    """Events in no row."""


def clock(at: float | None, date: bool = False) -> str:
    """UTC; a dash for what has not happened."""
    if not at:
        return "–"
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if date else moment.strftime("%H:%M:%S.%f")[:-4]


def span(seconds: float) -> str:
    """A duration as a person says it: 4.2 s, 12 min 5 s, 3 h 20 min, 2 d 4 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, size, part, small in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {unit} {rest // small} {part}" if rest // small else f"{whole} {unit}"
    return f"{seconds:.1f} s"


def draw(events: Iterable[Event]) -> Picture | None:
    """None when there is nothing to draw. Acts of one phase and kind share a row, a failure always among the drawn."""
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(events, key=lambda e: e.at):
        groups.setdefault((event.phase, event.what), []).append(event)
    if not groups:
        return None
    rows = sorted(groups.values(), key=lambda g: (_order(g[0].phase), g[0].at))
    kept = set(map(id, sorted(rows, key=lambda g: (not any(e.bad for e in g), rows.index(g)))[:MOST]))
    drawn = [g for g in rows if id(g) in kept]
    first = min(g[0].at for g in drawn)
    whole = (max(g[-1].at for g in drawn) - first) or 1.0

    def place(at: float) -> float:
        return round((at - first) / whole * 100, 2)

    return Picture(
        tuple(span(whole * part / 4) for part in range(5)),
        tuple(_row(group, place(group[0].at), place(group[-1].at), group[0].at - first) for group in drawn),
        sum(len(g) for g in rows) - sum(len(g) for g in drawn),
    )


def _row(group: list[Event], start: float, end: float, offset: float) -> Row:
    width = max(end - start, _LEAST)
    failed, waiting = sum(e.bad for e in group), sum(e.waiting for e in group)
    label = group[0].what
    if len(group) > 1:
        label += f" × {len(group)}"
    elif group[0].target:
        label += f" · {group[0].target}"
    label += f" – {failed} failed" if failed else " – waiting" if waiting == len(group) else ""
    took = group[-1].at - group[0].at
    return Row(
        min(start, 100 - width),
        round(width, 2),
        group[0].phase if group[0].phase in PHASES else "",
        label,
        f"+{span(offset)}" + (f", {span(took)}" if took >= 0.05 else ""),
        bool(failed),
    )


def _order(phase: str) -> int:
    return PHASES.index(phase) if phase in PHASES else len(PHASES)
