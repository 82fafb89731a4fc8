"""The stack `prod` on the embedded environment: Pulumi.prod.yaml as it is, the rest comes from the environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from containment import names
from containment.adapters.minter import HvacApprover
from containment.adapters.vault import HvacVault
from containment.compiled import operators
from containment.folder.record import folder
from containment.incidents.incident import Incident, Proof, State
from containment.incidents.proofs import CONTAINED, DECLARED, required
from drill.actors import Actors
from policies.digest import digest
from policies.errors import Unanswered
from policies.load import ACCESS, load
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import deliver, seed

TRADING = "secret/data/trading/exchange"
PARTNER = "secret/data/partners/api"


@dataclass(frozen=True)
class Production:
    box: Sandbox

    @classmethod
    def created(cls, box: Sandbox) -> Production:
        """Servers up, the stack applied once, values in it and delivered."""
        box.up(print)
        prod = cls(box)
        prod._project.mkdir(parents=True, mode=0o700)
        for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
            shutil.copyfile(REPOSITORY / name, prod._project / name)
        argv = ["pulumi", "stack", "select", "--create", "prod", "--non-interactive"]
        subprocess.run(argv, cwd=prod._project, env={**os.environ, **box.environ()}, check=True)
        done = prod.up("incident=keep")
        assert done.returncode == 0, done.stdout
        seed(box, print)
        deliver(box)
        return prod

    @property
    def _project(self) -> Path:
        return self.box.root / "pulumi" / "project"

    @property
    def config_file(self) -> Path:
        return self._project / "Pulumi.prod.yaml"

    def argv(self, *config: str) -> list[str]:
        argv = ["pulumi", "up", "--non-interactive", "--yes", "--skip-preview", "--stack", "prod"]
        argv += ["--config-file", str(self.config_file)]
        for item in config:
            argv += ["--config", item]
        return argv

    def environ(self, declarations: Path | None = None, token: str = "") -> dict[str, str]:
        """`token`: else one for these declarations, as an approval would make it."""
        chosen = {"PORTCULLIS_DECLARATIONS": str(declarations)} if declarations else {}
        bound = {"VAULT_TOKEN": token or self.bound(declarations)}
        return {**os.environ, **self.box.environ_unchecked(), "PULUMI_STACK": "prod", **bound, **chosen}

    def bound(self, declarations: Path | None = None, ttl: int = operators.APPLY_TTL, **more: str) -> str:
        """A token for these declarations; the standing one, which locks down, while nobody is there to make it."""
        environ = self.box.environ_unchecked()
        said = {"declarations": digest(declarations or ACCESS), "pull": "1", "head": "0" * 40, **more}
        try:
            made = HvacApprover.from_environment(environ).create_token(names.APPLY_ROLE, ttl, meta=said)
        except Unanswered:
            return environ["VAULT_TOKEN"]
        return made.values["token"]

    def up(self, *config: str, declarations: Path | None = None, token: str = "") -> subprocess.CompletedProcess[str]:
        return self.run(self.argv(*config), self.environ(declarations, token))

    @staticmethod
    def run(argv: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            cwd=REPOSITORY,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def lock(self, incident: str, scope: str, declarations: Path | None = None) -> subprocess.CompletedProcess[str]:
        config = ("incident=true", f"incidentId={incident}", f"incidentScope={scope}")
        return self.up(*config, declarations=declarations)

    def keep(self, declarations: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.up("incident=keep", "incidentId=", "incidentScope=", declarations=declarations)

    def lift(self, incident: str) -> subprocess.CompletedProcess[str]:
        return self.up("incident=false", f"incidentId={incident}", "incidentScope=")

    def output(self, name: str) -> str:
        argv = ["pulumi", "stack", "output", name, "--stack", "prod"]
        done = subprocess.run(argv, cwd=REPOSITORY, env=self.environ(), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def vault(self) -> HvacVault:
        return HvacVault.from_environment(self.box.environ_unchecked())

    def open(self) -> list[str]:
        return [i.id for i in self.vault().incidents() if i.state is State.OPEN]

    def gate(self) -> str:
        return self.vault().read_policy(names.GATE) or ""

    def prove(self, incident: str) -> None:
        """Every proof that rotation would write, by whoever may: what is tried here is the lift, not the rotation."""
        vault, estate = self.vault(), load()
        now = vault.now()

        def proven(held: Incident) -> Incident:
            for item in required(held, estate):
                if item not in (CONTAINED, DECLARED):
                    name, _, kind = item.rpartition("/")
                    held = held.with_proof(Proof(name, kind, now, True))
            return held

        vault.update_incident(incident, proven)

    def lifted(self, incident: str) -> str:
        """What the run said."""
        self.prove(incident)
        done = self.lift(incident)
        assert done.returncode == 0, done.stdout
        assert f"incident {incident} is lifted" in done.stdout
        assert incident not in self.open()
        return done.stdout

    def reads(self, workload: str, path: str) -> bool:
        actors = Actors(self.box)
        return actors.allowed(lambda: actors.read(actors.login(*actors.secret_id(workload)), path))


def contained(incident: str) -> bool:
    report = json.loads((folder(incident) / "containment.json").read_text())
    return bool(report["contained"]) and report["not_contained"] == []


def changed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines of the summary that speak of a change."""
    lines = [line.split() for line in done.stdout.splitlines()]
    words = ("created", "updated", "deleted", "replaced")
    return [" ".join(x) for x in lines if len(x) == 3 and x[0] in "+-~" and x[2] in words]


def copied(tmp_path: Path) -> Path:
    """The declarations, to be changed."""
    return Path(shutil.copytree(ACCESS, tmp_path / "access"))
