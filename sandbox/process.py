"""Start, find again and stop one process by its id; its start time is kept too, since the kernel reuses ids."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.errors import InputError, Unreachable


@dataclass(frozen=True, slots=True)
class Process:
    """A server whose id and kernel start time are remembered in `record` (0600)."""

    name: str
    record: Path
    log: Path

    def running(self) -> int | None:
        """The id when the remembered process still runs; a stale record is removed."""
        if not self.record.exists():
            return None
        kept = remembered(self.record, "pid", "started")
        since = started(kept["pid"])
        if since is not None and since == kept["started"]:
            return int(kept["pid"])
        self.record.unlink()
        return None

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], user: str | None = None, cwd: Path | None = None
    ) -> int:
        """In a session of its own, so that Ctrl-C in a terminal stops our program and not the servers under it."""
        with self.log.open("ab") as out:
            child = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                user=user,
                cwd=cwd,
            )
        try:
            write_private(self.record, json.dumps({"pid": child.pid, "started": started(child.pid)}))
        except BaseException:  # interrupted before it was written down: nobody would find it again
            child.kill()
            child.wait()
            raise
        return child.pid

    def stop(self, how: signal.Signals = signal.SIGTERM, deadline: float = 15.0) -> bool:
        """Whether it ran. Waits until it is gone; SIGKILL after the deadline."""
        pid = self.running()
        if pid is None:
            return False
        os.kill(pid, how)
        end = time.monotonic() + deadline
        while self.running() is not None:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                end = time.monotonic() + deadline
            _reap(pid)
            time.sleep(0.02)
        return True

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not ours to reap: an earlier command started it


def started(pid: int) -> str | None:
    """Start time in clock ticks since boot (proc(5), field 22); None when gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def remembered(record: Path, *names: str) -> dict[str, Any]:
    """What was written there with `write_private`. Raises InputError where somebody else wrote since: which process
    runs cannot be told from it."""
    try:
        kept = json.loads(record.read_text())
    except ValueError:
        kept = None
    if not isinstance(kept, dict) or not set(names) <= kept.keys():
        raise InputError(
            f"{record} is damaged: end what `pgrep -af {record.parent}` still shows, then remove {record.parent}"
        )
    return kept


def write_private(path: Path, text: str) -> None:
    """0600 from the first byte, and whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)


def reserve(port: int) -> socket.socket:
    """A socket bound on loopback to `port` where it is free, else to a free one; not listening."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.bind(("127.0.0.1", 0))
    return probe


def wait_until(ready: Callable[[], bool], what: str, process: Process, seconds: float = 20.0) -> None:
    """Raises Unreachable with the end of the server's log when it does not answer in time."""
    end = time.monotonic() + seconds
    while not ready():
        if process.running() is None or time.monotonic() > end:
            raise Unreachable(f"{what} did not start; the end of {process.log}:\n{process.tail()}")
        time.sleep(0.05)
