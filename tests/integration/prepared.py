"""An environment is prepared once for each kind of stack in a test process; whoever needs another begins with a copy
of it, at the same place and on the same ports, so that the addresses in the servers' own state still hold."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.environment import Sandbox
from sandbox.services.base import Service
from sandbox.services.github import GithubDouble
from sandbox.services.pagerduty import PagerdutyDouble


@dataclass(frozen=True)
class Prepared:
    """`make` brings an empty sandbox up and applies a stack; `place` is an empty folder for it and for its copy."""

    place: Path
    make: Callable[[Sandbox], object]

    @contextmanager
    def fresh(self) -> Iterator[Sandbox]:
        """Up, applied, and as nobody has used it yet. One at a time."""
        box = Sandbox(self.place / "sandbox")
        try:
            if (self.place / "copy").exists():
                self._copy(box, back=True)
            else:
                self.make(box)
                box.down(print)
                self._copy(box, back=False)
            if not _same_ports(box):
                box.reset(print)
                self.make(box)
            yield box
            assert outside_descriptions(box) == []
        finally:
            box.reset(print)

    def _copy(self, box: Sandbox, *, back: bool) -> None:
        (self.place / "copy").mkdir(exist_ok=True)
        for folder in {box.root, *(s.folder for s in box.services() if _outside(s))}:
            kept = self.place / "copy" / folder.name
            here, there = (kept, folder) if back else (folder, kept)
            subprocess.run(["cp", "-a", "--reflink=auto", here, there], check=True)  # with their owners


def outside_descriptions(box: Sandbox) -> list[dict[str, Any]]:
    """What the doubles were asked, or answered, that the vendors do not describe."""
    return [*GithubDouble(box.root, 0).violations(), *PagerdutyDouble(box.root, 0).violations()]


def _same_ports(box: Sandbox) -> bool:
    """Brings it up. Somebody else may have taken a port meanwhile."""
    before = (box.root / "ports.json").read_text()
    box.up(print)
    return before == (box.root / "ports.json").read_text()


def _outside(service: Service) -> bool:
    return not service.folder.is_relative_to(service.root)
