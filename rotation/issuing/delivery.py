"""Where a fresh credential goes: a 0600 file or an open descriptor. Checked before anything is issued."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from policies.errors import InputError, Unreachable


class ToFile:
    """Whole or not at all, 0600 from the first byte, never through a symbolic link.

    Raises InputError when `path` is a link or a folder, lies in a linked or missing folder, or in one where others
    may replace it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_symlink() or path.is_dir():
            raise InputError(f"{path} is a {'symbolic link' if path.is_symlink() else 'folder'}; nothing was changed")
        try:
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise InputError(f"{path.parent}: {error.strerror}; nothing was changed") from error
        mode = os.fstat(self._folder).st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise InputError(f"{path.parent} can be written by others; nothing was changed")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise InputError(f"{path.parent} cannot be written; nothing was changed")

    def __str__(self) -> str:
        return str(self._path)

    def __call__(self, values: Mapping[str, str]) -> None:
        self.write(document(values))

    def write(self, text: str) -> None:
        """Raises Unreachable; whoever made what is in it revokes it then."""
        temporary = f".{self._path.name}.{secrets.token_hex(4)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=self._folder), "w") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            os.rename(temporary, self._path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            raise Unreachable(f"{self._path}: {error.strerror}; the fresh credential was revoked again") from error


class ToDescriptor:
    """A descriptor that the caller opened for writing. Raises InputError for the terminal's own three."""

    def __init__(self, number: int) -> None:
        self._number = number
        if number < 3:
            raise InputError(f"--fd {number}: 3 or more; to see the credential use --show")
        try:
            access = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError as error:
            raise InputError(f"--fd {number} is not open; open it as in `--fd 3 3>file`") from error
        if access == os.O_RDONLY:
            raise InputError(f"--fd {number} is open for reading only")

    def __str__(self) -> str:
        return f"descriptor {self._number}"

    def __call__(self, values: Mapping[str, str]) -> None:
        try:
            with os.fdopen(self._number, "w") as out:
                out.write(document(values))
        except OSError as error:
            raise Unreachable(f"{self}: {error.strerror}; the fresh credential was revoked again") from error


def document(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), indent=2) + "\n"


def default_file(role: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Below PORTCULLIS_CREDENTIALS, else the session's own memory-backed folder, else the user's state folder."""
    if environ.get("PORTCULLIS_CREDENTIALS"):
        folder = Path(environ["PORTCULLIS_CREDENTIALS"])
    elif environ.get("XDG_RUNTIME_DIR"):
        folder = Path(environ["XDG_RUNTIME_DIR"]) / "portcullis"
    else:
        folder = Path.home() / ".local" / "state" / "portcullis" / "credentials"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; name a file by --out") from error
    return folder / f"{role.replace(':', '-')}.json"
