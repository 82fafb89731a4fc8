"""The workflows by the linters that know GitHub's own rules: actionlint for form, zizmor for safety."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.bootstrap import ensure
from tools.catalogue import LINTERS

REPOSITORY = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
BAD = """name: bad
on: pull_request_target
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - run: echo "${{ github.event.pull_request.title }}" "${{ nobody.knows }}"
"""


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def _actionlint(*files: Path) -> subprocess.CompletedProcess[str]:
    return _run(str(ensure(catalogue=LINTERS).path("actionlint")), "-shellcheck=", "-pyflakes=", *map(str, files))


def _zizmor(*files: Path) -> subprocess.CompletedProcess[str]:
    return _run(str(Path(sys.executable).parent / "zizmor"), "--offline", "--no-progress", *map(str, files))


def test_both_find_nothing_in_ours() -> None:
    assert WORKFLOWS
    for done in (_actionlint(*WORKFLOWS), _zizmor(*WORKFLOWS)):
        assert done.returncode == 0, done.stdout + done.stderr


def test_both_find_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(BAD)
    assert "potentially untrusted" in _actionlint(tmp_path / "bad.yml").stdout
    assert "dangerous-triggers" in _zizmor(tmp_path / "bad.yml").stdout
