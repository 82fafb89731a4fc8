"""How files get into an incident's folder: whole or not at all, under plain names, one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

from policies.errors import InputError, Unreachable

PLAIN = re.compile(r"(?:commands/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a file of the evidence may be called."""
_MOST = 256 * 1024 * 1024
_LARGEST = 1 << 30
_PATIENCE, _TELL, _TICK = 10.0, 1.0, 0.05
"""Seconds for which a folder that somebody holds is waited for, until that is told, and between two looks."""
_written: ContextVar[dict[Path, str] | None] = ContextVar("written", default=None)


@contextmanager
def written() -> Iterator[dict[Path, str]]:
    """By file, the SHA-256 of what `write` puts there meanwhile: what is found in it later may be somebody else's."""
    digests: dict[Path, str] = {}
    token = _written.set(digests)
    try:
        yield digests
    finally:
        _written.reset(token)


def refused(what: str, error: OSError) -> Unreachable:
    """The disk's own word, and what to do."""
    mend = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "mend that"
    return Unreachable(f"{what}: {error.strerror}; {mend}, then run the same command again")


def write(folder: Path, name: str, data: bytes, *, new: bool = False) -> Path:
    """Write one file of the evidence, 0600, whole or not at all; the temporary one lies outside of the evidence, or in
    it where that is a file system of its own.

    Raises InputError for a name that could leave the folder, Unreachable when the disk refuses; with `new`,
    FileExistsError when there is one of that name.
    """
    if not PLAIN.fullmatch(name):
        raise InputError(f"not a name for evidence: {name!r}")
    target = folder / name
    temporary = f".{folder.name}.{target.name}.{secrets.token_hex(8)}"
    try:
        try:
            _put(folder.parent / temporary, target, data, new)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _put(target.parent / temporary, target, data, new)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise
    except OSError as error:
        raise refused(f"evidence {name}", error) from error
    if (digests := _written.get()) is not None:
        digests[target] = hashlib.sha256(data).hexdigest()
    return target


def _put(temporary: Path, target: Path, data: bytes, new: bool) -> None:
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


@contextmanager
def held(folder: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """One writer at a time; the others wait, and `say` so, but not for ever: whoever can open the folder can hold it.
    Not reentrant. Raises Unreachable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _hold(handle, folder, say)
        yield
    finally:
        os.close(handle)


def _hold(handle: int, folder: Path, say: Callable[[str], None]) -> None:
    begin, told = time.monotonic(), False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - begin
        else:
            return
        if waited > _PATIENCE:
            raise Unreachable(
                f"evidence of {folder.name}: somebody holds the folder {folder}, for {_PATIENCE:.0f} s and more; see "
                f"who: fuser -v {folder}, then run the same command again"
            )
        if waited > _TELL and not told:
            told = True
            say(f"evidence of {folder.name}: somebody holds the folder, waiting {_PATIENCE:.0f} s for it")
        time.sleep(_TICK)


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """To read. Raises OSError, also for a link and what is no regular file: a pipe would be waited for."""
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as source:
        _require_regular(handle)
        yield source


def read(file: Path) -> bytes:
    """Whole. Raises OSError as `opened` does, and for more than 1 GiB."""
    with opened(file) as source:
        if os.fstat(source.fileno()).st_size > _LARGEST:
            raise OSError(errno.EFBIG, "more than 1 GiB", str(file))
        return source.read(_LARGEST)


def _require_regular(handle: int) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, "no regular file")


def json_lines(file: Path) -> tuple[list[dict[str, Any]], int]:
    """Of a file that commands append to: its objects in order, none without a file, and how many lines are no object.
    Raises OSError as `lines` does."""
    found = lines(file)
    whole = [entry for entry in found if entry is not None]
    return whole, len(found) - len(whole)


def lines(file: Path) -> list[dict[str, Any] | None]:
    """As `json_lines`, None where a line is no object: a run that is killed, or a disk that is full, tears its last.
    Whoever can write the folder can put anything there.

    Raises OSError, also for a link, what is no regular file, and more than 256 MiB.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return []
    with os.fdopen(handle, "rb") as source:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > _MOST:
            raise OSError(errno.EINVAL, "no regular file of at most 256 MiB", str(file))
        return [_object(line) for line in source.read().splitlines()]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def append(file: Path, entries: Iterable[dict[str, Any]]) -> None:
    """One write, on disk before it returns, so that two who append at once do not tear each other's lines; after a line
    that is torn, on the next. Made 0600. Raises OSError, also where the disk took a part."""
    text = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    if not text:
        return
    handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        _require_regular(handle)
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            text = b"\n" + text
        taken = os.write(handle, text)
        os.fsync(handle)
        if taken < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
    finally:
        os.close(handle)
