"""The chain's head on the server: out of reach of whoever can write the folder, one version a seal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from containment import names
from containment.chain import Sealed
from policies.errors import Finding, PortcullisError


class Store(Protocol):
    def read(self, path: str) -> dict[str, Any] | None: ...
    def write(self, path: str, data: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Oldest first. `gone`: versions that were deleted, destroyed or aged out; what they held cannot be compared."""

    heads: tuple[str, ...]
    gone: tuple[int, ...]


def keep(vault: Store, incident_id: str, head: str) -> bool:
    """Whether anything was written: the newest head is not stored twice. The operator may add versions and take none
    away, so that an older head stays there for comparison. Raises Unreachable."""
    if _newest(vault, incident_id) == head:
        return False
    vault.write(names.evidence_head(incident_id), {"data": {"head": head}})
    return True


def follow(vault: Store, incident_id: str, before: str | None, after: str) -> None:
    """Keep the head `after` a command's seal, where the newest on the server is the head `before` it.

    A command does not vouch for what was sealed in between: raises Finding; `collect` is a person's to run. Raises
    Unreachable.
    """
    held = _newest(vault, incident_id)
    if held not in (None, before, after):
        raise Finding("more was sealed since the newest head there; see `portcullis evidence verify`")
    keep(vault, incident_id, after)


def follower(vault: Store, incident_id: str, say: Callable[[str], None]) -> Sealed:
    """For `chain.extended`: a head that is not kept is said, and stops neither a lock-down nor a rotation."""

    def sealed(before: str | None, after: str) -> None:
        try:
            follow(vault, incident_id, before, after)
        except PortcullisError as error:
            say(f"the head of the evidence is not kept on the server: {error}")

    return sealed


def _newest(vault: Store, incident_id: str) -> str | None:
    held = vault.read(names.evidence_head(incident_id))
    found = ((held or {}).get("data") or {}).get("head")
    return None if found is None else str(found)


def kept(vault: Store, incident_id: str) -> Kept:
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
