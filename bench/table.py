"""The figures as Markdown: seconds, and beside them how often the fastest way there is."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure import Size

_HEAD = (
    "N",
    "deny: ours",
    "contain",
    "plain",
    "ours/plain",
    "bare ms",
    "whole: ours",
    "again",
    "contain",
    "plain",
    "ours/plain",
    "bare",
    "ours/bare",
    "gate KB",
    "ms open",
    "ms locked",
)


def table(sizes: Sequence[Size]) -> str:
    rows = [_HEAD, tuple("---:" for _ in _HEAD), *(_row(size) for size in sizes)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    first, last = sizes[0].ours.to_deny, sizes[-1].ours.to_deny
    if len(sizes) > 1 and first and last:
        lines += ["", f"Time to deny, N={sizes[-1].declarations} over N={sizes[0].declarations}: {last / first:.2f}"]
    return "\n".join(lines)


def _row(size: Size) -> tuple[str, ...]:
    return (
        str(size.declarations),
        _seconds(size.ours.to_deny),
        _seconds(size.direct.to_deny),
        _seconds(size.rival.to_deny),
        _ratio(size.ours.to_deny, size.rival.to_deny),
        _seconds(size.bare.to_deny and size.bare.to_deny * 1000),
        _seconds(size.ours.whole),
        _seconds(size.again.whole),
        _seconds(size.direct.whole),
        _seconds(size.rival.whole),
        _ratio(size.ours.whole, size.rival.whole),
        _seconds(size.bare.whole),
        _ratio(size.ours.whole, size.bare.whole),
        f"{size.gate_bytes / 1000:.1f}",
        f"{size.latency_open:.2f}",
        f"{size.latency_locked:.2f}",
    )


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _ratio(ours: float | None, other: float | None) -> str:
    return "-" if ours is None or other is None else f"{ours / other:.2f}"
