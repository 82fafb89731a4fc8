"""The hash chain over an incident's folder: what was written, in which order, and whether it still is.

`manifest.json` has an entry for each file as it was when it was sealed; each names the hash of the one before it. The
chain shows any change made after sealing by somebody who cannot also rewrite the manifest. Against one who can, `heads`
that are kept elsewhere are compared: each must be a link of the chain, so that a chain may grow and never be replaced.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containment.folder import drafts
from containment.folder.contents import File, Kind, Problem, digested
from containment.folder.drafts import APPEND_ONLY
from containment.folder.files import PLAIN, held, read, refused, write
from policies.errors import Finding, InputError

MANIFEST = "manifest.json"
EVENTS = "events.jsonl"
_BETWEEN_SEALS = re.compile(r"(events|rotation)\.jsonl|commands/[0-9]{4,}-[a-z0-9-]+\.json")
"""Files that commands make between two seals: notes, rotation's journal, acts by hand."""
_GENESIS = "0" * 64
_KEYS = {"path", "size", "sha256", "previous", "hash"}


Sealed = Callable[[str | None, str], None]
"""Told the chain's head before and after a seal, while the folder is held."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What a command wrote and no seal covers yet: `lines` appended to a file, or those of a new one."""

    path: str
    lines: int


@contextmanager
def extended(
    folder: Path,
    sealed: Sealed = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
    *,
    others: bool = False,
) -> Iterator[tuple[Path, list[Problem]]]:
    """Hold the folder, let the caller write into its draft, append what it wrote to the chain and tell `sealed`.

    Yields the draft, which holds all that the folder does, and what was touched since it was sealed. What was put there
    by nobody that is known stays unsealed, or with `others` is sealed too and not told. Evidence touched otherwise is
    not sealed again: what the caller wrote is put there and Finding raised. Whatever the caller raises leaves the
    folder as it was. What commands write between two seals they write into the folder itself. What was sealed before
    and comes to differ while the caller writes, not by its hand, is touched as well. Raises Unreachable when the disk
    refuses, or somebody else holds the folder and goes on to, which `say` tells.
    """
    with held(folder, say):
        drafts.end(folder, MANIFEST)
        fresh = not _sealed(folder)
        beside = {Kind.ADDED: others or fresh, Kind.UNSEALED: fresh}
        touched = [p for p in verify(folder) if not beside.get(p.kind)]
        with drafts.begun(folder) as draft:
            yield draft.path, touched
            try:
                refuse([p for p in touched if p.kind is not Kind.ADDED])
                draft.follow()
                before, after = head(folder), _seal(draft.path, draft.written, others)
            except Finding:
                draft.move(MANIFEST)  # of which there is no new one
                raise
            draft.move(MANIFEST)
        sealed(before, after)


def seal(folder: Path) -> str:
    """Append every new or changed file to the manifest and return the chain's head (SHA-256, hexadecimal).

    Earlier entries stay, so that a file written twice shows both digests. Raises Finding, and seals nothing, when
    the chain is broken, a sealed file is gone, or something is there that must not be.
    """
    with held(folder):
        return _seal(folder, None, others=True)


def head(folder: Path) -> str | None:
    """The chain's head, None where nothing was sealed. Raises Finding for a broken chain."""
    if not _sealed(folder):
        return None
    entries, problems = _manifest(folder)
    refuse(problems)
    return str(entries[-1]["hash"]) if entries else _GENESIS


def links(folder: Path) -> frozenset[str]:
    """Every head that the chain has had; empty where nothing was sealed."""
    return frozenset({_GENESIS, *(str(e["hash"]) for e in _manifest(folder)[0])}) if _sealed(folder) else frozenset()


def as_sealed(folder: Path, path: str) -> bytes | None:
    """What a file holds, if it was sealed and is as it was then; None otherwise."""
    entry = {e["path"]: e for e in _manifest(folder)[0]}.get(path)
    if entry is None or path not in _files(folder)[0]:
        return None
    data = read(folder / path)
    return data if hashlib.sha256(data).hexdigest() == entry["sha256"] else None


def unsealed(folder: Path) -> list[Addition]:
    """What came after the last seal from commands that seal nothing themselves: a note, a step of a rotation, an act by
    hand. It may be anybody's until it is sealed; `verify` compares what was sealed before it. Raises InputError when
    there is no such folder."""
    entries, _ = _manifest(folder)
    latest = {e["path"]: e for e in entries}
    found = []
    for path, file in sorted(_files(folder)[0].items()):
        if path in latest and path.endswith(APPEND_ONLY) and file.size > latest[path]["size"]:
            found.append(Addition(path, len(read(folder / path)[latest[path]["size"] :].splitlines())))
        elif path not in latest and _BETWEEN_SEALS.fullmatch(path):
            found.append(Addition(path, len(read(folder / path).splitlines())))
    return found


def verify(folder: Path, heads: Iterable[str] = (), newest: str | None = None) -> list[Problem]:
    """Everything that differs from what was sealed; empty when the evidence holds up to the last seal.

    A file that no command writes between two seals is a finding until a person has it sealed: nothing tells a letter
    that a responder put there from what an intruder did.

    `heads`: what the chain's head was at earlier times, as kept elsewhere. One that is no link of the chain shows a
    manifest that was rewritten or cut as a whole. `newest` of them: nobody vouches for what was sealed after it.
    Raises InputError when there is no such folder, and no head of it either.
    """
    heads = tuple(heads)
    if folder.is_symlink():
        return [Problem(folder.name, Kind.SYMLINK, "the incident's folder itself; not followed")]
    if not folder.is_dir():
        if not heads:
            raise InputError(f"no evidence for incident {folder.name}")
        gone = (
            f"all of it, in {folder.parent}; {len(heads)} heads of it are kept elsewhere: verify it where it was "
            f"written, or restore it; if it is lost for good: portcullis evidence collect {folder.name} --evidence-lost"
        )
        return [Problem(folder.name, Kind.REMOVED, gone)]
    entries, problems = _manifest(folder)
    files, strange = _files(folder, entries)
    problems += strange
    links = {_GENESIS, *(e["hash"] for e in entries)}
    problems += [
        Problem(MANIFEST, Kind.CHAIN, f"head {kept[:12]}… that is kept elsewhere is no link of it: rewritten or cut")
        for kept in heads
        if kept not in links
    ]
    if newest and (paths := _since(entries, newest)):
        detail = (
            f"nobody vouches for what was sealed after the newest head kept elsewhere: {', '.join(paths)}. A run "
            "of yours that could not reach the server seals so, an intruder too: look at them, then "
            f"`portcullis evidence collect {folder.name}` vouches for them"
        )
        problems.append(Problem(MANIFEST, Kind.CHAIN, detail))
    latest = {e["path"]: e for e in entries}
    seen = {p.path for p in strange}
    for path, entry in latest.items():
        if path in files:
            problems += _compared(path, entry, files[path])
        elif path not in seen and PLAIN.fullmatch(path):
            problems.append(Problem(path, Kind.REMOVED, "sealed, now missing"))
    problems += [
        Problem(p, Kind.ADDED, f"sealed by nobody: put there; `portcullis evidence collect {folder.name}` seals it")
        for p in sorted(files)
        if p not in latest and not _BETWEEN_SEALS.fullmatch(p)
    ]
    return _beside_unfinished(folder, problems, files)


def sealed_since(folder: Path, newest: str) -> list[str]:
    """Paths of what was sealed after the head `newest`, for which nobody vouches; none where it is no link."""
    return _since(_manifest(folder)[0], newest)


def _since(entries: list[dict[str, Any]], newest: str) -> list[str]:
    links = [_GENESIS, *(e["hash"] for e in entries)]
    return sorted({e["path"] for e in entries[links.index(newest) :]}) if newest in links else []


def _beside_unfinished(folder: Path, problems: list[Problem], files: dict[str, File]) -> list[Problem]:
    """Without those that are what a seal, cut short while it was put in place, was about to make so."""
    draft = drafts.pending(folder, MANIFEST)
    if draft is None:
        return problems
    prepared = {e["path"]: (e["size"], e["sha256"]) for e in _manifest(draft)[0]}
    left = [
        p for p in problems if p.path not in files or (files[p.path].size, files[p.path].sha256) != prepared.get(p.path)
    ]
    detail = (
        f"a run was cut short while it put its seal in place: `portcullis evidence collect {folder.name}` ends that"
    )
    return [*left, Problem(MANIFEST, Kind.UNFINISHED, detail)]


def _compared(path: str, entry: dict[str, Any], file: File) -> list[Problem]:
    grown = path.endswith(APPEND_ONLY) and file.size > entry["size"]
    if entry["sha256"] == (file.beginning if grown else file.sha256):
        return []
    return [Problem(path, Kind.EDITED, "differs from its sealed digest")]


def _meanwhile(path: str) -> Problem:
    return Problem(path, Kind.EDITED, "differs from what was written a moment ago")


def _sealed(folder: Path) -> bool:
    return (folder / MANIFEST).exists() or (folder / MANIFEST).is_symlink()


def _seal(folder: Path, written: Mapping[str, str] | None, others: bool) -> str:
    """`written`: the digest of each file that the caller wrote, by path; None when any file may have been. `others`:
    files too that no command is known to have written."""
    entries: list[dict[str, Any]] = []
    if _sealed(folder):
        entries, broken = _manifest(folder)
        refuse(broken)
    files, strange = _files(folder, entries)
    sealed = {e["path"]: e for e in entries}
    strange = [p for p in strange if p.kind is not Kind.ADDED]
    refuse([*strange, *(Problem(p, Kind.REMOVED, "sealed, now missing") for p in sealed if p not in files)])
    for path, entry in sealed.items():
        if path.endswith(APPEND_ONLY) or (written is not None and path not in written):
            refuse(_compared(path, entry, files[path]))
    refuse([_meanwhile(p) for p, digest in (written or {}).items() if p in files and files[p].sha256 != digest])
    previous = entries[-1]["hash"] if entries else _GENESIS
    for path, file in sorted(files.items()):
        ours = others or path in sealed or path in (written or {}) or _BETWEEN_SEALS.fullmatch(path)
        if ours and (path not in sealed or sealed[path]["sha256"] != file.sha256):
            entry = {"path": path, "size": file.size, "sha256": file.sha256, "previous": previous}
            previous = _hash(entry)
            entries.append({**entry, "hash": previous})
    manifest = {"format": 1, "incident": folder.name, "head": previous, "entries": entries}
    write(folder, MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    return str(previous)


def _manifest(folder: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The entries that can be read, and what is wrong with the chain."""
    file = folder / MANIFEST
    if file.is_symlink():
        return [], [Problem(MANIFEST, Kind.SYMLINK, "not followed")]
    if not file.exists():
        return [], [Problem(MANIFEST, Kind.UNSEALED, "no manifest: this evidence was never sealed, or it was removed")]
    try:
        data = json.loads(read(file))
        entries = data["entries"]
        if not all(set(e) == _KEYS and all(isinstance(e[k], str) for k in _KEYS - {"size"}) for e in entries):
            raise ValueError("an entry has other fields")
        if not all(type(e["size"]) is int for e in entries):
            raise ValueError("a size is no number")
        stated, incident = data["head"], data["incident"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [], [Problem(MANIFEST, Kind.CHAIN, f"unreadable ({type(error).__name__})")]
    problems: list[Problem] = []
    previous = _GENESIS
    for position, entry in enumerate(entries, 1):
        if not PLAIN.fullmatch(entry["path"]) or entry["path"] == MANIFEST:
            problems.append(Problem(entry["path"], Kind.REFUSED, f"entry {position} points outside the evidence"))
        if entry["previous"] != previous:
            problems.append(Problem(entry["path"], Kind.CHAIN, f"entry {position} does not follow the one before it"))
        previous = _hash({k: v for k, v in entry.items() if k != "hash"})
        if entry["hash"] != previous:
            problems.append(Problem(entry["path"], Kind.CHAIN, f"entry {position} was changed"))
    if stated != previous:
        problems.append(Problem(MANIFEST, Kind.CHAIN, "its head is not the last entry's hash: entries cut or added"))
    if incident != folder.name:
        problems.append(Problem(MANIFEST, Kind.CHAIN, f"belongs to another incident: {incident!r}"))
    return entries, problems


def _files(folder: Path, entries: Iterable[dict[str, Any]] = ()) -> tuple[dict[str, File], list[Problem]]:
    """`entries`: as far as each was sealed. Raises Unreachable."""
    try:
        return digested(folder, MANIFEST, {e["path"]: e["size"] for e in entries})
    except OSError as error:
        raise refused(f"evidence of {folder.name}", error) from error


def refuse(problems: list[Problem]) -> None:
    """Raises Finding, naming each, when there are any."""
    if problems:
        named = "; ".join(f"{p.path}: {p.kind}, {p.detail}" for p in problems)
        raise Finding(f"the evidence does not hold and is not sealed again: {named}")


def _hash(entry: dict[str, Any]) -> str:
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
