"""What an earlier collection saw of the audit log, and whether the log still goes on from there. A record has no
number: a log that does not hold the line that was its last one may have lost any of them since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rotation.audit_log import moment


@dataclass(frozen=True, slots=True)
class End:
    """The last line of the log at a collection. `before`: where the log began, when it was first missed; "" while it
    is not. Times as in the log."""

    sha256: str
    time: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """`writes` of the incident's record, by number. `ends` that a later look must still find."""

    records: tuple[dict[str, Any], ...] = ()
    writes: Mapping[int, str] | None = None
    ends: tuple[End, ...] = ()

    @classmethod
    def of(cls, sealed: Any) -> Earlier:
        """From a sealed audit.json. Raises ValueError, KeyError, TypeError, AttributeError for what is none."""
        records = tuple(dict(record) for record in sealed.get("records", ()))
        writes = {int(number): str(at) for number, at in sealed.get("writes", {}).items()}
        ends = tuple(End(**end) for end in sealed.get("ends", ()))
        for at in (*(record["time"] for record in records), *writes.values(), *(end.time for end in ends)):
            moment(at)
        return cls(records, writes, ends)


class Continuity:
    """Told each whole line of the log, says which ends it lacks."""

    def __init__(self, ends: Sequence[End]) -> None:
        self._wanted = {end.sha256: end for end in ends}
        self._begins, self._last = "", b""
        self._time = ""

    def see(self, line: bytes, time: str) -> None:
        self._begins = self._begins or time
        self._last, self._time = line, time
        if self._wanted:
            self._wanted.pop(hashlib.sha256(line).hexdigest(), None)

    @property
    def missed(self) -> tuple[End, ...]:
        return tuple(replace(end, before=end.before or self._begins) for end in self._wanted.values())

    def ends(self) -> list[dict[str, str]]:
        """To be sealed: those that are missed, and the log's own."""
        own = [End(hashlib.sha256(self._last).hexdigest(), self._time)] if self._last else []
        return [asdict(end) for end in (*self.missed, *own)]


def words(missed: Sequence[End], log: str) -> str:
    """What may lack, and what to do; "" when nothing does."""
    if not missed:
        return ""
    gaps = "; ".join(f"after {end.time} and before {end.before or 'now'}" for end in missed)
    return (
        f"{log} was rotated or cut: it does not hold the line that was its last one at a collection, so what came "
        f"{gaps} is not known. Put the rotated file beside it as {log}.1, in plain text, and collect again"
    )
