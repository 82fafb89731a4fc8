"""From the words on the command line to what is compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from policies.errors import InputError
from policies.load import load

if TYPE_CHECKING:
    from access.diff.changes import Side


@contextmanager
def side(word: str | None, folder: Path) -> Iterator[Side]:
    """`word`: a folder, or a revision of the repository in which `folder` is; None: `folder` as it is now.

    Raises InputError, DeclarationError.
    """
    path = Path(word) if word else folder
    if path.is_dir():
        yield _of_folder(path)
        return
    if word is None:
        raise InputError(f"{folder}: there is no such folder")
    with at(word, folder) as then:
        yield _of_folder(then)


@contextmanager
def at(revision: str, folder: Path) -> Iterator[Path]:
    """`folder` as a revision of its repository has it. Raises InputError."""
    from access.sources import revision as objects

    repository = _repository(folder)
    with objects.folder(repository, revision, folder.resolve().relative_to(repository).as_posix()) as then:
        yield then


def live(folder: Path) -> Side:
    """Raises Unreachable; InputError where a part of the server may not be read, since a diff that misses a principal
    would hide a widening."""
    from access.sources import live as server
    from access.sources.sides import of_server
    from containment.adapters.vault import HvacVault

    estate = load(folder)
    return of_server(server.snapshot(HvacVault.from_environment(), estate), estate)


def _of_folder(folder: Path) -> Side:
    from access.sources import files, sides

    if any(folder.rglob("*.yaml")):
        return sides.of_declarations(load(folder))
    return sides.of_policies(files.snapshot(folder))


def _repository(folder: Path) -> Path:
    for parent in (folder.resolve(), *folder.resolve().parents):
        if (parent / ".git").exists():
            return parent
    raise InputError(f"{folder}: is in no git repository; name two folders instead of revisions")
