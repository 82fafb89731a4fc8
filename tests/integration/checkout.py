"""Declarations that change while the servers run, and who works by them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from drill.actors import Actors
from sandbox import estate
from sandbox.environment import REPOSITORY
from tests.integration.production import Production, contained

READONLY = "database/creds/analytics-readonly"
LEDGER = "database/creds/treasury-readonly"
GRANT = "      capabilities: [read]\n"
BATCH = "    - workload: analytics-batch\n" + GRANT
TREASURY = ("sys/policies/acl/pc-w-treasury-report", "auth/approle/role/treasury-report")


@dataclass(frozen=True)
class Checkout:
    """The declarations, changed and applied in peace; an administrator does their part first."""

    prod: Production
    folder: Path

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.folder / "production" / f"{name}.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def grant(self) -> None:
        """The ledger to a workload of batch tokens."""
        self.edit("treasury-readonly", GRANT, GRANT + BATCH)

    def take_back(self) -> None:
        self.edit("treasury-readonly", GRANT + BATCH, GRANT)

    def remove(self, name: str) -> None:
        (self.folder / "production" / f"{name}.yaml").unlink()

    def onboard(self) -> None:
        with mock.patch.dict(os.environ, {"PORTCULLIS_DECLARATIONS": str(self.folder)}):
            estate.prepare(self.prod.box, print)

    def apply(self) -> None:
        self.onboard()
        done = self.prod.keep(self.folder)
        assert done.returncode == 0, done.stdout

    def refresh(self) -> None:
        """As `apply`, when an apply was killed: Pulumi looks at the servers first."""
        self.onboard()
        argv = [*self.prod.argv("incident=keep", "incidentId=", "incidentScope="), "--refresh"]
        done = self.prod.run(argv, self.prod.environ(self.folder))
        assert done.returncode == 0, done.stdout

    def kill(self, when: Callable[[], bool]) -> None:
        """An apply, as soon as `when` holds."""
        argv, environ = self.prod.argv("incident=keep"), self.prod.environ(self.folder)
        with subprocess.Popen(argv, cwd=REPOSITORY, env=environ, stdout=subprocess.DEVNULL, process_group=0) as child:
            while not when():
                assert child.poll() is None
                time.sleep(0.02)
            os.killpg(child.pid, signal.SIGKILL)
        freed = self.prod.run(["pulumi", "cancel", "--yes", "--stack", "prod"], environ)
        assert freed.returncode == 0, freed.stdout

    @contextmanager
    def locked(self, incident: str, scope: str) -> Iterator[None]:
        done = self.prod.lock(incident, scope, self.folder)
        assert done.returncode == 0, done.stdout
        assert contained(incident)
        yield
        self.lift(incident)

    def lift(self, incident: str) -> None:
        self.prod.prove(incident)
        done = self.prod.up("incident=false", f"incidentId={incident}", "incidentScope=", declarations=self.folder)
        assert done.returncode == 0, done.stdout
        assert incident not in self.prod.open()

    def retire(self) -> None:
        """As `apply`, where something goes: the operator may no longer delete what an administrator has forgotten."""
        done = self.prod.keep(self.folder)
        assert done.returncode == 0, done.stdout
        self.onboard()


def batch(actors: Actors) -> str:
    return actors.ci_login("analytics-batch", {"sub": "analytics-batch"})


def leased(actors: Actors, token: str, path: str) -> tuple[str, str]:
    held = actors.read(token, path)
    return held["username"], held["password"]
