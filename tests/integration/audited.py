"""What the server's own audit log says was written: the judge of what a command says that it left alone."""

from __future__ import annotations

import json
from pathlib import Path

_READS = ("auth/token/lookup", "identity/lookup/", "sys/capabilities", "sys/leases/lookup")
"""Asked by an update, and nothing is written by it."""


def written(log: Path, since: int) -> set[str]:
    """Paths of every request that writes, from byte `since` of the log on."""
    with log.open("rb") as audit:
        audit.seek(since)
        requests = [json.loads(line)["request"] for line in audit]
    return {r["path"] for r in requests if r["operation"] not in ("read", "list") and not r["path"].startswith(_READS)}
