"""Declarations as a git revision has them: read from the repository's objects, nothing is checked out.

Not by `git archive`: what is proposed has a say in that. Its `.gitattributes` leaves files out (`export-ignore`) and
changes others (`export-subst`), which nobody who reads the diff would see.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from policies.errors import InputError

_LINK, _SUBMODULE = "120000", "160000"


@contextmanager
def folder(repository: Path, revision: str, path: str) -> Iterator[Path]:
    """`path` of the repository at the revision, in a temporary folder of the same name. Raises InputError when there is
    no such revision, nothing at the path, or what is no file of the repository's own."""
    if revision.startswith("-"):
        raise InputError(f"{revision!r} is no revision")
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise InputError(
            f"{revision!r} is neither a revision of {repository} nor a folder; in a shallow clone, fetch it"
        )
    listed = _git(repository, "ls-tree", "-r", "-z", "--full-tree", commit.decode().strip(), "--", path)
    if not listed:
        raise InputError(f"{revision}: has no {path}")
    with tempfile.TemporaryDirectory() as scratch:
        _write(repository, [_entry(line, revision) for line in listed.decode().split("\0") if line], Path(scratch))
        yield Path(scratch) / path


def _entry(line: str, revision: str) -> tuple[str, str, str]:
    """Mode, object and name of a line of `git ls-tree`."""
    told, _, name = line.partition("\t")
    mode, _, found = told.split(" ")
    if mode == _SUBMODULE:
        raise InputError(f"{revision}: {name} is a submodule, whose files are not this repository's")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InputError(f"{revision}: {name} leads out of the repository")
    return mode, found, name


def _write(repository: Path, entries: list[tuple[str, str, str]], scratch: Path) -> None:
    """A symbolic link stays one, so that the loader refuses it by name; it comes last, so that no file is written
    through it."""
    asked = "".join(f"{found}\n" for _, found, _ in entries).encode()
    rest = memoryview(_git(repository, "cat-file", "--batch", asked=asked) or b"")
    contents: list[bytes] = []
    for _, found, name in entries:
        head = bytes(rest[:128]).partition(b"\n")[0]
        try:
            size = int(head.split(b" ")[2])
        except (IndexError, ValueError) as error:
            raise InputError(f"{name}: {found} is not there; in a partial clone, fetch it") from error
        contents.append(bytes(rest[len(head) + 1 : len(head) + 1 + size]))
        rest = rest[len(head) + size + 2 :]
    for last in (False, True):
        for (mode, _, name), content in zip(entries, contents, strict=True):
            if (mode == _LINK) is last:
                to = scratch / name
                to.parent.mkdir(parents=True, exist_ok=True)
                to.symlink_to(content.decode()) if last else to.write_bytes(content)


def _git(repository: Path, *argv: str, asked: bytes = b"") -> bytes | None:
    done = subprocess.run(["git", "-C", str(repository), *argv], input=asked, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
