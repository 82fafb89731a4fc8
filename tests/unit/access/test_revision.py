"""What a revision has is what is read, whatever the revision itself says of it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from access.sources.revision import changed, folder
from policies.errors import InputError

TEXT = "a: $Format:%H$ $Id$\n"


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    repository = tmp_path / "repository"
    (repository / "access" / "production").mkdir(parents=True)
    (repository / "access" / "production" / "one.yaml").write_text(TEXT)
    (repository / "access" / "two ümlaut.yaml").write_bytes(b"")
    (repository / "other").write_text("not asked for")

    def run(*argv: str) -> str:
        name = ["-c", "user.name=Dana", "-c", "user.email=dana@example.invalid"]
        done = subprocess.run(["git", *name, *argv], cwd=repository, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("init", "-q")
    return run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def _commit(git: Callable[..., str]) -> None:
    git("add", "--all")
    git("commit", "-qm", "one")


def _read(repository: Path) -> dict[str, bytes]:
    with folder(repository, "HEAD", "access") as found:
        return {p.relative_to(found).as_posix(): p.read_bytes() for p in found.rglob("*") if p.is_file()}


@pytest.mark.parametrize("attributes", ["", "*.yaml export-ignore", "* export-subst ident eol=crlf", "access -diff"])
def test_its_attributes_have_no_say(repository: Path, git: Callable[..., str], attributes: str) -> None:
    (repository / ".gitattributes").write_text(attributes)
    _commit(git)
    assert _read(repository) == {"production/one.yaml": TEXT.encode(), "two ümlaut.yaml": b""}


@pytest.mark.parametrize("link", ["access/link.yaml", "access/production", "access"])
def test_a_link_is_refused_by_name_and_not_followed(
    repository: Path, git: Callable[..., str], tmp_path: Path, link: str
) -> None:
    if (repository / link).exists():
        (repository / link).rename(tmp_path / "elsewhere")
    (repository / link).symlink_to(tmp_path / "elsewhere")
    _commit(git)
    with pytest.raises(InputError, match=f"HEAD: {link} is a symbolic link; commit"):
        _read(repository)


def test_nor_is_one_in_the_way(repository: Path, git: Callable[..., str]) -> None:
    (repository / "policies").symlink_to(repository)
    _commit(git)
    with (
        pytest.raises(InputError, match="has no folder policies/access"),
        folder(repository, "HEAD", "policies/access"),
    ):
        pass


def test_a_name_that_is_no_text_is_refused(repository: Path, git: Callable[..., str]) -> None:
    Path(os.fsdecode(os.fsencode(repository / "access") + b"/a\n\xff.txt")).write_text("")
    _commit(git)
    with pytest.raises(InputError, match=re.escape(r"access/a\n\udcff.txt is no name in UTF-8; rename it")):
        _read(repository)


def test_what_is_no_file_of_the_repository_is_refused(repository: Path, git: Callable[..., str]) -> None:
    _commit(git)
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},access/sub")
    git("commit", "-qm", "submodule")
    with pytest.raises(InputError, match="access/sub is a submodule"):
        _read(repository)


def test_every_file_that_is_not_the_same_is_named(repository: Path, git: Callable[..., str]) -> None:
    """Whatever the repository says of them, and whatever a rename or a mode hides."""
    _commit(git)
    (repository / ".gitattributes").write_text("* -diff\n")
    (repository / ".gitmodules").write_text('[submodule "sub"]\n path = sub\n url = .\n ignore = all\n')
    (repository / "access" / "two ümlaut.yaml").rename(repository / "três")
    (repository / "other").chmod(0o755)
    Path(os.fsdecode(os.fsencode(repository) + b"/\xff")).write_text("x")
    git("add", "--all")
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},sub")
    git("commit", "-qm", "two")
    named = [".gitattributes", ".gitmodules", "access/two ümlaut.yaml", "other", "sub", "três", "\udcff"]
    assert changed(repository, "HEAD~1", "HEAD") == named
    (repository / git("rev-parse", "HEAD")).mkdir()
    assert changed(repository, "HEAD", "HEAD~1") == named
    assert changed(repository, "HEAD", "HEAD") == []


def test_so_it_is_with_the_working_tree(repository: Path, git: Callable[..., str]) -> None:
    (repository / ".gitignore").write_text("ignored\n")
    _commit(git)
    assert changed(repository, "HEAD", None) == []
    (repository / "other").write_text("another")
    for name in ("new", "ignored"):
        (repository / name).write_text("")
    assert changed(repository, "HEAD", None) == ["new", "other"]
    with pytest.raises(InputError, match="nobody"):
        changed(repository, "nobody", None)


@pytest.mark.parametrize(("revision", "path"), [("--all", "access"), ("nobody", "access"), ("HEAD", "none")])
def test_what_is_not_there_is_named(repository: Path, git: Callable[..., str], revision: str, path: str) -> None:
    _commit(git)
    with pytest.raises(InputError, match=revision if revision != "HEAD" else path), folder(repository, revision, path):
        pass
