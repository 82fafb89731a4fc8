"""`.venv/bin/portcullis`, as the Makefile writes it, runs no code of the folder that somebody stands in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_HOSTILE = "from pathlib import Path\nPath({!r}).touch()\n"


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    """In a repository of links to this one, whose interpreter is this one's."""
    repository, ready = tmp_path / "repository", tmp_path / "repository" / ".venv" / ".ready"
    (ready.parent / "bin").mkdir(parents=True)
    for name in ("rotation", "policies", "containment", "requirements-dev.txt"):
        (repository / name).symlink_to(_ROOT / name)
    shutil.copy(_ROOT / "Makefile", repository)
    ready.touch()  # newer than the requirements: nothing is installed
    python = ready.parent / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{_ROOT}/.venv/bin/python" "$@"\n')
    python.chmod(0o755)
    subprocess.run(["make", "-s", "-C", str(repository), "setup"], check=True, env=_without_make())
    return python.with_name("portcullis")


def _without_make() -> dict[str, str]:
    """`make test` hands its flags down."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}


@pytest.mark.parametrize("module", ["click.py", "rotation/__init__.py"])
@pytest.mark.parametrize("inherited", ["", "here"])
def test_no_code_of_the_current_folder_is_run(wrapper: Path, tmp_path: Path, module: str, inherited: str) -> None:
    clone, ran = tmp_path / "clone", tmp_path / "ran"
    (clone / module).parent.mkdir(parents=True)
    (clone / module).write_text(_HOSTILE.format(str(ran)))
    env = {**_without_make(), "PYTHONPATH": str(clone) if inherited else ""}
    done = subprocess.run([wrapper, "--help"], cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert not ran.exists()
    assert (done.returncode, "contain" in done.stdout) == (0, True), done.stderr
