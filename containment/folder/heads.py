"""The chain's head on the server: out of reach of whoever can write the folder, one version a seal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from containment import names
from containment.folder.chain import Sealed, links
from policies.errors import Finding, PortcullisError


class Store(Protocol):
    def read(self, path: str) -> dict[str, Any] | None: ...
    def write(self, path: str, data: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Oldest first. `gone`: versions that were deleted, destroyed or aged out; what they held cannot be compared.
    `lost`: heads of evidence that a person has declared lost, before the chain was begun anew."""

    heads: tuple[str, ...]
    gone: tuple[int, ...]
    lost: tuple[str, ...] = ()


def keep(vault: Store, incident_id: str, head: str) -> bool:
    """Whether anything was written: the newest head is not stored twice. The operator may add versions and take none
    away, so that an older head stays there for comparison. Raises Unreachable."""
    if newest(vault, incident_id) == head:
        return False
    vault.write(names.evidence_head(incident_id), {"data": {"head": head}})
    return True


def missing(vault: Store, incident_id: str, folder: Path) -> tuple[str, ...]:
    """Heads on the server that are no link of the folder's chain: it is another one, or cut. Raises Unreachable."""
    known = links(folder)
    return tuple(head for head in kept(vault, incident_id).heads if head not in known)


def require(vault: Store, incident_id: str, folder: Path) -> None:
    """Before a head is put beside those on the server, which nobody can take away again. Raises Finding when the folder
    is not the one that they are of, Unreachable."""
    absent = missing(vault, incident_id, folder)
    if absent:
        raise Finding(
            f"the server keeps head {absent[-1][:12]}… of the evidence of {incident_id}, and {folder} does not contain "
            "it. Nothing was sealed or kept on the server. Restore the folder from a backup; where it is lost for "
            f"good: portcullis evidence collect {incident_id} --evidence-lost"
        )


def begin_anew(vault: Store, incident_id: str, head: str, lost: tuple[str, ...]) -> None:
    """Keep the head of a new chain, and that those before it are of evidence that is lost. Raises Unreachable."""
    vault.write(names.evidence_head(incident_id), {"data": {"head": head, "lost": list(lost)}})


def follow(vault: Store, incident_id: str, before: str | None, after: str) -> None:
    """Keep the head `after` a command's seal, where the newest on the server is the head `before` it.

    A command does not vouch for what was sealed in between: raises Finding; `collect` is a person's to run. Raises
    Unreachable.
    """
    held = newest(vault, incident_id)
    if held is not None and before is None:
        raise Finding("this folder does not contain what was sealed before: restore it")
    if held not in (None, before, after):
        raise Finding(f"more was sealed since the newest head there; see `portcullis evidence verify {incident_id}`")
    keep(vault, incident_id, after)


def follower(vault: Store, incident_id: str, say: Callable[[str], None]) -> Sealed:
    """For `chain.extended`: a head that is not kept is said, and stops neither a lock-down nor a rotation."""

    def sealed(before: str | None, after: str) -> None:
        try:
            follow(vault, incident_id, before, after)
        except PortcullisError as error:
            say(f"incident {incident_id}: the head of the evidence is not kept on the server: {error}")

    return sealed


def newest(vault: Store, incident_id: str) -> str | None:
    """The last head that the server keeps. Raises Unreachable."""
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
    lost: list[str] = []
    gone = set(range(1, int(known["current_version"]) + 1)) - {int(v) for v in versions}
    for number, version in sorted(versions.items(), key=lambda v: int(v[0])):  # JSON has them as text, 10 before 9
        data = None
        if not version.get("destroyed") and not version.get("deletion_time"):
            data = (vault.read(f"{path}?version={number}") or {}).get("data")
        if data is None:
            gone.add(int(number))
        else:
            if data.get("lost"):
                lost, heads = lost + heads, []
            heads.append(str(data["head"]))
    return Kept(tuple(heads), tuple(sorted(gone)), tuple(lost))
