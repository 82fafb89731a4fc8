"""The leak itself: an exchange key in a commit, and the real gitleaks that finds it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from policies.errors import Unreachable
from sandbox.doubles.github.git import environment, identity
from tools.bootstrap import ensure

_FILE = "config/exchange.py"
_RULES = Path(__file__).parent / "gitleaks.toml"
_DEVELOPER = identity("dev", "dev@tradepulse.example")


def commit_key(folder: Path, key: tuple[str, str]) -> None:
    """A developer's repository with the key in its history, removed again in a second commit: too late."""
    folder.mkdir(parents=True, mode=0o700)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    source = folder / _FILE
    source.parent.mkdir()
    source.write_text(f'EXCHANGE_API_KEY = "{key[0]}"\nEXCHANGE_API_SECRET = "{key[1]}"\n')
    _commit(folder, "Connect to the exchange")
    source.write_text('EXCHANGE_API_KEY = os.environ["EXCHANGE_API_KEY"]\n')
    _commit(folder, "Take the key from the environment")


def scan(folder: Path) -> list[dict[str, Any]]:
    """Findings of gitleaks over the whole history, values redacted by it. Raises Unreachable when it cannot run."""
    gitleaks = str(ensure().path("gitleaks"))
    argv = [gitleaks, "git", f"--config={_RULES}", "--redact", "--no-banner", "--report-format=json"]
    argv += ["--report-path=-", str(folder)]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: leaks were found
        raise Unreachable(f"gitleaks: {done.stderr[-500:]}")
    return [
        {key.lower(): found[key] for key in ("RuleID", "File", "StartLine", "Commit", "Author", "Date", "Match")}
        for found in json.loads(done.stdout or "[]")
    ]


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "-m", message)


def _git(folder: Path, *words: str) -> None:
    argv, env = ["git", "-C", str(folder), *words], environment(_DEVELOPER)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unreachable(f"git {words[0]}: {done.stderr[-300:]}")
