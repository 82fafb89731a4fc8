"""How files get into an incident's folder: whole or not at all, under plain names, one writer at a time."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policies.errors import InputError, Unreachable

PLAIN = re.compile(r"(?:commands/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a file of the evidence may be called."""


def write(folder: Path, name: str, data: bytes, *, new: bool = False) -> Path:
    """Write one file of the evidence, 0600, whole or not at all; the temporary one lies outside of the evidence.

    Raises InputError for a name that could leave the folder, Unreachable when the disk refuses; with `new`,
    FileExistsError when there is one of that name.
    """
    if not PLAIN.fullmatch(name):
        raise InputError(f"not a name for evidence: {name!r}")
    target = folder / name
    temporary = folder.parent / f".{folder.name}.{target.name}.{secrets.token_hex(8)}"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if new:
                os.link(temporary, target)
            else:
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise
    except OSError as error:
        raise Unreachable(f"evidence {name}: {error.strerror}") from error
    return target


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """One writer at a time; the others wait. Not reentrant."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def walk(root: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.iterdir()):
        if file.is_dir() and not file.is_symlink():
            yield from walk(root, file)
        else:
            yield file.relative_to(root).as_posix(), file


def read(file: Path) -> bytes:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
        return source.read()
