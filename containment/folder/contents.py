"""What is in an incident's folder: each file that may be evidence by its digest, and what may be none, by name.

Whoever can write the folder can put anything there. It is walked without recursion, no deeper than anybody of ours
writes, and no file is read that is larger than evidence gets.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

from containment.folder.files import PLAIN, opened

COMMANDS = "commands"
"""The one folder in it."""
_DEEP, _MANY = 4, 100_000
_LARGEST, _ALL = 1 << 30, 4 << 30
"""Bytes of one file, and of all together."""
_PIECE = 1 << 20


class Kind(StrEnum):
    """What can be wrong with evidence."""

    UNSEALED = "unsealed"
    UNFINISHED = "unfinished"
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


@dataclass(frozen=True, slots=True)
class File:
    """`beginning`: the digest of as many bytes as were asked for, read in one go with the whole."""

    size: int
    sha256: str
    beginning: str


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Every file below, in order, and each folder in which nothing is looked for: it is empty, too deep, too full, or
    cannot be read. Raises OSError where that is the root."""
    left, seen = _inside(root), 0
    while left:
        file = left.pop()
        path = file.relative_to(root)
        inside: list[Path] = []
        seen += 1
        with suppress(OSError):  # whoever looks at it next meets that, and names it
            if file.is_dir() and not file.is_symlink() and len(path.parts) < _DEEP and seen < _MANY:
                inside = _inside(file)
        if inside:
            left += inside
        else:
            yield path.as_posix(), file


def _inside(folder: Path) -> list[Path]:
    """Last first. Raises OSError, for more than anybody of ours writes too."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, _MANY + 1)]
    if len(names) > _MANY:
        raise OSError(errno.E2BIG, f"more than {_MANY} files", str(folder))
    return [folder / name for name in sorted(names, reverse=True)]


def unfit(path: str, file: Path) -> Problem | None:
    """Why this can be no evidence, without reading it. Raises OSError."""
    seen = file.lstat()
    if stat.S_ISLNK(seen.st_mode):
        return Problem(path, Kind.SYMLINK, "not followed")
    if stat.S_ISDIR(seen.st_mode):
        return _folder(path, file)
    if not stat.S_ISREG(seen.st_mode) or not PLAIN.fullmatch(path):
        return Problem(path, Kind.REFUSED, "no regular file of a plain name")
    if seen.st_size > _LARGEST:
        return Problem(path, Kind.REFUSED, f"{seen.st_size} bytes, more than 1 GiB: not read; move it away")
    return None


def _folder(path: str, folder: Path) -> Problem | None:
    try:
        with os.scandir(folder) as entries:
            empty = next(entries, None) is None
    except OSError as error:
        return Problem(path, Kind.REFUSED, f"a folder that cannot be read: {error.strerror}")
    if not empty:
        detail = f"a folder that is not looked into, deeper than {_DEEP} or with more than {_MANY} files: move it away"
        return Problem(path, Kind.REFUSED, detail)
    if path == COMMANDS:
        return None
    return Problem(path, Kind.ADDED, "an empty folder, which no seal covers: remove it")


def digested(folder: Path, but: str, beginnings: Mapping[str, int] = {}) -> tuple[dict[str, File], list[Problem]]:
    """Every file of the evidence `but` one, and what is none. `beginnings`: of which files how many bytes are digested
    apart. Raises OSError where the folder itself cannot be read."""
    files: dict[str, File] = {}
    problems: list[Problem] = []
    total = 0
    for path, file in walk(folder):
        if path == but:
            continue
        try:
            problem = unfit(path, file)
            if problem is None and not file.is_dir():
                total += file.lstat().st_size
                if total > _ALL:
                    problem = Problem(path, Kind.REFUSED, "all together are more than 4 GiB: not read; move some away")
                else:
                    files[path] = _digest(file, beginnings.get(path, 0))
        except OSError as error:
            problem = Problem(path, Kind.REFUSED, f"cannot be read: {error.strerror}")
        if problem is not None:
            problems.append(problem)
    return files, problems


def _digest(file: Path, beginning: int) -> File:
    """Raises OSError."""
    size, whole, first = 0, hashlib.sha256(), hashlib.sha256()
    with opened(file) as source:
        while piece := source.read(_PIECE):
            whole.update(piece)
            first.update(piece[: max(0, beginning - size)])
            size += len(piece)
            if size > _LARGEST:
                raise OSError(errno.EFBIG, "it grows while it is read")
    return File(size, whole.hexdigest(), first.hexdigest())
