"""What runs these tests, looks for drift and installs what both need: nobody misses what no longer runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).resolve().parents[2]
_WORKFLOWS = _ROOT / ".github" / "workflows"
_PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9, _-]+\])?==\S+( ; [^;]+?)?( --hash=sha256:[0-9a-f]{64})+")


def _workflow(name: str) -> dict[Any, Any]:
    told = yaml.safe_load((_WORKFLOWS / name).read_text())
    assert isinstance(told, dict)
    return told


def _last_step(job: dict[str, Any]) -> dict[str, Any]:
    """Of a job that always runs, and whose steps each end it when they fail."""
    for part in (job, *job["steps"]):
        assert not part.keys() & {"if", "continue-on-error"}
    step = job["steps"][-1]
    assert isinstance(step, dict)
    return step


def test_drift_is_looked_for_on_a_schedule() -> None:
    told = _workflow("drift.yml")
    assert [len(one["cron"].split()) for one in told[True]["schedule"]] == [5]  # YAML reads `on` as true
    script = _last_step(told["jobs"]["drift"])["run"].strip().splitlines()
    assert script[-1].strip() == ".venv/bin/portcullis drift --stack prod", "its exit code is the job's"


def test_every_change_is_tested() -> None:
    told = _workflow("ci.yml")
    assert told[True] == {"push": {"branches": ["main"]}, "pull_request": None}
    assert _last_step(told["jobs"]["test"])["run"].strip() == "bash .ci/run"


@pytest.mark.parametrize("code", [0, 2])
def test_ci_is_make_test(tmp_path: Path, code: int) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$PWD: $*"\nexit {code}\n')
    make.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", _ROOT / ".ci" / "run"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (code, f"{_ROOT}: test\n")


@pytest.mark.parametrize("name", sorted(f.name for f in _ROOT.glob("requirements*.txt")))
def test_each_package_is_pinned_by_version_and_hash(name: str) -> None:
    joined = re.sub(r"\s*\\\n\s*", " ", (_ROOT / name).read_text())
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line[:60] for line in lines if not _PINNED.fullmatch(line)] == []


def test_nothing_is_installed_without_its_hash(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements-dev.txt"):
        shutil.copy(_ROOT / name, tmp_path)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}  # `make test` hands them down
    told = subprocess.run(
        ["make", "-n", "-C", str(tmp_path), "test", "drill", "bench"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (installs,) = [line for line in told.splitlines() if "pip install" in line]
    assert installs.split()[-3:] == ["--require-hashes", "-r", "requirements-dev.txt"]
