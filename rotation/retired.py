"""Did anything that was retired still work? From the server's audit log: a response without an error, after
containment, to a token that was issued before it. Values and accessors are hashed there; issue times, roles and
policies are not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from containment import names
from containment.scope import affected
from policies.model import CiRole, Workload
from rotation.work import NotProven, Work

VARIABLE = "PORTCULLIS_AUDIT_LOG"
_PATIENCE = 5.0
"""Seconds until our own request must be in the log."""


def quiet(work: Work) -> str:
    """Raises NotProven when something was used, and when the log cannot be read or is not this server's."""
    incident = work.incident()
    if work.audit_log is None:
        raise NotProven(f"{VARIABLE} is not set: nobody looked")
    if not incident.contained_at:
        raise NotProven("the incident is not contained yet")
    _prove_current(work, work.audit_log)
    impact = affected(work.estate, work.vault.incidents())
    identities: list[Workload | CiRole] = [*impact.workloads, *impact.ci_roles]
    own = {names.own_policy(i) for i in identities}
    seen, used = 0, []
    for entry in _responses(work.audit_log):
        at = _moment(entry["time"])
        if at < incident.contained_at:
            continue
        seen += 1
        auth = entry.get("auth") or {}
        issued, ours = auth.get("token_issue_time"), own & set(auth.get("policies") or ())
        if ours and issued and not entry.get("error") and _moment(issued) < incident.revoked_before:
            used.append(f"{auth.get('display_name')} at {entry['time']} on {entry['request']['path']}")
    if used:
        raise NotProven(f"{len(used)} uses of what was retired, the last by {used[-1]}")
    return f"{seen} answers since containment, none to a token that was out before it"


def _prove_current(work: Work, log: Path) -> None:
    """A request of ours must appear: a log of another server, or of yesterday, is always quiet."""
    wanted, end = work.vault.marker(), time.monotonic() + _PATIENCE
    while True:
        try:
            if any(e["request"].get("id") == wanted for e in _responses(log, tail=True)):
                return
        except OSError as error:
            raise NotProven(f"the audit log {log} cannot be read: {error.strerror}") from error
        if time.monotonic() > end:
            raise NotProven(f"{log} does not hold a request that was just made: it is not this server's current log")
        time.sleep(0.1)


def _responses(log: Path, tail: bool = False) -> Iterator[dict[str, Any]]:
    """Answers, oldest first; `tail`: of the last MiB only. A line that is no record (torn by a kill) is left out."""
    with log.open("rb") as file:
        if tail:
            file.seek(max(0, log.stat().st_size - 2**20))
        for line in file:
            if b'"type":"response"' not in line:
                continue
            try:
                entry = json.loads(line)
                entry["request"]["path"], _moment(entry["time"])
            except (ValueError, KeyError, TypeError):
                continue
            yield entry


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
