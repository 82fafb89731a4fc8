"""The part of OpenBao's file audit log that belongs to an incident, and stays its evidence when the log is rotated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from policies.errors import Unreachable
from rotation.audit_log import Writes, given, moment, opened


@dataclass(frozen=True, slots=True)
class Wanted:
    """What belongs: requests on the given paths, or by a token with one of the policies, between the times (RFC 3339,
    inclusive). A prefix matches whole path segments, or any beginning where it ends in `/` or `-`; no prefix means
    every path."""

    since: str
    until: str | None
    path_prefixes: Sequence[str]
    policies: Sequence[str] = ()


def export_audit(
    audit_log: Path, wanted: Wanted, earlier: Sequence[dict[str, Any]] = (), writes: Writes | None = None
) -> dict[str, Any]:
    """Stream the JSONL, rotated parts first, and keep the records that belong. Those of an `earlier` export stay,
    whatever became of the log: those that it does not hold any more have `in_log` false, `gone` is their number.

    Kept: who, what, when, from where, allowed or not; never request or response data,
    which an audit device declared with `log_raw` holds in plain. A line that is no record is counted and located
    under `torn` ({file, line, offset, bytes}): a server that is killed tears its last line. `writes` sees every line.
    Raises InputError for a time that does not parse, Unreachable when the log cannot be read.
    """
    first, last = given(wanted.since), given(wanted.until) if wanted.until is not None else None
    records: list[dict[str, Any]] = []
    torn: list[dict[str, Any]] = []
    read: list[str] = []
    gone = {_key(record): record for record in [{k: v for k, v in r.items() if k != "in_log"} for r in earlier]}
    held = frozenset(wanted.policies)
    total = 0
    try:
        with opened(audit_log) as files:
            for log in files:
                name, offset = Path(log.name).name, 0
                read.append(name)
                for line, raw in enumerate(log, 1):
                    if writes:
                        writes.see(raw)
                    record = _record(raw)
                    if record is None:
                        torn.append({"file": name, "line": line, "offset": offset, "bytes": len(raw)})
                    elif gone.pop(_key(record[1]), None) or (
                        _within(record[0], first, last)
                        and (
                            _matches(record[1]["path"], wanted.path_prefixes)
                            or not held.isdisjoint(record[1]["policies"] or ())
                        )
                    ):
                        records.append(record[1])
                    offset += len(raw)
                    total += 1
    except OSError as error:
        raise Unreachable(f"audit log {Path(error.filename or audit_log).name}: {error.strerror}") from error
    return {
        **asdict(wanted),
        "files": read,
        "lines": total,
        "torn_lines": len(torn),
        "torn": torn,
        "gone": len(gone),
        "records": sorted(
            [*({**r, "in_log": False} for r in gone.values()), *records], key=lambda r: moment(r["time"])
        ),
    }


def _key(record: dict[str, Any]) -> str:
    """A request and its answer have one id; without any, all that is known of it."""
    known = {name: record.get(name) for name in ("request_id", "type")} if record.get("request_id") else record
    return json.dumps(known, sort_keys=True)


def _record(raw: bytes) -> tuple[datetime, dict[str, Any]] | None:
    try:
        data = json.loads(raw)
        at = datetime.fromisoformat(data["time"])
        request, auth = data["request"], data.get("auth") or {}
        kept = {
            "time": data["time"],
            "type": str(data["type"]),
            "request_id": request.get("id"),
            "operation": request.get("operation"),
            "path": str(request["path"]),
            "remote_address": request.get("remote_address"),
            "display_name": auth.get("display_name"),
            "entity_id": auth.get("entity_id"),
            "accessor": auth.get("accessor"),
            "policies": auth.get("policies"),
            "allowed": (auth.get("policy_results") or {}).get("allowed"),
            "error": data.get("error"),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return (at, kept) if at.tzinfo else None


def _within(at: datetime, first: datetime, last: datetime | None) -> bool:
    return first <= at and (last is None or at <= last)


def _matches(path: str, prefixes: Sequence[str]) -> bool:
    return not prefixes or any(
        path == prefix or path.startswith(prefix if prefix[-1] in "/-" else f"{prefix}/") for prefix in prefixes
    )
