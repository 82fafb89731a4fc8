"""The repositories of the example estate on the double, and what a leaked token of a member could do there."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from containment.adapters.github import GithubHost
from containment.adapters.github_api import GithubApi
from containment.adapters.vault import HvacVault
from containment.incidents import proofs
from containment.incidents.incident import Incident, Proof
from containment.repository import BranchRule
from drill.stack import pulumi
from policies.load import load
from sandbox.environment import Sandbox
from sandbox.services.github import ADMIN, GithubDouble

CORE, CONNECTORS, CONTROL = "tradepulse-core", "tradepulse-connectors", "tradepulse-infra"
DEVELOPER, REVIEWER, NAMED, OTHER_NAMED = "dana-dev", "omar-dev", "sic-lead", "sre-oncall"


@dataclass
class World:
    sandbox: Sandbox
    folder: Path
    environ: dict[str, str]
    clones: int = 0
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def double(self) -> GithubDouble:
        service = self.sandbox.service("github")
        assert isinstance(service, GithubDouble)
        return service

    @property
    def host(self) -> GithubHost:
        return GithubHost.from_environment(self.environ)

    def up(self, incident: str = "keep", scope: str = "", incident_id: str = "") -> subprocess.CompletedProcess[str]:
        config = (f"incident={incident}", f"incidentId={incident_id}", f"incidentScope={scope}")
        return pulumi(self.sandbox, *config, environ=self.environ)

    def open(self) -> str:
        vault = HvacVault.from_environment(self.environ)
        return next(i.id for i in vault.incidents() if i.state == "open")

    def lift(self) -> subprocess.CompletedProcess[str]:
        """With every proof on record, as rotation writes them."""
        vault = HvacVault.from_environment(self.environ)
        now = vault.now()

        def proven(incident: Incident) -> Incident:
            for item in proofs.required(incident, load()):
                name, _, kind = item.rpartition("/")
                incident = incident.with_proof(Proof(name, kind, now, True)) if name else incident
            return incident

        incident = vault.update_incident(self.open(), proven)
        return self.up("false", incident_id=incident.id)

    def ask(self, login: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.double.token(login)}"}
        url = f"{self.double.url}/api/v3/repos/tradepulse/{path}"
        trust = ssl.create_default_context(cafile=self.environ["SSL_CERT_FILE"])
        return httpx.request(method, url, json=body, headers=headers, verify=trust, trust_env=False)

    def owner(self) -> GithubApi:
        """By the token of an owner of the organization."""
        return GithubApi(f"{self.double.url}/api/v3", self.double.token(ADMIN), self.environ["SSL_CERT_FILE"])

    def open_a_way(self, rule: str, settings: str) -> None:
        """What an owner of the organization can write into a branch's protection, for `NAMED`."""
        api = self.owner()
        who = api.graphql("user", "query($login: String!) { user(login: $login) { id } }", {"login": NAMED})
        mutation = f"""mutation($rule: ID!, $who: ID!) {{ updateBranchProtectionRule(input: {{
            branchProtectionRuleId: $rule, {settings} }}) {{ branchProtectionRule {{ id }} }} }}"""
        api.graphql("protection", mutation, {"rule": rule, "who": who["user"]["id"]})

    def push(self, login: str, repository: str, branch: str) -> tuple[bool, str]:
        """A new commit on the branch as it stands, or on a new branch, pushed with real git."""
        self.clones += 1
        clone = self.folder / f"{self.clones}"
        git(self, "clone", "-q", self.double.remote(login, repository), str(clone), cwd=self.folder)
        git(self, "checkout", "-q", "-B", branch, f"origin/{branch}", cwd=clone, check=False)
        git(self, "checkout", "-q", "-B", branch, cwd=clone)
        (clone / f"{self.clones}.txt").write_text(login)
        git(self, "add", "-A", cwd=clone)
        git(self, "-c", f"user.name={login}", "-c", "user.email=a@example.invalid", "commit", "-qm", "x", cwd=clone)
        done = git(self, "push", "-q", "origin", branch, cwd=clone, check=False)
        return done.returncode == 0, done.stderr

    def tag(self, login: str, repository: str, name: str, *options: str) -> tuple[bool, str]:
        """The newest commit of main as a tag, pushed with real git."""
        self.clones += 1
        clone = self.folder / f"{self.clones}"
        git(self, "clone", "-q", self.double.remote(login, repository), str(clone), cwd=self.folder)
        git(self, "tag", "-f", name, cwd=clone)
        done = git(self, "push", "-q", *options, "origin", f"refs/tags/{name}", cwd=clone, check=False)
        return done.returncode == 0, done.stderr

    def pull(self, login: str, repository: str, branch: str, reviewers: tuple[str, ...]) -> str:
        """An open, reviewed pull request: its path."""
        made = self.ask(login, "POST", f"{repository}/pulls", {"title": branch, "head": branch, "base": "main"})
        path = f"{repository}/pulls/{made.json()['number']}"
        for reviewer in reviewers:
            assert self.ask(reviewer, "POST", f"{path}/reviews", {"event": "APPROVE"}).status_code == 200
        return path

    def merge(self, login: str, path: str) -> bool:
        return self.ask(login, "PUT", f"{path}/merge", {}).status_code == 200

    def stored(self) -> dict[str, Any]:
        """What GitHub holds, whatever the order; beside runs, whose clock goes on."""
        state = json.loads((self.double.folder / "state.json").read_text())
        for ruleset in state["rulesets"].values():
            del ruleset["updated_at"]
            ruleset["rules"].sort(key=lambda rule: str(rule["type"]))
        for rule in state["branch_rules"].values():
            rule["pushActorIds"].sort()
            rule["requiredStatusCheckContexts"].sort()
        kept = {name: state[name] for name in ("org", "branch_rules", "rulesets")}
        return kept | {"repos": {n: [r["actions"], r["keys"]] for n, r in state["repos"].items()}}


def git(world: World, *arguments: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **world.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null"}
    return subprocess.run(["git", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=check)


def attacks(world: World) -> dict[str, bool]:
    """What a leaked token of a developer or an owner of the organization could do, and which of it succeeds."""
    at = str(time.monotonic_ns())
    seen = {
        "developer, other branch": world.push(DEVELOPER, CORE, "feature/open")[0],
        "developer, new branch": world.push(DEVELOPER, CORE, f"feature/{at}")[0],
        "owner, default branch": world.push(ADMIN, CORE, "main")[0],
        "owner, new branch": world.push(ADMIN, CONNECTORS, f"owner/{at}")[0],
        "developer, control repository": world.push(DEVELOPER, CONTROL, "feature/open")[0],
        "developer, new tag": world.tag(DEVELOPER, CORE, f"v{at}")[0],
        "owner, new tag": world.tag(ADMIN, CONNECTORS, f"v{at}")[0],
        "named, new tag of the control repository": world.tag(NAMED, CONTROL, f"v{at}")[0],
    }
    dispatch = f"{CORE}/actions/workflows/deploy.yml/dispatches"
    seen["developer, workflow"] = world.ask(DEVELOPER, "POST", dispatch, {"ref": "main"}).status_code == 204
    return seen


DEMANDS = """requiresCodeOwnerReviews: true, requireLastPushApproval: true, requiresCommitSignatures: true,
    requiresConversationResolution: true, restrictsReviewDismissals: true, reviewDismissalActorIds: [$who]"""
MORE = """requiresStatusChecks: true, requiresStrictStatusChecks: true, requiresLinearHistory: true,
    requiredStatusCheckContexts: ["tests", "secret-scan"], restrictsPushes: true, blocksCreations: true"""


TITLE = "k\x1b[8m\n    done: contained INC-F: on the server's record"
"""Of a deploy key that somebody made who means to be believed."""


def rule_of(world: World, repository: str) -> BranchRule:
    return next(rule for rule in world.host.branch_rules(repository) if rule.pattern == "main")
