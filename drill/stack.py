"""Plain `pulumi` as a person in the environment shell runs it, on a project copy that the sandbox owns."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from policies.errors import Unreachable
from sandbox import settings
from sandbox.environment import REPOSITORY, SETTINGS, Sandbox
from sandbox.estate import deliver, seed

Progress = Callable[[str], None]


def pulumi(
    sandbox: Sandbox,
    *config: str,
    preview: bool = False,
    refresh: bool = False,
    environ: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`pulumi up` or `preview` with `--config` for each of `config`, in a process group of its own."""
    argv = ["pulumi", "preview" if preview else "up", "--non-interactive", "--stack", "local"]
    argv += [] if preview else ["--yes", "--skip-preview"]
    argv += ["--refresh"] if refresh else []
    argv += ["--config-file", str(_project(sandbox) / SETTINGS)]
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
        shutil.copyfile(REPOSITORY / "Pulumi.yaml", folder / "Pulumi.yaml")
        (folder / SETTINGS).write_text(settings.clean((REPOSITORY / SETTINGS).read_text()))
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
    """Servers up, the whole estate applied, values seeded, identities delivered. Raises Unreachable."""
    sandbox.up(progress)
    ensure_stack(sandbox)
    progress("applying the estate: pulumi up")
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    if done.returncode:
        raise Unreachable(f"pulumi up failed:\n{done.stdout[-3000:]}")
    seed(sandbox, progress)
    deliver(sandbox)
