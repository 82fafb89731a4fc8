"""What a developer has told git of their own work changes nothing in the leaked commit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from drill import commit
from policies.errors import Unreachable
from sandbox.doubles.github.git import environment


@pytest.fixture(autouse=True)
def _developers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = tmp_path / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    own = tmp_path / "gitconfig"
    own.write_text(f"[core]\nhooksPath = {hook.parent}\n[commit]\ngpgsign = true\n[gpg]\nprogram = false\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))


def test_the_key_is_committed(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    commit.commit_key(folder, ("k", "s"))
    argv = ["git", "-C", str(folder), "log", "--format=%an %ce"]
    told = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["dev dev@tradepulse.example"] * 2
    with pytest.raises(Unreachable, match=r"^git commit: "):
        commit._commit(folder, "nothing")


def test_the_scanner_reads_history_as_git_tells_it_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = tmp_path / "gitleaks"
    scanner.write_text('#!/bin/sh\ntest -z "$(git config commit.gpgsign)" || exit 9\n')
    scanner.chmod(0o755)
    monkeypatch.setattr(commit, "ensure", lambda: SimpleNamespace(path=lambda _: scanner))
    assert commit.scan(tmp_path) == []
