"""What a rotation did, step by step: one JSON object a line, references and digests only. Appended and fsynced, so that
after a kill it says where the work stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from containment.folder import files, record
from rotation.work import Result

_RECOVERY = {"try-new", "open", "enable", "deliver", "recovery", "read-back", "copy", "clean-up"}

JOURNAL = "rotation.jsonl"

Progress = Callable[[str], None]


class Journal:
    """Of one incident, in its folder. Both words raise Unreachable when the disk does not take them."""

    def __init__(self, incident_id: str, progress: Progress) -> None:
        self._incident_id, self._progress = incident_id, progress
        self.file: Path = record.folder(incident_id) / JOURNAL

    def started(self, item: str, step: str) -> None:
        self._append({"item": item, "step": step, "outcome": "started", "detail": ""})

    def ended(self, item: str, result: Result) -> None:
        self._append({"item": item, **result.to_json()})
        self._progress(f"{result.outcome}: {item} {result.step}: {result.detail}")
        record.note(
            self._incident_id,
            phase="recovery" if result.step in _RECOVERY else "eradication",
            what=result.step,
            target=item,
            outcome=result.outcome.value,
            detail=result.detail,
        )

    def _append(self, entry: dict[str, str]) -> None:
        try:
            files.append(self.file, [{"at": round(time.time(), 3), **entry}])
        except OSError as error:
            raise files.refused(f"record of incident {self._incident_id}: {JOURNAL}", error) from error
