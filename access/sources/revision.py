"""Declarations as a git revision has them: read from the repository's objects, nothing is checked out."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policies.errors import InputError


@contextmanager
def folder(repository: Path, revision: str, path: str) -> Iterator[Path]:
    """`path` of the repository at the revision, in a temporary folder of the same name. Raises InputError when there is
    no such revision, or nothing at the path."""
    if revision.startswith("-"):
        raise InputError(f"{revision!r} is no revision")
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise InputError(
            f"{revision!r} is neither a revision of {repository} nor a folder; in a shallow clone, fetch it"
        )
    archive = _git(repository, "archive", "--format=tar", commit.decode().strip(), "--", path)
    if archive is None:
        raise InputError(f"{revision}: has no {path}")
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(scratch, filter=_regular)  # noqa: S202 - the filter refuses what leaves the folder
        yield Path(scratch) / path


def _regular(member: tarfile.TarInfo, to: str) -> tarfile.TarInfo | None:
    """A symbolic link stays one, so that the loader refuses it by name; where it leads is not followed."""
    return member if member.issym() else tarfile.data_filter(member, to)


def _git(repository: Path, *argv: str) -> bytes | None:
    done = subprocess.run(["git", "-C", str(repository), *argv], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
