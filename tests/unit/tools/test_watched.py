"""A long build says that it goes on; one that fails says why; one that is interrupted leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policies.errors import Unreachable
from sandbox.process import started
from tools import watched


def _run(script: str, said: list[str]) -> str:
    return watched.run(["/bin/sh", "-c", script], Path("/"), os.environ, "building x", said.append)


def test_progress_tells_seconds_steps_and_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "EVERY", 0.3)
    said: list[str] = []
    assert _run("echo one >&2; echo two >&2; sleep 0.8; echo out", said) == "out\n"
    assert len(said) >= 2
    assert said[-1].startswith("  building x: ")
    assert said[-1].endswith(" s, 2 steps, now two")


def test_a_short_run_says_nothing() -> None:
    said: list[str] = []
    assert _run("echo out", said) == "out\n"
    assert said == []


def test_a_failure_ends_with_the_programs_own_words() -> None:
    with pytest.raises(Unreachable, match=r"(?s)failed:.*no space left"):
        _run("echo no space left >&2; exit 1", [])


def test_an_interrupted_run_ends_its_program(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from tools import watched\n"
        f"argv = ['/bin/sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 60']\n"
        "watched.run(argv, pathlib.Path('/'), os.environ, '', print)"
    )
    outer = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    file = tmp_path / "pid"
    limit = time.monotonic() + 20
    while not (file.exists() and file.read_text().strip()) and time.monotonic() < limit:
        time.sleep(0.05)
    inner = int(file.read_text())
    assert started(inner)
    outer.send_signal(signal.SIGINT)
    outer.wait(20)
    assert outer.returncode != 0
    assert started(inner) is None
