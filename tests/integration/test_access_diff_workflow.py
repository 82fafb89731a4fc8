"""The steps of access-diff.yml as they stand there, in a shell, against the GitHub double, its git and the real OPA."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.doubles.github import Running, free_port, start

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "access-diff.yml").read_text())
REPOSITORY = "tradepulse/tradepulse-infra"
PEOPLE = {
    "owner": [],
    "dana": [],
    "rita": ["team-risk"],
    "tom": ["team-trading"],
    "mark": ["team-market-data"],
    "pam": ["team-partners"],
    "sam": ["team-security"],
    "actions": [],
}
PRODUCT = ("policies", "access", "containment", "rotation", "tools", ".github")
DECLARED = Path("policies/access/production")
WIDER = "policies/access/production/risk-limits-token.yaml"


def _step(job: str, name: str) -> str:
    found: str = next(s["run"] for s in WORKFLOW["jobs"][job]["steps"] if s["name"] == name)
    return found


@dataclass
class World:
    double: Running
    folder: Path

    def ask(self, method: str, path: str, body: Any = None, by: str = "owner") -> Any:
        url = f"{self.double.url}/api/v3/repos/{REPOSITORY}{path}"
        answer = httpx.request(method, url, json=body, headers={"authorization": f"Bearer ghp-{by}-000"})
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def git(self, *argv: str) -> str:
        name = ["-c", "user.name=Dana", "-c", "user.email=dana@example.invalid"]
        done = subprocess.run(
            ["git", *name, *argv], cwd=self.folder / "origin", check=True, capture_output=True, text=True
        )
        return done.stdout

    def push(self, branch: str, by: str) -> None:
        self.git("add", "--all", "--force")
        self.git("commit", "-qm", branch, "--allow-empty")
        url = self.double.url.replace("://", f"://x:ghp-{by}-000@")
        self.git("push", "-qf", f"{url}/{REPOSITORY}.git", f"HEAD:refs/heads/{branch}")

    def workspace(self) -> Path:
        made = self.folder / "workspace"
        (made / ".venv" / "bin").mkdir(parents=True)
        script = made / ".venv" / "bin" / "portcullis"
        script.write_text(f'#!/bin/sh\nPYTHONPATH="{made}" exec "{ROOT}/.venv/bin/python" -m rotation "$@"\n')
        script.chmod(0o755)
        return made

    def run(self, job: str, step: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """As a runner does: `bash -e` with pipefail, in the workspace, with nothing else in the environment."""
        told = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "TOKEN": "ghp-actions-000",
            "API": f"{self.double.url}/api/v3",
            "SERVER": self.double.url,
            "REPOSITORY": REPOSITORY,
            "PULL": "1",
            **environ,
        }
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", _step(job, step)]
        return subprocess.run(
            argv, cwd=self.folder / "workspace", env=told, capture_output=True, text=True, check=False
        )

    def judge(self, pull: int = 1) -> subprocess.CompletedProcess[str]:
        """Every step of the job but the set-up, from an empty workspace."""
        for left in ("workspace", "temp"):
            shutil.rmtree(self.folder / left, ignore_errors=True)
        (self.folder / "output").write_text("")
        (self.folder / "temp").mkdir()
        self.workspace()
        revision = self.ask("GET", "/branches/main")["commit"]["sha"]
        for name, more in (("Check out", {"REVISION": revision}), ("Fetch what is proposed", {})):
            done = self.run("access-diff", name, PULL=str(pull), **more)
            assert done.returncode == 0, done.stderr
        outputs = dict(line.split("=") for line in (self.folder / "output").read_text().splitlines())
        return self.run(
            "access-diff",
            "Check, diff, approval",
            OPA_URL=f"http://127.0.0.1:{free_port()}",
            BASE=outputs["base"],
            HEAD=outputs["head"],
            PULL=str(pull),
            GITHUB_BASE_URL=f"{self.double.url}/api/v3",
            GITHUB_TOKEN="ghp-actions-000",
            PORTCULLIS_TEAMS_TOKEN="",
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    seed = tmp_path / "seed.json"
    users = [{"login": name, "token": f"ghp-{name}-000", "teams": teams} for name, teams in PEOPLE.items()]
    users[0]["role"] = "admin"
    repos = [{"name": "tradepulse-infra", "permissions": dict.fromkeys(PEOPLE, "write")}]
    seed.write_text(json.dumps({"org": {"login": "tradepulse"}, "users": users, "repos": repos}))
    seed.chmod(0o600)
    double = start(tmp_path / "state", seed)
    try:
        made = World(double, tmp_path)
        for folder in PRODUCT:
            shutil.copytree(ROOT / folder, tmp_path / "origin" / folder, ignore=shutil.ignore_patterns("__pycache__"))
        made.git("init", "-q")
        made.push("main", "owner")
        yield made
        assert httpx.get(f"{double.url}/_double/violations").json() == []
    finally:
        double.stop()


def _propose(world: World, old: str, new: str) -> None:
    file = world.folder / "origin" / WIDER
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    _open(world)


def _open(world: World) -> None:
    world.push("proposed", "dana")
    world.ask("POST", "/pulls", {"title": "Proposed", "head": "proposed", "base": "main"}, "dana")


def _comment(world: World) -> str:
    (only,) = world.ask("GET", "/issues/1/comments")
    assert only["user"]["login"] == "actions"
    return html.unescape(only["body"])


def test_a_widening_fails_until_it_is_approved(world: World) -> None:
    _propose(world, "capabilities: [read]", "capabilities: [read, list]")
    refused = world.judge()
    assert (refused.returncode, "missing  team-risk: 0 of 1" in refused.stdout) == (1, True), refused.stderr
    assert "### Not approved yet" in _comment(world)
    for person in ("rita", "sam"):
        world.ask("POST", "/pulls/1/reviews", {"event": "APPROVE"}, person)
    approved = world.judge()
    assert approved.returncode == 0, approved.stdout + approved.stderr
    assert "### Approved" in _comment(world)


REPOSITORY_TOO = """apiVersion: portcullis/v1
kind: Repository
metadata: {name: toys}
spec:
  owner: team-risk
  defaultBranch: main
  control: false
  mergers: []
  requiredApprovals: 1
  actionsSecrets: [{name: K, secret: partner-api-key}]
"""


def test_a_new_repository_has_a_secret_only_by_both_owners_and_security(world: World) -> None:
    folder = world.folder / "origin" / "policies" / "access"
    (folder / "production" / "repository-toys.yaml").write_text(REPOSITORY_TOO)
    _open(world)
    assert _asked_for(world, ("rita", "pam", "sam")) == {"team-risk", "team-partners", "team-security"}
    assert "copy of secret/data/partners/api as K" in _comment(world)


IDENTITY_TOO = """apiVersion: portcullis/v1
kind: Workload
metadata: {name: toys}
spec:
  owner: team-risk
  auth: jwt
  ttl: {default: 5m, max: 15m}
  boundClaims: {sub: "repo:mallory/fork:ref:refs/heads/x"}
"""


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_a_new_identity_needs_the_owner_whom_it_names_and_security(world: World, environment: str) -> None:
    """Though it is granted nothing yet."""
    folder = world.folder / "origin" / "policies" / "access"
    (folder / environment / "workload-toys.yaml").write_text(IDENTITY_TOO)
    _open(world)
    assert _asked_for(world, ("rita", "sam")) == {"team-risk", "team-security"}
    assert "repo:mallory/fork:ref:refs/heads/x" in _comment(world)


def test_what_is_taken_out_needs_its_owner_and_what_is_declared_anew_security(world: World) -> None:
    folder = world.folder / "origin" / "policies" / "access" / "staging"
    file = folder / "market-data-ingest-staging.yaml"
    text = file.read_text()
    file.unlink()
    _open(world)
    assert _asked_for(world, ("mark",)) == {"team-market-data"}
    world.ask("PUT", "/pulls/1/merge", {})
    mine = text.replace("name: market-data-ingest-staging", "name: toys").replace("team-market-data", "team-risk")
    (folder / "toys.yaml").write_text(mine)
    world.push("mine", "dana")
    world.ask("POST", "/pulls", {"title": "Mine", "head": "mine", "base": "main"}, "dana")
    assert _asked_for(world, ("rita", "sam"), pull=2) == {"team-risk", "team-security"}


CODE = ("policies/sql.py", "Pulumi.prod.yaml", ".github/workflows/apply.yml")


@pytest.mark.parametrize("file", CODE)
def test_code_that_decides_access_needs_security(world: World, file: str) -> None:
    """Whose changes no declaration tells: a grant in a template, `approvalRequired`, the workflow that applies."""
    with (world.folder / "origin" / file).open("a") as code:
        code.write("# proposed\n")
    (world.folder / "origin" / "README.md").write_text("Nobody decides by it.\n")
    _open(world)
    assert _asked_for(world, ("sam",)) == {"team-security"}
    assert f"1 file: {file}" in _comment(world)


def test_code_that_compiles_break_glass_needs_two_of_security(world: World) -> None:
    file = world.folder / "origin" / "containment" / "compiled" / "operators.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as code:
        code.write("# proposed\n")
    _open(world)
    world.ask("POST", "/pulls/1/reviews", {"event": "APPROVE"}, "sam")
    refused = world.judge()
    assert (refused.returncode, "missing  team-security: 1 of 2" in refused.stdout) == (1, True), refused.stdout


def test_what_is_harmless_needs_nobody(world: World) -> None:
    (world.folder / "origin" / "docs").mkdir()
    for file in ("README.md", "docs/adr.html"):
        (world.folder / "origin" / file).write_text("Nobody decides by it.\n")
    _open(world)
    assert world.judge().returncode == 0


def test_what_leaves_production_needs_its_owners_and_security(world: World) -> None:
    folder = world.folder / "origin" / "policies" / "access"
    infra = "repository-tradepulse-infra.yaml"
    (folder / "production" / infra).rename(folder / "staging" / infra)
    _open(world)
    refused = world.judge()
    assert (refused.returncode, "missing  team-security: 0 of 1" in refused.stdout) == (1, True), refused.stderr


def _asked_for(world: World, approving: tuple[str, ...], pull: int = 1) -> set[str]:
    """The teams that must approve; none is missing once these have."""
    refused = world.judge(pull)
    assert refused.returncode == 1, refused.stdout + refused.stderr
    teams = {line.split(":")[0].removeprefix("missing  ") for line in refused.stdout.splitlines() if ": 0 of 1" in line}
    for person in approving:
        world.ask("POST", f"/pulls/{pull}/reviews", {"event": "APPROVE"}, person)
    approved = world.judge(pull)
    assert approved.returncode == 0, approved.stdout + approved.stderr
    return teams


def test_two_secrets_that_change_names_need_both_owners(world: World) -> None:
    """Each path is granted to whom it was, and a scope, a separation and an upstream tag mean the other one."""
    folder = world.folder / "origin" / DECLARED
    for file, old, new in (
        ("exchange-market-key", "name: exchange-market-key", "name: partner-api-key"),
        ("partner-api-key", "name: partner-api-key", "name: exchange-market-key"),
        ("ci-cicd", "[partner-api-key]", "[exchange-market-key]"),
    ):
        text = (folder / f"{file}.yaml").read_text()
        assert old in text
        (folder / f"{file}.yaml").write_text(text.replace(old, new))
    _open(world)
    assert _asked_for(world, ("mark", "pam", "sam")) == {"team-market-data", "team-partners", "team-security"}
    assert "name" in _comment(world)


def test_a_pull_request_to_another_branch_is_not_judged(world: World) -> None:
    """There the same commit widens nothing, and its status would be this one's."""
    assert WORKFLOW[True]["pull_request_target"]["branches"] == ["main"], "YAML reads `on` as a truth"
    _propose(world, "capabilities: [read]", "capabilities: [read, list]")
    world.push("cover", "dana")
    world.ask("POST", "/pulls", {"title": "Nothing", "head": "proposed", "base": "cover"}, "dana")
    refused = world.judge(2)
    assert (refused.returncode, "goes to 'cover'" in refused.stderr) == (2, True), refused.stderr
    assert world.ask("GET", "/issues/2/comments") == []


def test_what_is_proposed_cannot_leave_itself_out(world: World) -> None:
    hidden = f"{WIDER} export-ignore\npolicies/access/production/broken.yaml export-ignore\n"
    (world.folder / "origin" / ".gitattributes").write_text(hidden)
    _propose(world, "capabilities: [read]", "capabilities: [read, list]")
    refused = world.judge()
    assert (refused.returncode, "missing  team-risk: 0 of 1" in refused.stdout) == (1, True), refused.stderr
    (world.folder / "origin" / "policies" / "access" / "production" / "broken.yaml").write_text("kind: nothing")
    world.push("proposed", "dana")
    refused = world.judge()
    assert (refused.returncode, "broken.yaml" in refused.stdout + refused.stderr) == (2, True), refused.stderr


def test_what_is_proposed_leads_nowhere_else(world: World) -> None:
    """To the base's own declarations, by an absolute link; and by a folder in the base that is called as a commit."""
    declared = world.folder / "origin" / "policies" / "access"
    base = world.ask("GET", "/branches/main")["commit"]["sha"]
    _propose(world, "capabilities: [read]", "capabilities: [read, list]")
    proposed = world.folder / "proposed"
    shutil.copytree(declared, proposed)
    shutil.rmtree(declared)
    declared.symlink_to(world.folder / "workspace" / "policies" / "access")
    world.push("proposed", "dana")
    refused = world.judge()
    assert (refused.returncode, "is a symbolic link" in refused.stderr + refused.stdout) == (2, True), refused.stderr
    declared.unlink()
    shutil.copytree(proposed, declared)
    world.push("proposed", "dana")
    world.git("checkout", "-q", base)
    shutil.copytree(proposed, world.folder / "origin" / base)
    world.push("main", "owner")
    refused = world.judge()
    assert (refused.returncode, "missing  team-risk: 0 of 1" in refused.stdout) == (1, True), refused.stderr


def test_nothing_of_what_is_proposed_is_run(world: World) -> None:
    """A pull request that puts its own code, rules and workflow in place of the base's."""
    planted = world.folder / "planted"
    for file in ("rotation/__init__.py", "policies/__init__.py", "access/__init__.py"):
        (world.folder / "origin" / file).write_text(f"open({str(planted)!r}, 'w')\n")
    rule = world.folder / "origin" / "policies" / "rego" / "portcullis" / "approval" / "approval.rego"
    rule.write_text("package portcullis.approval\n\nallow := true\n\nmissing := []\n")
    _propose(world, "capabilities: [read]", "capabilities: [read, list]")
    assert world.judge().returncode == 1
    assert not planted.exists()


def test_a_review_starts_it_again_on_the_default_branch(world: World) -> None:
    (world.folder / "workspace").mkdir()
    done = world.run("again", "Start", REF="main")
    assert done.returncode == 0, done.stderr
    runs = world.ask("GET", "/actions/runs")["workflow_runs"]
    assert [(run["event"], run["head_branch"]) for run in runs] == [("workflow_dispatch", "main")]
