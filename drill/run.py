"""The drill: leak, lock down with one `pulumi up`, attack again, and say what held."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drill.actors import Actors, Attempt
from drill.leak import LEAKED, leak
from policies.errors import PortcullisError, Unreachable
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import seed

Progress = Callable[[str], None]


class DrillVoid(PortcullisError):
    """An attack failed before the lock-down, so its refusal afterwards would prove nothing."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Probe:
    what: str
    credential: str
    expected: str
    observed: str

    @property
    def held(self) -> bool:
        return self.expected == self.observed


@dataclass(frozen=True, slots=True)
class Result:
    """`seconds`: `to_deny` and `lockdown` from the start of the lock-down, `total` of the drill."""

    incident: str
    seconds: dict[str, float]
    probes: tuple[Probe, ...]
    pulumi_exit: int
    verdict: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def pulumi(
    sandbox: Sandbox, *config: str, preview: bool = False, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Plain `pulumi up` as a person in the environment shell runs it, in a process group of its own."""
    argv = ["pulumi", "preview" if preview else "up", "--non-interactive", "--stack", "local"]
    argv += [] if preview else ["--yes", "--skip-preview"]
    settings = _project(sandbox) / "Pulumi.local.yaml"
    argv += ["--config-file", str(settings)]
    for item in config:
        argv += ["--config", item]
    env = {**os.environ, **(environ or sandbox.environ())}
    with subprocess.Popen(
        argv, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as child:
        try:
            output, _ = child.communicate()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            raise
    return subprocess.CompletedProcess(argv, child.returncode, output, "")


def _project(sandbox: Sandbox) -> Path:
    """Pulumi writes `--config` values and the stack's salt down: into copies of the sandbox's own, so that a drill
    leaves the checkout as it was."""
    folder = sandbox.root / "pulumi" / "project"
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
        for name in ("Pulumi.local.yaml", "Pulumi.yaml"):
            shutil.copyfile(REPOSITORY / name, folder / name)
    return folder


def ensure_stack(sandbox: Sandbox) -> None:
    """Raises Unreachable with Pulumi's own words."""
    done = subprocess.run(
        ["pulumi", "stack", "select", "--create", "local", "--non-interactive"],
        cwd=_project(sandbox),
        env={**os.environ, **sandbox.environ()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unreachable(f"pulumi stack select: {done.stderr[-500:]}")


def prepare(sandbox: Sandbox, progress: Progress) -> None:
    """Servers up, the whole estate applied, values seeded. Raises Unreachable with Pulumi's own words."""
    sandbox.up(progress)
    ensure_stack(sandbox)
    progress("applying the estate: pulumi up")
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    if done.returncode:
        raise Unreachable(f"pulumi up failed:\n{done.stdout[-3000:]}")
    seed(sandbox, progress)


def run(sandbox: Sandbox, progress: Progress) -> Result:
    """Raises DrillVoid when an attack does not succeed beforehand."""
    begin = time.monotonic()
    prepare(sandbox, progress)
    actors = Actors(sandbox)
    attempts = leak(actors, load())
    for attempt in attempts:
        if not attempt.use() or not attempt.control():
            raise DrillVoid(f"the drill is void: before the lock-down nobody could {attempt.what}")
        progress(f"before: attacker can {attempt.what}")
    incident = time.strftime("DRILL-%Y%m%dT%H%M%SZ", time.gmtime())
    progress(f"pulumi up --config incident=true  ({incident})")
    denied: list[float] = []
    over = threading.Event()
    environ = sandbox.environ()
    start = time.monotonic()
    watcher = threading.Thread(target=_watch, args=(attempts[1], start, denied, over), daemon=True)
    watcher.start()
    done = pulumi(
        sandbox, "incident=true", f"incidentId={incident}", f"incidentScope={','.join(LEAKED.leaked)}", environ=environ
    )
    lockdown = time.monotonic() - start
    over.set()
    watcher.join()
    probes = tuple(_probe(attempt, progress) for attempt in attempts)
    held = done.returncode == 0 and all(p.held for p in probes)
    open_ones = [p.what for p in probes if not p.held]
    verdict = (
        "contained" if held else "not contained: " + "; ".join(open_ones or [f"pulumi up exited {done.returncode}"])
    )
    if done.returncode:
        progress(done.stdout[-3000:])
    seconds = {"to_deny": denied[0] if denied else -1.0, "lockdown": lockdown, "total": time.monotonic() - begin}
    return Result(incident, {k: round(v, 3) for k, v in seconds.items()}, probes, done.returncode, verdict)


def _watch(attempt: Attempt, start: float, denied: list[float], over: threading.Event) -> None:
    """When the attacker's token is refused for the first time."""
    while not over.is_set():
        try:
            if not attempt.use():
                denied.append(time.monotonic() - start)
                return
        except PortcullisError:
            return
        time.sleep(0.01)


def _probe(attempt: Attempt, progress: Progress) -> Probe:
    try:
        used, control = attempt.use(), attempt.control()
        observed = "succeeded" if used else "refused" if control else "refused, and so was the control: proves nothing"
    except PortcullisError as error:
        observed = f"no answer: {error}"
    progress(f"after: {attempt.what}: {observed}")
    return Probe(attempt.what, attempt.credential, "refused", observed)


def report_folder(incident: str) -> Path:
    return REPOSITORY / "reports" / "security" / "incidents" / incident
