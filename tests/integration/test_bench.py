"""`make bench` at its smallest: every contender runs to its end, and each figure is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sandbox.environment import REPOSITORY

CONTENDERS = ("ours", "again", "direct", "rival", "bare")
DENYING = ("ours", "direct", "rival", "bare")


def test_it_measures_each_contender(tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    argv = [sys.executable, "-m", "bench", "--sizes", "2", "--limit", "60", "--json", str(figures)]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| 2 |" in done.stdout
    (row,) = json.loads(figures.read_text())["sizes"]
    assert {name: row[name]["exit_code"] for name in CONTENDERS} == dict.fromkeys(CONTENDERS, 0)
    assert all(0 < row[name]["to_deny"] <= row[name]["whole"] for name in DENYING), row
