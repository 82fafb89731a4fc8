"""Declarations as a git revision has them: read from the repository's objects, nothing is checked out.

Not by `git archive`: what is proposed has a say in that. Its `.gitattributes` leaves files out (`export-ignore`) and
changes others (`export-subst`), which nobody who reads the diff would see.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from policies.errors import InputError
from policies.plain import plain

_LINK, _SUBMODULE = "120000", "160000"


@contextmanager
def folder(repository: Path, revision: str, path: str) -> Iterator[Path]:
    """`path` of the repository at the revision, in a temporary folder of the same name. Raises InputError when there is
    no such revision, nothing at the path, or what is no file of the repository's own: a symbolic link, the path's too,
    leads to what the revision does not have."""
    listed = _git(repository, "ls-tree", "-r", "-z", "--full-tree", _known(repository, revision), "--", path)
    if not listed:
        raise InputError(f"{revision}: has no folder {path}; a symbolic link in the way to it is none")
    with tempfile.TemporaryDirectory() as scratch:
        _write(repository, [_entry(line, revision) for line in listed.split(b"\0") if line], Path(scratch))
        yield Path(scratch) / path


def commit(repository: Path, revision: str) -> str | None:
    """Its id; None where the repository has no such revision."""
    if revision.startswith("-"):
        return None
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return found.decode().strip() if found else None


def changed(repository: Path, base: str, head: str | None) -> list[str]:
    """Every file that is not the same, mode and all, from the top of the repository; of a rename both names. `head`
    None: the working tree, with the files that git neither has nor ignores. Raises InputError."""
    told = ("--no-renames", "--ignore-submodules=none", "--name-only", "-z")
    then = _known(repository, base)
    if head is None:
        asked = [("diff", "--no-ext-diff", *told, then, "--"), ("ls-files", "--others", "--exclude-standard", "-z")]
    else:
        asked = [("diff-tree", "-r", *told, then, _known(repository, head), "--")]  # a folder may be called as a commit
    found: set[str] = set()
    for argv in asked:
        names = _git(repository, *argv)
        if names is None:
            raise InputError(f"{repository}: git {argv[0]} failed; in a partial clone, fetch {base} and {head}")
        found |= {os.fsdecode(name) for name in names.split(b"\0") if name}
    return sorted(found)


def _known(repository: Path, revision: str) -> str:
    known = commit(repository, revision)
    if known is None:
        raise InputError(
            f"{revision!r} is neither a revision of {repository} nor a folder; in a shallow clone, fetch it"
        )
    return known


def _entry(line: bytes, revision: str) -> tuple[str, str]:
    """Object and name of a line of `git ls-tree`."""
    told, _, raw = line.partition(b"\t")
    mode, _, found = told.decode().split(" ")
    named = f"{revision}: {plain(os.fsdecode(raw))}"
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{named} is no name in UTF-8; rename it") from error
    if mode == _SUBMODULE:
        raise InputError(f"{named} is a submodule, whose files are not this repository's")
    if mode == _LINK:
        raise InputError(f"{named} is a symbolic link; commit what it leads to in its place")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InputError(f"{named} leads out of the repository")
    return found, name


def _write(repository: Path, entries: list[tuple[str, str]], scratch: Path) -> None:
    asked = "".join(f"{found}\n" for found, _ in entries).encode()
    rest = memoryview(_git(repository, "cat-file", "--batch", asked=asked) or b"")
    for found, name in entries:
        head = bytes(rest[:128]).partition(b"\n")[0]
        try:
            size = int(head.split(b" ")[2])
        except (IndexError, ValueError) as error:
            raise InputError(f"{name}: {found} is not there; in a partial clone, fetch it") from error
        to = scratch / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(rest[len(head) + 1 : len(head) + 1 + size])
        rest = rest[len(head) + size + 2 :]


def _git(repository: Path, *argv: str, asked: bytes = b"") -> bytes | None:
    done = subprocess.run(["git", "-C", str(repository), *argv], input=asked, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
