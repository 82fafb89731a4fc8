"""The audit log over a window: what it holds, and whether it is whole.

A file is JSONL as OpenBao's file audit device writes it, or gzip of it as log rotation leaves it. Several are read in
the order of their first records.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from policies.errors import InputError, Unreachable
from rotation.audit_record import decoded

SILENCE = 86400
"""Seconds without a record after which a file is taken to be missing: a server in use writes one every few minutes."""

_TIME = re.compile(rb'\{"time":"([^"]{20,40})"')


@dataclass
class Coverage:
    """`first` and `last` of all records read, epoch seconds; `silences`: pairs of such between which there is none for
    longer than SILENCE. `torn`: lines that are no record, as a kill leaves one."""

    files: tuple[str, ...]
    records: int = 0
    torn: int = 0
    first: float = 0.0
    last: float = 0.0
    silences: list[tuple[float, float]] = field(default_factory=list)

    def saw(self, at: float) -> None:
        if not self.records:
            self.first = self.last = at
        if at - self.last > SILENCE:
            self.silences.append((self.last, at))
        self.records, self.last = self.records + 1, max(self.last, at)

    def missing(self, since: float, until: float) -> tuple[str, ...]:
        """Why it does not cover the window; empty: it does."""
        if not self.records:
            return ("the audit log holds no record",)
        found = []
        if self.first > since:
            found.append(f"it begins {shown(self.first)}, after {shown(since)}: give the rotated files too (--audit)")
        if self.last < until:
            found.append(f"it ends {shown(self.last)}, before {shown(until)}")
        found += [
            f"it holds nothing from {shown(a)} to {shown(b)}: a rotated file may be missing"
            for a, b in self.silences
            if b > since and a < until
        ]
        return tuple(found)


def read(files: Sequence[Path], wanted: Sequence[bytes], coverage: Coverage) -> Iterator[tuple[float, dict[str, Any]]]:
    """Time and record of each line with one of `wanted` in it; every line is counted in `coverage`. Raises Unreachable
    when a file cannot be read, InputError when one holds no record at all."""
    for file in _in_order(files):
        for line in _lines(file):
            quick = _TIME.match(line) if line.endswith(b"}\n") else None
            if quick and not any(w in line for w in wanted):
                at = _epoch(quick[1].decode("ascii", "replace"))
                if at is not None:
                    coverage.saw(at)
                    continue
            record = _record(line)
            if record is None:
                coverage.torn += 1
                continue
            coverage.saw(record[0])
            yield record


def shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_order(files: Sequence[Path]) -> list[Path]:
    begun = {}
    for file in dict.fromkeys(f.resolve() for f in files):
        first = next((r[0] for r in map(_record, _lines(file)) if r), None)
        if first is None:
            raise InputError(f"{file} holds no record of an audit device")
        begun[file] = first
    return sorted(begun, key=lambda f: begun[f])


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            yield from opened
    except (OSError, EOFError) as error:
        raise Unreachable(f"audit log {file}: {getattr(error, 'strerror', None) or error}") from error


def _record(line: bytes) -> tuple[float, dict[str, Any]] | None:
    try:
        entry = decoded(line)
        at = _epoch(entry["time"])
        str(entry["request"]["path"]), entry["type"], (entry.get("auth") or {}).get("policies")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return None if at is None else (at, entry)


def _epoch(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
