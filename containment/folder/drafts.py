"""What a seal covers is prepared beside the incident's folder and moved into it together with the manifest. A run that
dies while it prepares leaves the folder as it was sealed; one that dies while it moves is ended by the next.

Files that are appended to are the folder's own and never moved: whoever appends waits for no seal.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from containment.folder.contents import unfit, walk
from containment.folder.files import read, refused, write, written

APPEND_ONLY = ".jsonl"
"""Files of this ending (events, rotation's journal) are written to while an incident goes on."""


class Draft:
    """Of a folder that is held: `path` holds what the folder does, as links. Whoever can write the folder can write
    through them, and into the draft too: only what `written` says is the caller's."""

    def __init__(self, folder: Path, written: Mapping[Path, str]) -> None:
        self._folder, self._parent, self._written = folder, _beside(folder, "draft"), written
        self.path = self._parent / folder.name

    @property
    def written(self) -> dict[str, str]:
        """By path, the digest of what the caller wrote there, into it or into the folder itself."""
        return {
            file.relative_to(root).as_posix(): digest
            for file, digest in self._written.items()
            for root in (self.path, self._folder)
            if root in file.parents
        }

    def follow(self) -> None:
        """Take in what came into the folder since, and what was appended there."""
        with _refused(self._folder):
            for path, file in _fit(self._folder):
                target = self.path / path
                if path.endswith(APPEND_ONLY):
                    target.unlink(missing_ok=True)
                if not os.path.lexists(target):
                    _link(file, target)

    def move(self, last: str) -> None:
        """All that the caller wrote into it goes into the folder, the file of the given name last."""
        with _refused(self._folder):
            ours = self.written
            for path, file in list(_fit(self.path)):
                if path not in ours:
                    file.unlink()
            self._parent.rename(_beside(self._folder, "sealed"))
        end(self._folder, last)


@contextmanager
def begun(folder: Path) -> Iterator[Draft]:
    """What is not moved in the end is forgotten. Raises Unreachable when the disk refuses."""
    with _refused(folder):
        _forget(_beside(folder, "draft"))
    try:
        with written() as digests:
            draft = Draft(folder, digests)
            with _refused(folder):
                draft.path.mkdir(parents=True, mode=0o700)
            draft.follow()
            yield draft
    finally:
        with _refused(folder):
            _forget(_beside(folder, "draft"))


def pending(folder: Path, last: str) -> Path | None:
    """What a run that died had still to move, if any."""
    here = _prepared(folder)
    return here if here and (here / last).is_file() else None


def end(folder: Path, last: str) -> None:
    """Move what a run had still to move into the folder, which is held. Raises Unreachable when the disk refuses."""
    with _refused(folder):
        here = _prepared(folder)
        for path, file in sorted(_fit(here), key=lambda found: found[0] == last) if here else ():
            _move(file, folder, path)
        _forget(_beside(folder, "sealed"))


def _prepared(folder: Path) -> Path | None:
    parent = _beside(folder, "sealed")
    here = parent / folder.name
    return here if here.is_dir() and not (parent.is_symlink() or here.is_symlink()) else None


@contextmanager
def _refused(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused(f"evidence of {folder.name}", error) from error


def _beside(folder: Path, what: str) -> Path:
    return folder.parent / f".{folder.name}.{what}"


def _link(file: Path, target: Path) -> None:
    """Copied where the folder is a file system of its own, or has no links."""
    target.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        os.link(file, target, follow_symlinks=False)
    except OSError:
        if file.is_symlink() or not file.is_file():
            raise
        shutil.copyfile(file, target)


def _move(file: Path, folder: Path, path: str) -> None:
    target = folder / path
    target.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write(folder, path, read(file))


def _fit(folder: Path) -> Iterator[tuple[str, Path]]:
    """What may be evidence; the rest is `verify`'s to name."""
    return ((path, file) for path, file in walk(folder) if not file.is_dir() and unfit(path, file) is None)


def _forget(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        try:
            shutil.rmtree(place)
        except RecursionError as error:
            raise OSError(errno.ELOOP, f"{place} is nested too deep, remove it") from error
