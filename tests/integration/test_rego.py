"""The bundle by OPA's own tools: strict, formatted, every rule tested, every line covered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tools.bootstrap import ensure
from tools.catalogue import LINTERS

REPOSITORY = Path(__file__).resolve().parents[2]
REGO = str(REPOSITORY / "policies" / "rego")


def _opa(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ensure().path("opa")), *argv], capture_output=True, text=True, check=False)


def test_strict_and_formatted() -> None:
    checked = _opa("check", "--strict", REGO)
    assert checked.returncode == 0, checked.stderr
    assert _opa("fmt", "--diff", REGO).stdout == ""


def _regal(folder: str) -> subprocess.CompletedProcess[str]:
    regal = str(ensure(catalogue=LINTERS).path("regal"))
    argv = [regal, "lint", "--no-color", "--config-file", str(REPOSITORY / ".regal" / "config.yaml"), folder]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_regal_finds_nothing_and_would_find_something(tmp_path: Path) -> None:
    linted = _regal(REGO)
    assert linted.returncode == 0, linted.stdout
    (tmp_path / "bad.rego").write_text("package bad\n\nallow := true == true\n")
    assert "boolean-assignment" in _regal(str(tmp_path)).stdout


def test_all_pass_and_every_line_is_covered() -> None:
    passed = _opa("test", REGO)
    assert passed.returncode == 0, passed.stdout
    covered = json.loads(_opa("test", "--coverage", REGO).stdout)
    assert covered["coverage"] == 100, covered
