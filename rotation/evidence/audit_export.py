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
from rotation.audit_record import decoded
from rotation.evidence.audit_earlier import Continuity, Earlier
from rotation.evidence.redaction import redact_certain

NOTHING = Earlier()


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
    audit_log: Path, wanted: Wanted, earlier: Earlier = NOTHING, writes: Writes | None = None
) -> dict[str, Any]:
    """Stream the JSONL, rotated parts first, and keep the records that belong, each once. Those of an `earlier` export
    stay as they are, whatever became of the log: those that it holds no more, or otherwise, have `in_log` false; `gone`
    and `altered` are their numbers.

    Kept: who, what, when, from where, allowed or not; never request or response data,
    which an audit device declared with `log_raw` holds in plain. A line that is no record is counted and located
    under `torn` ({file, line, offset, bytes}): a server that is killed tears its last line. `writes` sees every line.
    Raises InputError for a time that does not parse, Unreachable when the log cannot be read.
    """
    first, last = given(wanted.since), given(wanted.until) if wanted.until is not None else None
    found: dict[str, dict[str, Any]] = {}
    torn: list[dict[str, Any]] = []
    read: list[str] = []
    sealed = {_key(r): r for r in [{k: v for k, v in r.items() if k != "in_log"} for r in earlier.records]}
    held, going_on = frozenset(wanted.policies), Continuity(earlier.ends)
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
                    else:
                        going_on.see(raw, record[1]["time"])
                        if (key := _key(record[1])) in sealed or (
                            _within(record[0], first, last) and _belongs(record[1], wanted, held)
                        ):
                            found[key] = record[1]
                    offset += len(raw)
                    total += 1
    except OSError as error:
        raise Unreachable(f"audit log {Path(error.filename or audit_log).name}: {error.strerror}") from error
    altered = {key for key, record in sealed.items() if key in found and _stable(found[key]) != _stable(record)}
    gone = sealed.keys() - found.keys()
    kept = {key: {**record, "in_log": False} if key in gone | altered else record for key, record in sealed.items()}
    return {
        **asdict(wanted),
        "files": read,
        "lines": total,
        "torn_lines": len(torn),
        "torn": torn,
        "gone": len(gone),
        "altered": len(altered),
        "ends": going_on.ends(),
        "records": sorted({**found, **kept}.values(), key=lambda record: moment(record["time"])),
    }


def _belongs(record: dict[str, Any], wanted: Wanted, held: frozenset[str]) -> bool:
    return _matches(record["path"], wanted.path_prefixes) or not held.isdisjoint(record["policies"] or ())


def _stable(record: dict[str, Any]) -> str:
    """What redaction leaves as it is, or does the same to twice."""
    names = ("operation", "remote_address", "entity_id", "policies", "allowed")
    return json.dumps([*(record.get(name) for name in names), redact_certain(str(record.get("path")), ())])


def _key(record: dict[str, Any]) -> str:
    """A request and its answer have one id; without any, all that is known of it."""
    known = [record.get(name) for name in ("request_id", "type", "time")] if record.get("request_id") else record
    return json.dumps(known, sort_keys=True)


def _record(raw: bytes) -> tuple[datetime, dict[str, Any]] | None:
    try:
        data = decoded(raw)
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
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return (at, kept) if at.tzinfo else None


def _within(at: datetime, first: datetime, last: datetime | None) -> bool:
    return first <= at and (last is None or at <= last)


def _matches(path: str, prefixes: Sequence[str]) -> bool:
    return not prefixes or any(
        path == prefix or path.startswith(prefix if prefix[-1] in "/-" else f"{prefix}/") for prefix in prefixes
    )
