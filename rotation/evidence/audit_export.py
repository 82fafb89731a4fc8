"""The part of OpenBao's file audit log that belongs to an incident."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from policies.errors import Unreachable
from rotation.audit_log import given


def export_audit(
    audit_log: Path, since: str, until: str | None, path_prefixes: list[str], policies: Sequence[str] = ()
) -> dict[str, Any]:
    """Stream the JSONL and keep the records of requests on the given paths, or by a token with one of the policies,
    between the times (RFC 3339, inclusive).

    A prefix matches whole path segments, or any beginning where it ends in `/` or `-`; no prefix means every path.
    Kept: who, what, when, from where, allowed or not; never request or response data,
    which an audit device declared with `log_raw` holds in plain. A line that is no record is counted and located
    under `torn` ({line, offset, bytes}): a server that is killed tears its last line.
    Raises InputError for a time that does not parse, Unreachable when the log cannot be read.
    """
    first, last = given(since), given(until) if until is not None else None
    records: list[dict[str, Any]] = []
    torn: list[dict[str, int]] = []
    held = frozenset(policies)
    lines = offset = 0
    try:
        with audit_log.open("rb") as log:
            for lines, raw in enumerate(log, 1):
                record = _record(raw)
                if record is None:
                    torn.append({"line": lines, "offset": offset, "bytes": len(raw)})
                elif _within(record[0], first, last) and (
                    _matches(record[1]["path"], path_prefixes) or not held.isdisjoint(record[1]["policies"] or ())
                ):
                    records.append(record[1])
                offset += len(raw)
    except OSError as error:
        raise Unreachable(f"audit log {audit_log.name}: {error.strerror}") from error
    return {
        "since": since,
        "until": until,
        "path_prefixes": path_prefixes,
        "policies": list(policies),
        "lines": lines,
        "torn_lines": len(torn),
        "torn": torn,
        "records": records,
    }


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


def _matches(path: str, prefixes: list[str]) -> bool:
    return not prefixes or any(
        path == prefix or path.startswith(prefix if prefix[-1] in "/-" else f"{prefix}/") for prefix in prefixes
    )
