"""One size, every contender, one after the other on the same servers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.clock import Refusal
from bench.estate import KEY_PATH, Generated, Progress, Timed
from containment import names
from policies.errors import Unreachable


@dataclass(frozen=True, slots=True)
class Lockdown:
    """Seconds. `to_deny` is None when nothing was refused; `whole` is None when the limit came first."""

    to_deny: float | None
    whole: float | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class Size:
    """`gate_bytes` with every declaration denied; latencies are medians in milliseconds of `lookup-self` by a workload,
    without and with that gate on its token."""

    declarations: int
    ours: Lockdown
    again: Lockdown
    direct: Lockdown
    rival: Lockdown
    bare: Lockdown
    gate_bytes: int
    latency_open: float
    latency_locked: float


def measure(count: int, limit: float, progress: Progress) -> Size:
    """Raises Unreachable when a contender that should finish does not. The servers are stopped in any case."""
    with (
        tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder,
        Generated(Path(folder), count, lambda message: progress(f"N={count}: {message}")) as estate,
    ):

        def timed(what: str, run: Callable[[], Timed]) -> Lockdown:
            progress(f"N={count}: {what}")
            with Refusal(estate.workload(), KEY_PATH) as refusal:
                done = run()
            if done.exit_code and done.finished:
                raise Unreachable(f"{what} exited {done.exit_code}:\n{done.output[-3000:]}")
            return Lockdown(refusal.seconds, done.seconds if done.finished else None, done.exit_code)

        latency_open = estate.workload().milliseconds("auth/token/lookup-self")
        lock = ("incident=true", "incidentId=", "incidentScope=")
        ours = timed("pulumi up --config incident=true", lambda: estate.pulumi(*lock))
        text = estate.vault().read_policy(names.GATE) or ""
        latency_locked = estate.workload().milliseconds("auth/token/lookup-self")
        progress(f"N={count}: the same again, with nothing to change")
        second = estate.pulumi(*lock)
        again = Lockdown(None, second.seconds, second.exit_code)
        progress(f"N={count}: lifting by root")
        estate.settle()
        direct = timed("portcullis contain", estate.contain)
        estate.settle()
        progress(f"N={count}: bare API writes")
        denied, whole = estate.bare()
        estate.settle()
        rival = timed("the plain program", lambda: estate.pulumi("incident=true", rival=True, limit=limit))
        return Size(
            count, ours, again, direct, rival, Lockdown(denied, whole, 0), len(text), latency_open, latency_locked
        )
