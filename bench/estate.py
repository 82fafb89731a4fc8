"""One sandbox with N generated declarations, and what the contenders do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.clock import Client
from bench.declarations import generate, name
from containment import executor, names
from containment.adapters.vault import HvacVault
from containment.compiled import gate
from containment.incidents.decide import lifted
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.systems import from_environment
from drill.stack import ensure_stack
from policies.errors import Unreachable
from policies.load import load
from policies.model import DatabaseSecret, Estate
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import seed

Progress = Callable[[str], None]
KEY_PATH = "secret/data/bench/key"
RIVAL = REPOSITORY / "bench" / "rival"
_QUICK = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
_CAP = {"default_ttl": 900, "max_ttl": 900}
_LOGIN = {"token_ttl": 1800, "token_max_ttl": 1800}


@dataclass(frozen=True, slots=True)
class Timed:
    seconds: float
    exit_code: int
    finished: bool
    output: str


def _quietly(_: str) -> None:
    """A line for each of a thousand roles tells nobody anything."""


class Generated:
    def __init__(self, folder: Path, count: int, progress: Progress) -> None:
        self._declarations = folder / "access"
        generate(self._declarations, count)
        os.environ["PORTCULLIS_DECLARATIONS"] = str(self._declarations)
        os.environ["PORTCULLIS_INCIDENTS"] = str(folder / "incidents")
        self.sandbox = Sandbox(folder / "sandbox")
        self._progress = progress

    def __enter__(self) -> Generated:
        try:
            self.sandbox.up(self._progress)
            ensure_stack(self.sandbox)
            self._environ = {**os.environ, **self.sandbox.environ()}
            self.settle()
            seed(self.sandbox, self._progress)
        except BaseException:
            self.sandbox.reset(self._progress)
            raise
        self.load: Estate = load()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.reset(self._progress)

    def settle(self) -> None:
        """Nothing locked: every incident lifted by root, both policies open, every resource as declared. Not timed,
        so it is root's too, and skips the checkpoints that a timed run writes."""
        vault = self.vault(root=True)
        for incident in vault.incidents():
            if incident.state is State.OPEN:
                vault.update_incident(incident.id, partial(lifted, now=vault.now()))
                estate = load()
                systems = from_environment(vault, estate, self._environ)
                if failed := executor.uncap(systems, estate, vault.incidents(), incident, _quietly):
                    raise Unreachable(f"not restored: {'; '.join(failed)}")
        for policy in names.SHARED:
            vault.write_policy(policy, gate.open_policy())
        done = self.pulumi("incident=keep", "incidentId=", "incidentScope=", setup=True)
        if done.exit_code:
            raise Unreachable(f"the estate could not be applied:\n{done.output[-3000:]}")

    def vault(self, *, root: bool = False) -> HvacVault:
        bao = self.sandbox.openbao
        token = bao.root_token() if root else (self.sandbox.root / "secrets" / "operator.token").read_text()
        return HvacVault(bao.url, token, str(self.sandbox.root / "ca.pem"))

    def workload(self, index: int = 0) -> Client:
        """A workload that has just logged in."""
        bao, root = self.sandbox.openbao, self.sandbox.openbao.root_token()
        base = f"auth/approle/role/{name(index)}"
        role = bao.call("GET", f"{base}/role-id", token=root)["data"]["role_id"]
        secret = bao.call("POST", f"{base}/secret-id", {}, token=root)["data"]["secret_id"]
        auth = bao.call("POST", "auth/approle/login", {"role_id": role, "secret_id": secret})["auth"]
        return Client(bao.url, self.sandbox.root / "ca.pem", auth["client_token"])

    def pulumi(self, *config: str, rival: bool = False, setup: bool = False, limit: float | None = None) -> Timed:
        settings = self.sandbox.root / "pulumi" / "project" / "Pulumi.local.yaml"
        argv = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "local"]
        argv += ["--config-file", str(settings), *(word for item in config for word in ("--config", item))]
        quick = {"VAULT_TOKEN": self.sandbox.openbao.root_token(), **_QUICK} if setup else {}
        return self._run(argv, RIVAL if rival else REPOSITORY, {**self._environ, **quick}, limit)

    def contain(self) -> Timed:
        return self._run([sys.executable, "-m", "rotation", "contain", "--json"], REPOSITORY, self._environ, None)

    def bare(self) -> tuple[float, float]:
        """Seconds to the gate and to the last write, of the writes alone: nothing observed before or proven after."""
        vault = self.vault(root=True)
        everything = Incident("BARE", Scope(everything=True), State.OPEN, opened_at=1)
        text = gate.gate(affected(self.load, [everything]))
        roles = [(f"database/roles/{s.name}", _CAP) for s in self.load.secrets if isinstance(s.secret, DatabaseSecret)]
        roles += [(f"auth/{names.APPROLE}/role/{w.name}", _LOGIN) for w in self.load.workloads]
        begin = time.monotonic()
        vault.write_policy(names.GATE, text)
        denied = time.monotonic() - begin
        with ThreadPoolExecutor(16) as pool:
            for _ in pool.map(lambda role: vault.write(*role), roles):
                pass
        return denied, time.monotonic() - begin

    def _run(self, argv: list[str], cwd: Path, environ: Mapping[str, str], limit: float | None) -> Timed:
        begin = time.monotonic()
        with subprocess.Popen(
            argv, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
        ) as child:
            try:
                output, _ = child.communicate(timeout=limit)
                finished = True
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGINT)  # Pulumi ends what is under way and saves
                output, _ = child.communicate()
                finished = False
            except BaseException:
                os.killpg(child.pid, signal.SIGTERM)
                raise
        return Timed(time.monotonic() - begin, child.returncode, finished, output)
