"""Who wrote a version of a KV secret: the server keeps none beside it, its audit log does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from containment import names
from rotation import audit_log
from rotation.audit_log import moment


@dataclass(frozen=True, slots=True)
class Writer:
    """`issued`: when its token was, "" when the log does not say. `gated`: whether the gate binds it."""

    who: str
    address: str
    issued: str
    gated: bool

    def __str__(self) -> str:
        who = json.dumps(self.who)[1:-1]  # whoever made the token may have chosen it
        return f"by {who} from {self.address} with a token issued {self.issued or 'nobody knows when'}"

    def since(self, cut: int) -> bool:
        """Whether its token is from after `cut`, epoch seconds; 0 has not been yet."""
        return bool(cut and self.issued) and moment(self.issued) >= cut


def find(log: Path, path: str, version: int) -> Writer | None:
    """Of the last write of this version; None when the log does not hold it. Raises OSError."""
    found = None
    for line in audit_log.lines(log):
        entry = audit_log.response(line) if path.encode() in line else None
        if entry is None or entry.get("error") or entry["request"]["path"] != path:
            continue
        data = (entry.get("response") or {}).get("data") or {}
        if entry["request"].get("operation") in ("create", "update", "patch") and data.get("version") == version:
            found = entry
    if found is None:
        return None
    auth = found.get("auth") or {}
    return Writer(
        who=str(auth.get("display_name") or ""),
        address=str(found["request"].get("remote_address") or ""),
        issued=str(auth.get("token_issue_time") or ""),
        gated=names.GATE in (auth.get("policies") or ()),
    )
