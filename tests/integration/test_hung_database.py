"""PostgreSQL is stopped, as by a host that hangs: it takes connections and says nothing. What does not need it is done
first, what does is named after it was asked once, and the same command completes when it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from containment import direct
from containment.absent import Done
from containment.adapters.vault import HvacVault
from containment.effects import database
from containment.report import Outcome
from containment.run import Progress
from drill.actors import Actors
from sandbox.environment import Sandbox
from tests.integration.leaked_user import issue

pytestmark = pytest.mark.usefixtures("environ")
_BOUND = 120
"""Seconds; each request to OpenBao that needs the database waits for 30, and there may be many."""
_OTHER = "partner-gateway"
SILENT = "does not answer, and is not asked again in this run"


@contextmanager
def _stopped(sandbox: Sandbox) -> Iterator[None]:
    """With all of its sessions."""
    main = sandbox.postgres.process.running()
    assert main is not None
    os.kill(main, signal.SIGSTOP)
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(main)], capture_output=True, text=True, check=True)
    pids = [main, *map(int, listed.stdout.split())]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _contain(incident: str, scope: str, progress: Progress = print) -> Done:
    began = time.monotonic()
    done = direct.contain(HvacVault.for_containment(), incident, scope, progress)
    assert time.monotonic() - began < _BOUND
    return done


def _at(done: Done, what: str, whose: str) -> tuple[set[Outcome], list[float]]:
    found = [e for e in done.report.effects if e.what == what and e.target.startswith(whose)]
    assert found
    return {e.outcome for e in found}, [e.at for e in found]


def test_one_that_hangs_is_asked_once_and_keeps_nothing_else_waiting(sandbox: Sandbox) -> None:
    actors, role, workload = Actors(sandbox), "analytics-readonly", "analytics-api"
    for _ in range(2):
        issue(sandbox, workload, role)
    actors.login(*actors.secret_id(_OTHER))
    with _stopped(sandbox):
        hung = _contain("HUNG-1", f"{role},partner-api-key")
    assert _at(hung, database.LEASE_REVOKED, role)[0] == {Outcome.FAILED}
    for whose in (_OTHER, workload):
        outcomes, times = _at(hung, "token revoked", whose)
        assert outcomes == {Outcome.DONE}
        assert max(times) < min(_at(hung, database.LEASE_REVOKED, role)[1])
    assert len(hung.report.not_contained) == 2, "its users, by the database itself, and its leases"
    assert all(role in point and SILENT in point for point in hung.report.not_contained)
    assert _contain("HUNG-1", "").report.not_contained == ()


def test_one_that_begins_to_hang_in_the_middle(sandbox: Sandbox) -> None:
    actors, role, workload = Actors(sandbox), "treasury-readonly", "treasury-report"
    issue(sandbox, workload, role)
    actors.login(*actors.secret_id(_OTHER))
    with ExitStack() as stack:
        stopped: list[str] = []

        def stop(said: str) -> None:
            if f"done: database sessions ended {role}" in said and not stopped:
                stopped.append(said)
                stack.enter_context(_stopped(sandbox))

        hung = _contain("HUNG-2", f"{role},risk-limits-token,partner-api-key", stop)
        assert stopped
    assert _at(hung, database.LEASE_REVOKED, role)[0] == {Outcome.FAILED}
    outcomes, times = _at(hung, "token revoked", _OTHER)
    assert outcomes == {Outcome.DONE}
    assert max(times) < min(_at(hung, database.LEASE_REVOKED, role)[1])
    assert any(role in point and SILENT in point for point in hung.report.not_contained)
    assert _contain("HUNG-2", "").report.not_contained == ()
