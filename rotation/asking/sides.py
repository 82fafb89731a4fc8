"""From the words on the command line to what is compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from policies.deciding import decides
from policies.errors import InputError
from policies.load import load
from policies.plain import plain

if TYPE_CHECKING:
    from access.diff.changes import Side


SERVER = "server"
"""As BASE or HEAD: what a server has in force."""

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""A whole id: a revision, whatever folder is called so."""


@contextmanager
def side(word: str | None, folder: Path) -> Iterator[Side]:
    """`word`: a folder, or a revision of the repository in which `folder` is; None: `folder` as it is now.

    Raises InputError, DeclarationError; also for what is both, for either may be another's to name.
    """
    if word is None:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
        yield _of_folder(folder)
    elif _is_folder(word):
        if _is_revision(word, folder):
            raise InputError(
                f"{word!r} is a folder and a revision; './{word}' names the folder, '{word}^{{commit}}' the revision"
            )
        yield _of_folder(Path(word))
    else:
        with at(word, folder) as then:
            yield _of_folder(then)


@contextmanager
def at(revision: str, folder: Path) -> Iterator[Path]:
    """`folder` as a revision of its repository has it. Raises InputError."""
    from access.sources import revision as objects

    repository = _repository(folder)
    with objects.folder(repository, revision, folder.resolve().relative_to(repository).as_posix()) as then:
        yield then


def code(base: str, head: str | None, folder: Path) -> tuple[str, ...]:
    """Files that decide access beside the declarations and are others in HEAD. Folders have none. Raises InputError."""
    from access.sources import revision

    if any(_is_folder(word) for word in (base, head) if word is not None):
        return ()
    repository = _repository(folder)
    declared = folder.resolve().relative_to(repository).as_posix()
    return tuple(plain(file) for file in revision.changed(repository, base, head) if decides(file, declared))


def _is_folder(word: str) -> bool:
    return Path(word).is_dir() and not _COMMIT.fullmatch(word)


def _is_revision(word: str, folder: Path) -> bool:
    from access.sources import revision

    try:
        return revision.commit(_repository(folder), word) is not None
    except InputError:  # no repository has none
        return False


def with_server(base: str, head: str | None, folder: Path) -> tuple[Side, Side, tuple[str, ...]]:
    """One of the words is `server`; and what could not be read there: a principal that was missed may hide a widening.

    Raises InputError, DeclarationError, Unreachable.
    """
    from access.sources import live
    from access.sources.reader import Reader
    from access.sources.sides import answered, of_server, on_server
    from containment.adapters.github import GithubHost
    from containment.adapters.vault import HvacVault

    if [base, head].count(SERVER) != 1:
        raise InputError(f"--live compares with a server: BASE or HEAD, and one only, is {SERVER!r}")
    with side(head if base == SERVER else base, folder) as declared:
        code = on_server(declared)
    estate = load(folder)
    vault = HvacVault.from_environment()
    found, reader = live.snapshot(vault, estate), Reader(vault)
    server, beside = of_server(found, estate, reader, GithubHost.from_environment)
    code = answered(code, server, applied=base == SERVER)
    unread = tuple(dict.fromkeys((*found.unread, *reader.unread, *beside)))
    return (*((server, code) if base == SERVER else (code, server)), unread)


def _of_folder(folder: Path) -> Side:
    from access.sources import files, sides

    if any(folder.rglob("*.yaml")):
        return sides.of_declarations(load(folder))
    return sides.of_policies(files.snapshot(folder, datetime.now(UTC)))


def _repository(folder: Path) -> Path:
    for parent in (folder.resolve(), *folder.resolve().parents):
        if (parent / ".git").exists():
            return parent
    raise InputError(f"{folder}: is in no git repository; name two folders instead of revisions")
