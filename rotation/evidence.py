"""The evidence of one incident: files written once, redacted, and sealed into a hash chain.

The chain shows any change made after sealing by somebody who cannot also rewrite the manifest. Against one who can,
compare `head` (what `seal` returns) with a copy kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets as random
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from policies.errors import Finding, InputError, Unreachable
from rotation.audit_export import export_audit
from rotation.redaction import redact, redact_argv, redact_certain

__all__ = ["Evidence", "Kind", "Problem", "export_audit", "incident_folder", "redact", "verify"]

INCIDENTS = Path(__file__).resolve().parents[1] / "reports" / "security" / "incidents"
MANIFEST = "manifest.json"
_GENESIS = "0" * 64
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"(?:commands/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEYS = {"path", "size", "sha256", "previous", "hash"}


class Kind(StrEnum):
    """What `verify` can find."""

    UNSEALED = "unsealed"
    CHAIN = "chain broken"
    EDITED = "edited"
    REMOVED = "removed"
    ADDED = "added"
    SYMLINK = "symbolic link"
    REFUSED = "path refused"


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    kind: Kind
    detail: str

    def to_json(self) -> dict[str, str]:
        return {k: str(v) for k, v in asdict(self).items()}


def incident_folder(incident: str, incidents: Path = INCIDENTS) -> Path:
    """Where an incident's evidence lives. Raises InputError for an id that could leave the folder."""
    if not _ID.fullmatch(incident):
        raise InputError(f"not an incident id: {incident!r}; letters, digits, '.', '_' and '-', at most 64")
    return incidents / incident


class Evidence:
    """Writes into one incident's folder, made with mode 0700. `secrets`: values that no file may contain.

    Raises InputError for a bad id or name and for a folder that is a symbolic link.
    """

    def __init__(self, folder: Path, secrets: Iterable[str] = ()) -> None:
        incident_folder(folder.name, folder.parent)
        self._folder = folder
        self._secrets = tuple(secrets)
        for part in (folder, folder / "commands"):
            if part.is_symlink():
                raise InputError(f"{part.name} is a symbolic link: evidence is not written through it")
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.chmod(0o700)

    def write_json(self, name: str, obj: object) -> Path:
        """Write `name` (`audit.json`), without the known secrets and whatever is unmistakably one."""
        if not name.endswith(".json") or name == MANIFEST or "/" in name:
            raise InputError(f"not a name for evidence: {name!r}")
        return self._write(name, _document(_redacted(obj, self._secrets)))

    def add_command(self, name: str, argv: Sequence[str], exit_code: int, output: str) -> Path:
        """Keep what a revocation or rotation was and said, redacted, as `commands/NNNN-name.json`."""
        number = sum(1 for _ in (self._folder / "commands").glob("[0-9]*.json")) + 1
        kept = {
            "name": name,
            "at": round(time.time(), 3),
            "argv": redact_argv(argv, self._secrets),
            "exit_code": exit_code,
            "output": redact(output, self._secrets),
        }
        return self._write(f"commands/{number:04}-{name}.json", _document(kept))

    def write_report(self, html: str) -> Path:
        return self._write("report.html", redact_certain(html, self._secrets).encode())

    def seal(self) -> str:
        """Append every new or changed file to the manifest and return the chain's head (SHA-256, hexadecimal).

        Earlier entries stay, so that a file written twice shows both digests. Raises Finding, and seals nothing, when
        the chain is broken, a sealed file is gone, or something is there that must not be.
        """
        entries: list[dict[str, Any]] = []
        if (self._folder / MANIFEST).exists() or (self._folder / MANIFEST).is_symlink():
            entries, broken = _manifest(self._folder)
            _refuse(broken)
        files, strange = _files(self._folder)
        sealed = {e["path"]: e["sha256"] for e in entries}
        _refuse([*strange, *(Problem(p, Kind.REMOVED, "sealed, now missing") for p in sealed if p not in files)])
        previous = entries[-1]["hash"] if entries else _GENESIS
        for path, (size, digest) in sorted(files.items()):
            if sealed.get(path) != digest:
                entry = {"path": path, "size": size, "sha256": digest, "previous": previous}
                previous = _hash(entry)
                entries.append({**entry, "hash": previous})
        manifest = {"format": 1, "incident": self._folder.name, "head": previous, "entries": entries}
        self._write(MANIFEST, _document(manifest))
        return str(previous)

    def _write(self, name: str, data: bytes) -> Path:
        if not _PATH.fullmatch(name):
            raise InputError(f"not a name for evidence: {name!r}")
        target = self._folder / name
        temporary = target.with_name(f".{target.name}.{random.token_hex(4)}")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise Unreachable(f"evidence {name}: {error.strerror}") from error
        return target


def verify(folder: Path, head: str | None = None) -> list[Problem]:
    """Everything that differs from what was sealed; empty when the evidence holds.

    `head`: the chain's head as kept elsewhere; it shows a manifest that was rewritten or cut as a whole.
    Raises InputError when there is no such folder.
    """
    if folder.is_symlink():
        return [Problem(folder.name, Kind.SYMLINK, "the incident's folder itself; not followed")]
    if not folder.is_dir():
        raise InputError(f"no evidence for incident {folder.name}")
    entries, problems = _manifest(folder)
    files, strange = _files(folder)
    problems += strange
    if head is not None and head != (entries[-1]["hash"] if entries else _GENESIS):
        problems.append(Problem(MANIFEST, Kind.CHAIN, "ends in another head than the one kept elsewhere"))
    latest = {e["path"]: e for e in entries}
    seen = {p.path for p in strange}
    for path, entry in latest.items():
        if path in files:
            if files[path] != (entry["size"], entry["sha256"]):
                problems.append(Problem(path, Kind.EDITED, "differs from its sealed digest"))
        elif path not in seen and _PATH.fullmatch(path):
            problems.append(Problem(path, Kind.REMOVED, "sealed, now missing"))
    problems += [Problem(p, Kind.ADDED, "not sealed") for p in sorted(files) if p not in latest]
    return problems


def _manifest(folder: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The entries that can be read, and what is wrong with the chain."""
    file = folder / MANIFEST
    if file.is_symlink():
        return [], [Problem(MANIFEST, Kind.SYMLINK, "not followed")]
    if not file.exists():
        return [], [Problem(MANIFEST, Kind.UNSEALED, "no manifest: this evidence was never sealed, or it was removed")]
    try:
        data = json.loads(_read(file))
        entries = data["entries"]
        if not all(set(e) == _KEYS and all(isinstance(e[k], str) for k in _KEYS - {"size"}) for e in entries):
            raise ValueError("an entry has other fields")
        head, incident = data["head"], data["incident"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [], [Problem(MANIFEST, Kind.CHAIN, f"unreadable ({type(error).__name__})")]
    problems: list[Problem] = []
    previous = _GENESIS
    for position, entry in enumerate(entries, 1):
        if not _PATH.fullmatch(entry["path"]) or entry["path"] == MANIFEST:
            problems.append(Problem(entry["path"], Kind.REFUSED, f"entry {position} points outside the evidence"))
        if entry["previous"] != previous:
            problems.append(Problem(entry["path"], Kind.CHAIN, f"entry {position} does not follow the one before it"))
        previous = _hash({k: v for k, v in entry.items() if k != "hash"})
        if entry["hash"] != previous:
            problems.append(Problem(entry["path"], Kind.CHAIN, f"entry {position} was changed"))
    if head != previous:
        problems.append(Problem(MANIFEST, Kind.CHAIN, "its head is not the last entry's hash: entries cut or added"))
    if incident != folder.name:
        problems.append(Problem(MANIFEST, Kind.CHAIN, f"belongs to another incident: {incident!r}"))
    return entries, problems


def _files(folder: Path) -> tuple[dict[str, tuple[int, str]], list[Problem]]:
    files: dict[str, tuple[int, str]] = {}
    problems: list[Problem] = []
    for path, file in _walk(folder, folder):
        mode = file.lstat().st_mode
        if path == MANIFEST:
            continue
        if stat.S_ISLNK(mode):
            problems.append(Problem(path, Kind.SYMLINK, "not followed"))
        elif not stat.S_ISREG(mode) or not _PATH.fullmatch(path):
            problems.append(Problem(path, Kind.REFUSED, "no regular file of a plain name"))
        else:
            data = _read(file)
            files[path] = (len(data), hashlib.sha256(data).hexdigest())
    return files, problems


def _walk(root: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.iterdir()):
        if file.is_dir() and not file.is_symlink():
            yield from _walk(root, file)
        else:
            yield file.relative_to(root).as_posix(), file


def _read(file: Path) -> bytes:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
        return source.read()


def _refuse(problems: list[Problem]) -> None:
    if problems:
        named = "; ".join(f"{p.path}: {p.kind}, {p.detail}" for p in problems)
        raise Finding(f"the evidence does not hold and is not sealed again: {named}")


def _hash(entry: dict[str, Any]) -> str:
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _document(obj: object) -> bytes:
    return (json.dumps(obj, indent=2, allow_nan=False) + "\n").encode()


def _redacted(obj: object, secrets: tuple[str, ...]) -> object:
    if isinstance(obj, str):
        return redact_certain(obj, secrets)
    if isinstance(obj, dict):
        return {redact_certain(str(k), secrets): _redacted(v, secrets) for k, v in obj.items()}
    if isinstance(obj, list | tuple):
        return [_redacted(v, secrets) for v in obj]
    return obj
