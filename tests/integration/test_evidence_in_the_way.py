"""Evidence that cannot be kept stops no lock-down: what is missing is said, and fails the run at its end."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from containment import names
from containment.adapters.vault import HvacVault
from containment.folder.chain import EVENTS
from sandbox.environment import REPOSITORY, Sandbox

PATH = "secret/data/partners/api"


def _contain(env: dict[str, str], incident: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", incident, "--scope", "partner-api-key"]
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_a_place_that_takes_nothing(sandbox: Sandbox, env: dict[str, str], tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    done = _contain({**env, "PORTCULLIS_INCIDENTS": str(in_the_way / "incidents")}, "FULL-1")
    assert done.returncode == 3, done.stderr
    assert "warning: the evidence has a gap: record of incident FULL-1: Not a directory" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert (
        "everything in scope is contained; the evidence of it is not written: record of incident FULL-1: Not a" in last
    )
    assert "Traceback" not in done.stderr
    vault = HvacVault.from_environment(sandbox.environ_unchecked())
    assert PATH in (vault.read_policy(names.GATE) or "")
    held = next(i for i in vault.incidents() if i.id == "FULL-1")
    assert held.contained_at, "it is contained all the same, by the server's record"
    assert _contain(env, "FULL-1").returncode == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b"\xff\xfe\n[1]\n"),
        lambda file: os.mkfifo(file),
        lambda file: file.symlink_to("/dev/zero"),
    ],
    ids=["bytes", "pipe", "link"],
)
def test_another_incidents_folder(env: dict[str, str], tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """That one is open too, so that each run would page for it."""
    events = Path(env["PORTCULLIS_INCIDENTS"]) / "FULL-1" / EVENTS
    kept = events.read_bytes()
    events.unlink()
    spoil(events)
    try:
        done = _contain(env, f"NEXT-{tmp_path.name[-1]}")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    finally:
        events.unlink()
        events.write_bytes(kept)


def test_a_folder_that_somebody_holds(sandbox: Sandbox, env: dict[str, str]) -> None:
    """Whoever may list it can. The run waits a while, says so, and is told by its exit code."""
    folder = Path(env["PORTCULLIS_INCIDENTS"]) / "FULL-1"
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = _contain(env, "FULL-1")
    finally:
        os.close(handle)
    assert done.returncode == 3, done.stderr
    assert "evidence of FULL-1: somebody holds the folder, waiting 10 s for it" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert "everything in scope is contained; the evidence of it is not written: evidence of FULL-1: somebody" in last
    assert PATH in (HvacVault.from_environment(sandbox.environ_unchecked()).read_policy(names.GATE) or "")
    assert _contain(env, "FULL-1").returncode == 0


def _nested(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


def test_what_is_put_there_to_be_in_the_way(env: dict[str, str]) -> None:
    folder = Path(env["PORTCULLIS_INCIDENTS"]) / "FULL-1"
    _nested(folder)
    with (folder / "letter.bin").open("wb") as file:
        file.truncate(4 << 40)
    try:
        done = _contain(env, "FULL-1")
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        said = (folder / EVENTS).read_text().splitlines()[-1]
        assert "evidence was changed" in said
        assert "d/d/d/d: path refused" in said
        assert "letter.bin: path refused" in said
    finally:
        (folder / "letter.bin").unlink()
        subprocess.run(["rm", "-rf", str(folder / "d")], check=True)
    assert _contain(env, "FULL-1").returncode == 0


def test_several_at_once_each_end_contained(env: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", "MANY-1"]
    argv += ["--scope", "exchange-trading-key,risk-limits-token"]
    with ExitStack() as stack:
        runs = [
            stack.enter_context(
                subprocess.Popen(
                    argv, cwd=REPOSITORY, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
            )
            for _ in range(4)
        ]
        said = [run.communicate(timeout=240)[0] for run in runs]
    for run, words in zip(runs, said, strict=True):
        assert run.returncode == 0, words
