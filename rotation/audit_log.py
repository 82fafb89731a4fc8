"""The file that the server's audit device writes, with what was rotated out of it, and what is known to lack there.

The server numbers each write of an incident's record, and the log has the number in plain: a number that is not there
was cut out. What was cut out between two such writes, or put in, is not seen here; a copy that is shipped elsewhere
shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from containment import names
from policies.errors import InputError, Unreachable
from rotation.audit_record import decoded


class Store(Protocol):
    def read(self, path: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the time since `since` (epoch seconds). `begins`: time of the oldest record, "" without any. `lacking`:
    numbers of the record's writes that the log does not hold. `complete_since`: from when on it holds each, None: not
    even the newest."""

    since: float
    begins: str
    lacking: tuple[int, ...]
    complete_since: str | None
    around: tuple[str, str]
    """Times of the writes before and after those that lack, "" where the log has none."""

    def words(self, log: Path, event: str) -> str:
        """What lacks and what to do; "" when nothing does. `event`: what happened at `since`."""
        if not self.lacking:
            return ""
        what = f"{len(self.lacking)} writes of the incident's record ({_ranges(self.lacking)})"
        before, after = self.around
        if before:
            return (
                f"{log.name} does not hold {what}, after {before}{f' and before {after}' if after else ''}: something "
                f"was cut out. Restore it, or put the rotated file beside it as {log.name}.1, in plain text"
            )
        return (
            f"the log begins at {self.begins or 'nothing'}, {event} was at {rfc3339(self.since)}; {what} are not in "
            f"it. Put the rotated file beside it as {log.name}.1, in plain text, or restore it"
        )


def parts(log: Path) -> list[Path]:
    """The log and what a rotation left beside it as `.1`, `.2` and so on, oldest first; none that is compressed."""
    beside = [p for p in log.parent.glob(f"{log.name}.*") if p.name[len(log.name) + 1 :].isdecimal()]
    return [*sorted(beside, key=lambda p: -int(p.name.rpartition(".")[2])), log]


def current_write(vault: Store, incident_id: str) -> int:
    """The number of the newest write of the incident's record. Raises Unreachable."""
    held = vault.read(_record(incident_id))
    if held is None:
        raise Unreachable(f"vault: incident {incident_id} is not on record")
    return int(held["metadata"]["version"])


class Writes:
    """Those of an incident's record that the log holds, found while its lines go by."""

    def __init__(self, incident_id: str, known: Mapping[int, str] | None = None) -> None:
        """`known`: what an earlier look found, by number, with the time of each."""
        self._path = _record(incident_id)
        self._begins = ""
        self._times = dict(known or {})

    @property
    def times(self) -> dict[int, str]:
        """By number, oldest first."""
        return dict(sorted(self._times.items()))

    def see(self, line: bytes) -> None:
        if not self._begins:
            self._begins = _time(line)
        entry = response(line) if self._path.encode() in line else None
        if entry is None:
            return
        request, data = entry["request"], (entry.get("response") or {}).get("data") or {}
        written = request["path"] == self._path and request.get("operation") in ("create", "update")
        if written and isinstance(data.get("version"), int):
            self._times[data["version"]] = str(entry["time"])

    def coverage(self, newest: int, since: float) -> Coverage:
        """Needed are the writes from the last one at or before `since` to `newest`; from the first, when the log does
        not reach back that far."""
        times = self._times
        base = max((n for n, at in times.items() if moment(at) <= since), default=1)
        lacking = tuple(n for n in range(base, newest + 1) if n not in times)
        if not lacking:
            return Coverage(since, self._begins, (), rfc3339(since), ("", ""))
        before = max((n for n in times if n < lacking[0]), default=0)
        after = min((n for n in times if n > lacking[-1]), default=0)
        around = (times.get(before, ""), times.get(after, ""))
        return Coverage(since, self._begins, lacking, times.get(after), around)


def lines(log: Path) -> Iterator[bytes]:
    """Of all parts, oldest first, opened at once. Raises OSError."""
    with opened(log) as files:
        for file in files:
            yield from file


@contextmanager
def opened(log: Path) -> Iterator[list[IO[bytes]]]:
    """All parts, oldest first, before anything more can be rotated. Raises OSError."""
    with ExitStack() as stack:
        yield [stack.enter_context(part.open("rb")) for part in parts(log)]


def response(line: bytes) -> dict[str, Any] | None:
    """None for a request, and for a line that is no record (torn by a kill)."""
    if b'"type":"response"' not in line:
        return None
    try:
        entry = decoded(line)
        entry["request"]["path"], moment(entry["time"])
    except (ValueError, KeyError, TypeError):
        return None
    return entry


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def given(text: str) -> datetime:
    """A time that a person named. Raises InputError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"not a time as in 2026-01-31T12:00:00Z: {text!r}") from error
    if at.tzinfo is None:
        raise InputError(f"a time without its zone: {text!r}; write it as in 2026-01-31T12:00:00Z")
    return at


def rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _record(incident_id: str) -> str:
    return f"{names.STORE}/data/incidents/{incident_id}"


def _time(line: bytes) -> str:
    try:
        text = str(decoded(line)["time"])
        moment(text)
    except (ValueError, KeyError, TypeError):
        return ""
    return text


def _ranges(numbers: tuple[int, ...]) -> str:
    """`1-3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)
