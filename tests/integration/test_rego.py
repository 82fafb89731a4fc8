"""The bundle by OPA's own tools: strict, formatted, every rule tested, every line covered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tools.bootstrap import ensure

REGO = str(Path(__file__).resolve().parents[2] / "policies" / "rego")


def _opa(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ensure().path("opa")), *argv], capture_output=True, text=True, check=False)


def test_strict_and_formatted() -> None:
    checked = _opa("check", "--strict", REGO)
    assert checked.returncode == 0, checked.stderr
    assert _opa("fmt", "--diff", REGO).stdout == ""


def test_all_pass_and_every_line_is_covered() -> None:
    passed = _opa("test", REGO)
    assert passed.returncode == 0, passed.stdout
    covered = json.loads(_opa("test", "--coverage", REGO).stdout)
    assert covered["coverage"] == 100, covered
