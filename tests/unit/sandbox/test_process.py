"""Processes are found again by id and start time, and nothing else is ever stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.errors import InputError, Unreachable
from sandbox.process import Process, reserve, started, wait_until, write_private

_SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process("sleeper", tmp_path / "sleeper.pid", tmp_path / "sleeper.log")


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A program of somebody else's."""
    with subprocess.Popen(_SLEEP) as child:
        yield child
        child.kill()


def test_found_again_and_stopped(process: Process) -> None:
    pid = process.start(_SLEEP, {})
    assert Process(process.name, process.record, process.log).running() == pid
    assert os.getsid(pid) == pid, "Ctrl-C in the terminal would reach it"
    assert process.stop()
    assert started(pid) is None
    assert not process.stop()


def test_reused_id_is_not_killed(process: Process, stranger: subprocess.Popen[bytes]) -> None:
    write_private(process.record, json.dumps({"pid": stranger.pid, "started": "1"}))
    assert process.running() is None
    assert not process.stop()
    assert stranger.poll() is None
    assert not process.record.exists(), "the stale record stayed"


def test_record_of_a_process_long_gone(process: Process) -> None:
    pid = process.start(_SLEEP, {})
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert process.running() is None
    assert not process.stop()


def test_a_record_without_start_time_matches_nothing(process: Process) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    write_private(process.record, json.dumps({"pid": int(gone.stdout), "started": None}))
    assert process.running() is None


def test_one_that_ignores_the_signal_is_killed(process: Process) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    pid = process.start([sys.executable, "-c", stubborn], {})
    wait_until(lambda: bool(process.tail()), "stubborn", process)
    assert process.stop(deadline=0.2)
    assert started(pid) is None


def test_interrupted_before_it_is_written_down(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    born: list[int] = []

    def interrupted(path: Path, text: str) -> None:
        del path
        born.append(json.loads(text)["pid"])
        raise KeyboardInterrupt

    monkeypatch.setattr("sandbox.process.write_private", interrupted)
    with pytest.raises(KeyboardInterrupt):
        process.start(_SLEEP, {})
    assert started(born[0]) is None


def test_one_that_ends_at_once_is_told_with_its_log(process: Process) -> None:
    process.start([sys.executable, "-c", "print('no such option')"], {})
    with pytest.raises(Unreachable, match="no such option"):
        wait_until(lambda: False, "sleeper", process)


def test_private_from_the_first_byte_and_whole(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "key", "value")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [f.name for f in tmp_path.iterdir()] == ["key"]


def test_reserved_port_goes_to_its_server_and_to_nobody_else() -> None:
    with reserve(0) as held:
        port = held.getsockname()[1]
        with socket.create_server(("127.0.0.1", port)), reserve(port) as other:
            assert other.getsockname()[1] != port


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_record_is_named_and_nothing_is_stopped_by_it(process: Process, text: str) -> None:
    process.record.write_text(text)
    with pytest.raises(InputError, match=r"sleeper\.pid is damaged: .* then remove "):
        process.stop()
    assert process.record.read_text() == text
