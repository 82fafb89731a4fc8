"""The workflows by the linters that know GitHub's own rules: actionlint for form, zizmor for safety."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

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


def test_no_address_can_be_changed_without_a_review() -> None:
    """A login's JWT and passwords go there; the same for each job that logs in."""
    told = [yaml.safe_load(file.read_text()) for file in WORKFLOWS]
    assert [file.name for file in WORKFLOWS if re.search(r"\$\{\{[^}]*\bvars\b", file.read_text())] == []
    addresses = [workflow["env"] for workflow in told if "env" in workflow]
    assert len(addresses) == sum("auth/jwt/login" in file.read_text() for file in WORKFLOWS) == 2
    assert addresses[0] == addresses[1]
    assert addresses[0].keys() == {"VAULT_ADDR", "PULUMI_BACKEND_URL", "PORTCULLIS_PG_TRADEPULSE_VAULT"}


def test_both_find_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(BAD)
    assert "potentially untrusted" in _actionlint(tmp_path / "bad.yml").stdout
    assert "dangerous-triggers" in _zizmor(tmp_path / "bad.yml").stdout
