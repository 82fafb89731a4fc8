"""The chain's head on the server: out of reach of whoever can write the folder, one version a seal."""

from __future__ import annotations

from dataclasses import dataclass

from containment import names
from containment.ports import Vault


@dataclass(frozen=True, slots=True)
class Kept:
    """Oldest first. `gone`: versions that were deleted, destroyed or aged out; what they held cannot be compared."""

    heads: tuple[str, ...]
    gone: tuple[int, ...]


def keep(vault: Vault, incident_id: str, head: str) -> bool:
    """Whether anything was written: the newest head is not stored twice. The operator may add versions and take none
    away, so that an older head stays there for comparison. Raises Unreachable."""
    held = vault.read(names.evidence_head(incident_id))
    if held is not None and (held.get("data") or {}).get("head") == head:
        return False
    vault.write(names.evidence_head(incident_id), {"data": {"head": head}})
    return True


def kept(vault: Vault, incident_id: str) -> Kept:
    """Every head that the server has of this incident. Raises Unreachable."""
    path = names.evidence_head(incident_id)
    known = vault.read(path.replace("/data/", "/metadata/", 1))
    if known is None:
        return Kept((), ())
    versions: dict[str, dict[str, object]] = known.get("versions") or {}
    heads: list[str] = []
    gone = set(range(1, int(known["current_version"]) + 1)) - {int(v) for v in versions}
    for number, version in versions.items():
        data = None
        if not version.get("destroyed") and not version.get("deletion_time"):
            data = (vault.read(f"{path}?version={number}") or {}).get("data")
        if data is None:
            gone.add(int(number))
        else:
            heads.append(str(data["head"]))
    return Kept(tuple(heads), tuple(sorted(gone)))
