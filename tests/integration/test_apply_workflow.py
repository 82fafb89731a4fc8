"""The steps of apply.yml as they stand there, in a shell, against the sandbox: logins by JWT, git, reviews, Pulumi."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from containment import names
from containment.compiled import operators
from sandbox.doubles.github import free_port
from sandbox.environment import REPOSITORY as ROOT
from sandbox.environment import Sandbox
from sandbox.estate import issuer_token
from sandbox.services.github import ADMIN, GithubDouble
from tests.integration.production import Production

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "apply.yml").read_text())
REPOSITORY = "tradepulse/tradepulse-infra"
PRODUCT = ("policies", "access", "containment", "rotation", "stacks", "tools")
WIDER = "policies/access/production/risk-limits-token.yaml"
REVIEWERS = {"sic-lead": "team-security", "sre-oncall": "team-risk"}
CLAIMS = {"repository": REPOSITORY, "environment": "apply"}


@contextmanager
def issuer(box: Sandbox) -> Iterator[str]:
    """GitHub's issuer of tokens for jobs."""

    class Issues(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"value": issuer_token(box, CLAIMS)}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Issues)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/?for=a-job"
    finally:
        server.shutdown()
        server.server_close()


class World:
    """The product on the default branch of the control repository, and one pull request that widens access, merged."""

    def __init__(self, prod: Production, folder: Path) -> None:
        self.prod, self.box, self.folder = prod, prod.box, folder
        self.double = GithubDouble(prod.box.root, prod.box.service("github").port)
        self.origin, self.workspace = folder / "origin", folder / "workspace"

    def ask(self, method: str, path: str, body: Any = None, by: str = ADMIN) -> Any:
        answer = httpx.request(
            method,
            f"{self.double.url}/api/v3/repos/{REPOSITORY}{path}",
            json=body,
            headers={"authorization": f"Bearer {self.double.token(by)}"},
            verify=ssl.create_default_context(cafile=str(self.box.root / "ca.pem")),
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def git(self, *argv: str) -> None:
        name = ["-c", "user.name=Dana", "-c", "user.email=dana-dev@example.invalid"]
        env = {**os.environ, **self.box.environ()}
        subprocess.run(["git", *name, *argv], cwd=self.origin, env=env, check=True, capture_output=True)

    def commit(self, branch: str, by: str) -> None:
        self.git("add", "--all", "--force")
        self.git("commit", "-qm", branch, "--allow-empty")
        self.git("push", "-q", self.double.remote(by, "tradepulse-infra"), f"HEAD:refs/heads/{branch}")

    def begin(self) -> None:
        self.origin.mkdir()
        self.git("init", "-q")
        self.git("fetch", "-q", self.double.remote(ADMIN, "tradepulse-infra"), "main")
        self.git("reset", "-q", "--hard", "FETCH_HEAD")
        for part in PRODUCT:
            shutil.copytree(ROOT / part, self.origin / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("__main__.py", "Pulumi.yaml"):
            shutil.copyfile(ROOT / name, self.origin / name)
        shutil.copyfile(self.prod.config_file, self.origin / "Pulumi.prod.yaml")
        self.commit("begin", ADMIN)
        self._open("begin", ADMIN)
        self.approve(1, *REVIEWERS)
        self.merge(1)
        self.propose("wider", "capabilities: [read]", "capabilities: [read, list]")

    def propose(self, branch: str, old: str, new: str, file_name: str = WIDER) -> None:
        file = self.origin / file_name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        self.commit(branch, "dana-dev")
        self._open(branch, "dana-dev")

    def elsewhere(self, branch: str, base: str) -> None:
        """The same commit, merged into a branch that has the same files already."""
        self.commit(base, "dana-dev")
        self._open(branch, "dana-dev", base)

    def _open(self, branch: str, by: str, base: str = "main") -> None:
        self.ask("POST", "/pulls", {"title": branch, "head": branch, "base": base}, by)

    def approve(self, pull: int, *people: str) -> None:
        for person in people:
            self.ask("POST", f"/pulls/{pull}/reviews", {"event": "APPROVE"}, person)

    def merge(self, pull: int) -> None:
        self.ask("PUT", f"/pulls/{pull}/merge", {}, "sre-oncall")

    def run(self, pull: int = 2) -> subprocess.CompletedProcess[str]:
        """Every step but the set-up, from an empty workspace. Returns the first that fails, or the last."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        temp, output = self.folder / "temp", self.folder / "output"
        shutil.rmtree(temp, ignore_errors=True)
        temp.mkdir()
        output.write_text("")
        programs = self.workspace / ".venv" / "bin"
        programs.mkdir(parents=True)
        for program in ("python", "portcullis"):
            (programs / program).write_text(
                f'#!/bin/sh\nexport PYTHONPATH="{self.workspace}"\n'
                f'exec "{ROOT}/.venv/bin/python" {"-m rotation " if program == "portcullis" else ""}"$@"\n'
            )
            (programs / program).chmod(0o755)
        told = self._environ(temp, output, pull)
        with issuer(self.box) as url:
            for name in ("Check out", "Fetch what was approved", "Plan, approval, apply"):
                step = next(s["run"] for s in WORKFLOW["jobs"]["apply"]["steps"] if s["name"] == name)
                read = dict(line.split("=") for line in output.read_text().splitlines())
                outputs = {key.upper(): value for key, value in read.items()}
                done = subprocess.run(
                    ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],
                    cwd=self.workspace,
                    env={**told, **outputs, "ACTIONS_ID_TOKEN_REQUEST_URL": url},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    break
        return done

    def _environ(self, temp: Path, output: Path, pull: int) -> dict[str, str]:
        box = self.box.environ()
        kept = ("VAULT_ADDR", "VAULT_CACERT", "PULUMI_BACKEND_URL", "TERRAFORM_VAULT_SKIP_CHILD_TOKEN", "PULUMI_HOME")
        told = {
            k: v for k, v in box.items() if k in kept or k.startswith("PORTCULLIS_PG_") or "_CA" in k or "CERT" in k
        }
        assert WORKFLOW["env"].keys() <= told.keys(), "the sandbox's are in their place here"
        return {
            **told,
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "RUNNER_TEMP": str(temp),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REPOSITORY": REPOSITORY,
            "TOKEN": self.double.token(ADMIN),
            "API": f"{self.double.url}/api/v3",
            "SERVER": self.double.url,
            "REPOSITORY": REPOSITORY,
            "REVISION": self.ask("GET", "/branches/main")["commit"]["sha"],
            "PULL": str(pull),
            "OPA_URL": f"http://127.0.0.1:{free_port()}",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-job",
            "GITHUB_BASE_URL": f"{self.double.url}/api/v3",
            "GITHUB_OWNER": "tradepulse",
            "GITHUB_TOKEN": box["GITHUB_TOKEN"],
            "REVIEWS_TOKEN": self.double.token(ADMIN),
            "PORTCULLIS_TEAMS_TOKEN": self.double.token(ADMIN),
            "PULUMI_CONFIG_PASSPHRASE": Path(box["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text(),
            "PULUMI_CONTINUE_ON_ERROR": "true",
            "PORTCULLIS_INCIDENTS": str(self.folder / "incidents"),
        }

    def lists(self) -> bool:
        return "list" in (self.prod.vault().read_policy("pc-w-risk-engine") or "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("box")
    box, person = Sandbox(folder / "sandbox"), GithubDouble._person

    def with_team(double: GithubDouble, login: str, role: str) -> dict[str, Any]:
        return {**person(double, login, role), "teams": [REVIEWERS[login]] if login in REVIEWERS else []}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(folder / "incidents"))
        patch.setattr(GithubDouble, "_person", with_team)
        try:
            made = World(Production.created(box), folder)
            bao, root = box.openbao, box.openbao.root_token()
            for name in (operators.DRIFT, operators.APPROVER):
                role = {**operators.jwt_role(), "bound_claims": CLAIMS, "token_policies": [name]}
                role |= {"token_ttl": 600, "token_max_ttl": 600}
                bao.call("POST", f"auth/{names.JWT}/role/{name}", role, token=root)
            made.begin()
            yield made
        finally:
            box.reset(print)


def test_what_is_merged_is_applied_once_it_is_approved(world: World) -> None:
    early = world.run()
    assert (early.returncode, "this pull request is not merged" in early.stdout) == (5, True), early.stdout
    world.approve(2, "omar-dev", "sre-oncall")
    world.merge(2)
    refused = world.run()
    assert (refused.returncode, "missing  team-security: 0 of 1" in refused.stdout) == (1, True), refused.stdout
    world.elsewhere("wider", "cover")
    world.merge(3)
    elsewhere = world.run(3)
    assert (elsewhere.returncode, "goes to 'cover'" in elsewhere.stdout) == (2, True), elsewhere.stdout
    assert not world.lists()
    world.approve(2, "sic-lead")
    applied = world.run()
    assert (applied.returncode, world.lists()) == (0, True), applied.stdout
    world.propose("narrower", "capabilities: [read, list]", "capabilities: [read]")
    world.approve(4, "omar-dev", "sre-oncall")
    world.merge(4)
    old = world.run(2)
    assert (old.returncode, "check out what it was merged to" in old.stdout) == (2, True), "its approvals still stand"
    applied = world.run(4)
    assert (applied.returncode, world.lists()) == (0, False), applied.stdout
    # What the policy pack, which is asked of no deletion, does not see.
    line = "        vault.Policy(own, name=own, policy=gate.own_policy(workload,"
    world.propose("code", line, f"        if own != 'pc-w-risk-engine': {line.strip()}", "stacks/access.py")
    world.approve(5, "omar-dev", "sre-oncall", "sic-lead")
    world.merge(5)
    removing = world.run(5)
    words = "pc-w-risk-engine is declared, and would be deleted"
    assert (removing.returncode, words in removing.stdout) == (1, True), removing.stdout
    assert world.prod.vault().read_policy("pc-w-risk-engine")
