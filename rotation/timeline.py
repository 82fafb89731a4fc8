"""Where each event stands in the drawn timeline: one row an event, time from left to right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

ROW = 30
LEFT, RIGHT = 470, 900
TOP = 34
_LABEL = 58
MOST = 60
"""Rows that are drawn; the table below the picture lists every event."""


@dataclass(frozen=True, slots=True)
class Event:
    """`at` in seconds since the epoch."""

    at: float
    phase: str
    what: str
    outcome: str

    @property
    def time(self) -> str:
        return clock(self.at)

    @property
    def bad(self) -> bool:
        return self.outcome.lower() in ("failed", "not contained", "error")


@dataclass(frozen=True, slots=True)
class Mark:
    """`start` is where the event before it stands: the bar between them is the time it took."""

    start: float
    x: float
    y: int
    label: str
    offset: str
    bad: bool


@dataclass(frozen=True, slots=True)
class Picture:
    height: int
    left: int
    right: int
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    undrawn: int


def clock(at: float | None, date: bool = False) -> str:
    """UTC; a dash for what has not happened."""
    if not at:
        return "–"
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if date else moment.strftime("%H:%M:%S.%f")[:-4]


def draw(events: Iterable[Event]) -> Picture | None:
    ordered = sorted(events, key=lambda e: e.at)
    if not ordered:
        return None
    drawn = ordered[:MOST]
    first, span = drawn[0].at, (drawn[-1].at - drawn[0].at) or 1.0

    def place(at: float) -> float:
        return round(LEFT + (at - first) / span * (RIGHT - LEFT), 1)

    marks = tuple(
        Mark(
            place(drawn[max(row - 1, 0)].at),
            place(event.at),
            TOP + ROW * row + ROW // 2,
            _short(f"{event.phase} · {event.what}" if event.phase else event.what),
            f"+{event.at - first:.2f} s",
            event.bad,
        )
        for row, event in enumerate(drawn)
    )
    ticks = tuple((place(first + span * part / 4), f"{span * part / 4:.1f} s") for part in range(5))
    return Picture(TOP + ROW * len(drawn) + 10, LEFT, RIGHT, ticks, marks, len(ordered) - len(drawn))


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
