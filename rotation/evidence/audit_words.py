"""What the report says of the audit records: how many, and from when on they are all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotation.evidence.reading import object_, rows

_WHOLE = "the log goes on from one collection to the next and has every write of the incident's record."


@dataclass(frozen=True, slots=True)
class Audit:
    whole: bool
    says: str


def audit(folder: Path) -> Audit:
    """Raises InputError for an audit.json of another shape."""
    data = object_(folder, "audit.json")
    if data is None:
        return Audit(whole=False, says="No audit record was collected.")
    records = f"audit.json holds {len(rows(data, 'records', 'audit.json'))} records"
    if gone := data.get("gone"):
        records += f", {gone} of which the log does not hold any more"
    if not data.get("judged"):
        return Audit(whole=False, says=f"{records}. Whether they are all there are was not judged.")
    if altered := data.get("altered"):
        records += f"; the log holds {altered} of them otherwise than they were sealed"
    if not data.get("lacking") and not data.get("gaps"):
        return Audit(
            whole=True,
            says=f"{records}; {_WHOLE}",
        )
    since = data.get("complete_since")
    so_far = f"Complete since {since} only" if since else "Nothing says that they are all there are"
    return Audit(whole=False, says=f"{records}. {so_far}: the log was rotated away or cut before.")
