"""A GitHub Enterprise Server look-alike for tests and the embedded environment: stateful, persistent, over real git.

`start` runs it as a process of its own. REST is held to GitHub's OpenAPI description and GraphQL to its SDL, both ways;
a breach is written to `violations.jsonl` in the state directory and shown at `/_double/violations`.
"""

import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 20.0


class DoubleError(RuntimeError):
    """The double did not start; the message carries its standard error."""


@dataclass(frozen=True)
class Running:
    url: str
    pid: int
    process: "subprocess.Popen[bytes]"

    def stop(self) -> None:
        """Ends the process by its id and waits for it; stopping twice is fine."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(state: Path, seed: Path, port: int | None = None, tls: tuple[Path, Path] | None = None) -> Running:
    """Starts the double and returns when it listens. `tls` is (certificate, key). Raises DoubleError."""
    chosen = port or free_port()
    command = [sys.executable, "-m", "sandbox.doubles.github", f"--state={state}", f"--port={chosen}", f"--seed={seed}"]
    if tls is not None:
        command += [f"--tls-cert={tls[0]}", f"--tls-key={tls[1]}"]
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "server.log").open("ab") as log:
        root = Path(__file__).resolve().parents[3]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=root)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", chosen)) == 0:
                return Running(f"{'https' if tls else 'http'}://127.0.0.1:{chosen}", process.pid, process)
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise DoubleError((state / "server.log").read_text()[-2000:] or "the GitHub double did not listen in time")
