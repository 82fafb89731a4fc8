"""What every service of the sandbox is: started, healthy or not, stopped by its id."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from pathlib import Path

from sandbox.process import Process, wait_until


class Service(ABC):
    """`root` is the sandbox's folder, `port` its loopback port."""

    name: str
    stop_signal = signal.SIGTERM
    abort_signal = signal.SIGKILL
    """Ends it at once; what it keeps is of no use any more."""

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port
        self.folder = root / self.name
        self.secrets = root / "secrets"
        self.process = Process(self.name, root / f"{self.name}.pid", root / f"{self.name}.log")

    @abstractmethod
    def launch(self) -> None:
        """Start the process; called only when it does not run."""

    @abstractmethod
    def healthy(self) -> bool:
        """Whether it answers as it should."""

    @abstractmethod
    def environ(self) -> dict[str, str]:
        """What a shell needs to use it."""

    def ready(self) -> None:  # noqa: B027 - most services have nothing to do here
        """After it answers: unseal, create what must exist. Idempotent."""

    def begin(self) -> bool:
        """Start it without waiting for its answer. Whether it had to be started."""
        fresh = self.process.running() is None
        if fresh:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.launch()
        return fresh

    def start(self) -> bool:
        """Whether it had to be started. Raises policies.errors.Unreachable."""
        fresh = self.begin()
        wait_until(self.answers, self.name, self.process)
        self.ready()
        return fresh

    def answers(self) -> bool:
        return self.healthy()

    def stop(self) -> bool:
        return self.process.stop(self.stop_signal)

    def abort(self) -> bool:
        return self.process.stop(self.abort_signal)

    def kill(self) -> bool:
        return self.process.stop(signal.SIGKILL)
