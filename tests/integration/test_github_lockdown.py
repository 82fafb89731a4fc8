"""Repositories through a lock-down, on the GitHub double with real git and the real provider: who gets what in."""

from __future__ import annotations

import json
import os
import shlex
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from containment import names
from containment.adapters.github import GithubHost
from containment.adapters.github_api import GithubApi
from containment.adapters.vault import HvacVault
from containment.compiled import operators
from containment.incidents import proofs
from containment.incidents.incident import Incident, Proof
from containment.repository import INCIDENT_BRANCHES, RULESET, RULESETS, BranchRule, Demands, settings
from drill.actors import Actors
from drill.stack import pulumi
from policies.load import load
from sandbox.doubles.github.store import node_id
from sandbox.environment import REPOSITORY, SETTINGS, Sandbox
from sandbox.services.github import ADMIN, APP, GithubDouble, public_key
from tests.integration.audited import written
from tests.integration.prepared import Prepared
from tests.integration.production import changed

PROBED = ("auth/token/create/", "auth/token/revoke-")
CORE, CONNECTORS, CONTROL = "tradepulse-core", "tradepulse-connectors", "tradepulse-infra"
PATTERNS = ("main", INCIDENT_BRANCHES)
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


@pytest.fixture(scope="module")
def world(local: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The estate in peace, in which every attack below succeeds."""
    with local.fresh() as box:
        folder = tmp_path_factory.mktemp("clones")
        made = World(box, folder, {**box.environ(), "PORTCULLIS_INCIDENTS": str(folder / "incidents")})
        yield made


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


def _rule(world: World, repository: str) -> BranchRule:
    return next(rule for rule in world.host.branch_rules(repository) if rule.pattern == "main")


def test_a_protection_that_was_there_is_taken_over_in_place(world: World) -> None:
    """As README says, with the policy pack. It comes first: what follows locks and lifts what was imported."""
    project, env, before = world.sandbox.root / "pulumi" / "project", {**os.environ, **world.environ}, world.stored()
    urn = "urn:pulumi:local::portcullis::portcullis:github:Repository"
    gone = f"{urn}$github:index/branchProtection:BranchProtection::{CORE}-main"
    subprocess.run(["pulumi", "state", "delete", "--yes", "--stack", "local", gone], cwd=project, env=env, check=True)
    mutation = """mutation($rule: ID!) { updateBranchProtectionRule(input: {
        branchProtectionRuleId: $rule, requiredApprovingReviewCount: 3 }) { branchProtectionRule { id } } }"""
    world.owner().graphql("protection", mutation, {"rule": _rule(world, CORE).id})
    failed = world.up()
    assert failed.returncode != 0
    assert "Name already protected: main" in failed.stdout
    assert f"not declared on GitHub: {CORE}-main. Where GitHub says above `Name already protected`" in failed.stdout

    said = (REPOSITORY / "README.md").read_text().partition("    pulumi import ")[2].partition("\n\n")[0]
    for word, value in {"\\\n": "", "STACK": "local", "NAME": CORE, "BRANCH": "main"}.items():
        said = said.replace(word, value)
    subprocess.run(["pulumi", "import", *shlex.split(said)], cwd=project, env=env, check=True)
    argv = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "local"]
    argv += ["--config-file", str(project / SETTINGS), "--policy-pack", str(REPOSITORY / "stacks" / "policy-pack")]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "portcullis@v1.0.0" in done.stdout
    assert changed(done) == ["~ 1 updated"]
    assert world.stored() == before, "the same rule, as it is declared"


@pytest.fixture(scope="module")
def peace(world: World) -> dict[str, bool]:
    assert world.push(NAMED, CORE, "feature/merge-before")[0]
    assert world.merge(DEVELOPER, world.pull(NAMED, CORE, "feature/merge-before", (REVIEWER,)))
    assert world.push(NAMED, CONTROL, "incident/before")[0]
    assert world.merge(DEVELOPER, world.pull(NAMED, CONTROL, "incident/before", (REVIEWER, OTHER_NAMED)))
    assert world.tag(NAMED, CORE, "v1")[0]
    state = json.loads((world.double.folder / "state.json").read_text())
    app = node_id("A", state["apps"][APP]["id"])
    world.open_a_way(_rule(world, CORE).id, f"{DEMANDS}, {MORE}, pushActorIds: [$who, {json.dumps(app)}]")
    world.open_a_way(_rule(world, CONTROL).id, DEMANDS)
    allowed = {"enabled_repositories": "all", "allowed_actions": "selected", "sha_pinning_required": True}
    world.owner().call("PUT", "/orgs/tradepulse/actions/permissions", allowed)
    world.host.add_deploy_key(CORE, TITLE, public_key())
    world.seen["demands"] = [_rule(world, name).demands for name in (CORE, CONTROL)]
    for _ in range(2):
        run = world.ask(DEVELOPER, "POST", f"{CONTROL}/actions/workflows/deploy.yml/dispatches", {"ref": "main"})
        assert run.status_code == 204
    world.seen["stored in peace"] = world.stored()
    return attacks(world)


@pytest.fixture(scope="module")
def locked(world: World, peace: dict[str, bool]) -> str:
    assert set(peace.values()) == {True}, peace
    assert len(world.host.live_runs(CORE)) == 3
    done = world.up("true", scope=f"repository:{CORE}")
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.usefixtures("locked")
def test_nothing_gets_into_a_locked_repository(world: World) -> None:
    assert set(attacks(world).values()) == {False}
    taken, said = world.push(ADMIN, CORE, "main")
    assert not taken
    assert "GH006" in said
    assert "Branch is locked" in said


@pytest.mark.usefixtures("locked")
def test_a_tag_is_neither_made_moved_nor_deleted(world: World) -> None:
    for refused in (
        world.tag(ADMIN, CORE, "v9"),
        world.tag(ADMIN, CORE, "v1", "--force"),
        world.tag(ADMIN, CORE, "v1", "--delete"),
    ):
        assert not refused[0]
        assert "GH013" in refused[1]


@pytest.mark.usefixtures("locked")
def test_what_a_branch_asks_for_beyond_its_declaration_stays(world: World) -> None:
    """By the real provider, which writes every setting whenever one changes. The lift's test compares the rest."""
    _asks_for_what_it_did(world)
    core = world.seen["demands"][0]
    assert core == Demands(("secret-scan", "tests"), True, True, True, True, True, True, (NAMED,))


def _asks_for_what_it_did(world: World) -> None:
    assert world.host.organization_allows() == ("selected", True)
    assert [_rule(world, name).demands for name in (CORE, CONTROL)] == world.seen["demands"]
    assert _rule(world, CORE).pushers == (f"{APP}[bot]", NAMED)


def test_what_the_control_repository_asks_for_beyond_its_declaration_is_told(locked: str) -> None:
    asked = "code owners' reviews, approval of the last push, signed commits, resolved conversations"
    assert f"warning: {CONTROL} main: asks for {asked}: declared nowhere, so merges may wait for it" in locked
    assert f"warning: {CORE}" not in locked, "no merge is waited for there"


@pytest.mark.usefixtures("locked")
def test_no_merge_into_a_locked_repository(world: World) -> None:
    path = world.pull(DEVELOPER, CORE, "feature/open", (REVIEWER, NAMED))
    assert not any(world.merge(login, path) for login in (DEVELOPER, NAMED, ADMIN))


@pytest.mark.usefixtures("locked")
def test_the_control_repository_takes_reviewed_merges_by_the_named(world: World) -> None:
    assert not world.push(NAMED, CONTROL, "main")[0]
    assert not world.push(DEVELOPER, CONTROL, "incident/theirs")[0]
    assert not world.push(ADMIN, CONTROL, "incident/theirs")[0]
    assert world.push(NAMED, CONTROL, "incident/tighten")[0]
    path = world.pull(NAMED, CONTROL, "incident/tighten", (REVIEWER,))
    assert not world.merge(NAMED, path), "one review is not enough"
    assert world.ask(OTHER_NAMED, "POST", f"{path}/reviews", {"event": "APPROVE"}).status_code == 200
    assert not world.merge(DEVELOPER, path)
    assert not world.merge(ADMIN, path)
    assert world.push(NAMED, CONTROL, "incident/tighten")[0]
    assert not world.merge(NAMED, path), "what was approved is not what would be merged"
    for reviewer in (REVIEWER, OTHER_NAMED):
        assert world.ask(reviewer, "POST", f"{path}/reviews", {"event": "APPROVE"}).status_code == 200
    assert world.merge(NAMED, path)


@pytest.mark.usefixtures("locked")
def test_a_rule_for_one_branch_to_review_opens_none(world: World) -> None:
    api = world.owner()
    found = api.graphql("repository", f'query {{ repository(owner: "tradepulse", name: "{CONTROL}") {{ id }} }}', {})
    mutation = """mutation($id: ID!, $pattern: String!) { createBranchProtectionRule(input: {
        repositoryId: $id, pattern: $pattern }) { branchProtectionRule { id } } }"""
    made = api.graphql("protection", mutation, {"id": found["repository"]["id"], "pattern": "incident/evil"})
    assert world.push(DEVELOPER, CONTROL, "incident/evil")[0], "the exact name does not come first: the test is void"
    done = world.up()
    assert done.returncode == 0, done.stdout
    assert f"done: branch protected {CONTROL} other rules of incident/*: incident/evil: declared nowhere" in done.stdout
    assert not world.push(DEVELOPER, CONTROL, "incident/evil")[0]
    delete = """mutation($rule: ID!) { deleteBranchProtectionRule(input: { branchProtectionRuleId: $rule }) {
        clientMutationId } }"""
    api.graphql("protection", delete, {"rule": made["createBranchProtectionRule"]["branchProtectionRule"]["id"]})


@pytest.mark.usefixtures("locked")
def test_no_way_around_a_lock_outlives_the_next_run(world: World) -> None:
    """An owner's leaked token writes it while the incident is open; nothing else tells the rules from those before."""

    def held() -> list[object]:
        return [
            *world.host.branch_rules(CONTROL),
            *(world.host.ruleset(CORE, name, target) for target, name in RULESETS.items()),
        ]

    before, stored = held(), world.stored()["branch_rules"]
    main, proposals = (next(r.id for r in world.host.branch_rules(CONTROL) if r.pattern == p) for p in PATTERNS)
    world.open_a_way(main, "bypassPullRequestActorIds: [$who], allowsDeletions: true, lockAllowsFetchAndMerge: true")
    world.open_a_way(proposals, "bypassForcePushActorIds: [$who], allowsForcePushes: true")
    forks = {"type": "update", "parameters": {"update_allows_fetch_and_merge": True}}
    owner = {"actor_id": 1, "actor_type": "OrganizationAdmin", "bypass_mode": "always"}
    for shown in world.ask(ADMIN, "GET", f"{CORE}/rulesets").json():
        path = f"{CORE}/rulesets/{shown['id']}"
        rules = [r for r in world.ask(ADMIN, "GET", path).json()["rules"] if r["type"] != "update"]
        change = {"bypass_actors": [owner]} if shown["target"] == "branch" else {"rules": [*rules, forks]}
        assert world.ask(ADMIN, "PUT", path, change).status_code == 200
    assert world.push(NAMED, CONTROL, "main")[0], "nobody gets around: the test is void"

    done = world.up()
    assert done.returncode == 0, done.stdout
    assert (
        f"done: branch protected {CONTROL} main: reviewed merges by {NAMED}, {OTHER_NAMED}; nobody gets around it any "
        in done.stdout
    )
    assert (
        f"it let by: its deletion; a fork's sync while it is locked; pushes without a pull request by {NAMED}"
        in done.stdout
    )
    assert f"it let by: force pushes; force pushes by {NAMED}" in done.stdout
    assert f"done: branches locked {CORE}" in done.stdout
    assert f"done: tags locked {CORE}" in done.stdout
    assert not world.push(NAMED, CONTROL, "main")[0]
    assert held() == before
    assert world.stored()["branch_rules"] == stored


def test_runs_are_seen_ended_and_actions_is_off(world: World, locked: str) -> None:
    assert "workflow runs ended tradepulse-core: 3 cancelled and ended" in locked
    host = world.host
    assert host.organization_actions() == "none"
    for name in (CORE, CONNECTORS):
        assert host.live_runs(name) == []
        assert host.actions_enabled(name) is False
    assert len(host.live_runs(CONTROL)) == 2, "the run that locks down may be one of them"


def test_deploy_keys_go_where_the_repository_leaked(world: World, locked: str) -> None:
    assert "deploy keys removed tradepulse-core: removed: deploy host, k\\x1b[8m\\n    done: contained INC-F" in locked
    assert "\x1b" not in locked
    assert world.host.deploy_keys(CORE) == []
    assert len(world.host.deploy_keys(CONNECTORS)) == 1


@pytest.mark.usefixtures("locked")
def test_reviews_are_still_asked_for(world: World) -> None:
    assert [rule.approvals for rule in world.host.branch_rules(CORE)] == [1]


@pytest.mark.usefixtures("locked")
def test_a_second_run_writes_nothing(world: World) -> None:
    before, log = world.stored(), world.sandbox.openbao.audit_log
    since = log.stat().st_size
    again = world.up()
    assert again.returncode == 0, again.stdout
    assert "done:" not in again.stdout
    assert "updated" not in again.stdout
    assert world.stored() == before
    by_it = {path for path in written(log, since) if not path.startswith(PROBED)}
    assert by_it == {f"portcullis/data/evidence/{world.open()}"}, "that it looked is evidence"


@pytest.mark.usefixtures("locked")
def test_a_token_that_github_refuses_ends_nothing_else(world: World) -> None:
    before = world.stored()
    environ = {**world.environ, "GITHUB_TOKEN": "ghp_expired"}
    done = pulumi(world.sandbox, "incident=keep", "incidentId=", "incidentScope=", environ=environ)
    assert done.returncode != 0
    assert "not contained: " in done.stdout
    assert "repositories were not declared: github: GET /orgs/tradepulse/actions/permissions: 401" in done.stdout
    assert "Traceback" not in done.stdout
    assert world.stored() == before


@pytest.mark.usefixtures("locked")
def test_the_stack_and_the_executor_want_the_same(world: World) -> None:
    done = subprocess.run(
        ["pulumi", "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive", "--stack=local"],
        cwd=world.sandbox.root / "pulumi" / "project",
        env={**os.environ, **world.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "unchanged" in done.stdout


@pytest.mark.usefixtures("locked")
def test_the_state_holds_no_token(world: World) -> None:
    state = "".join(p.read_text() for p in (world.sandbox.root / "pulumi" / "state").rglob("*.json*") if p.is_file())
    assert RULESET in state, "the state was not found"
    for file in (world.sandbox.root / "secrets").glob("github.*.token"):
        assert file.read_text() not in state, file.name


@pytest.mark.usefixtures("locked")
def test_the_lift_restores_peace(world: World, peace: dict[str, bool]) -> None:
    done = world.lift()
    assert done.returncode == 0, done.stdout
    held, before = world.stored(), world.seen["stored in peace"]
    assert [rule["lockBranch"] for rule in held["branch_rules"].values()] == [False] * 4
    _asks_for_what_it_did(world)
    assert held["org"]["actions"] == before["org"]["actions"]
    for repository in load().repositories:
        assert world.host.actions_enabled(repository.name) is True
        for target, name in RULESETS.items():
            found = world.host.ruleset(repository.name, name, target)
            assert found is not None
            assert not found.active
    assert attacks(world) == peace


def test_a_host_that_is_down_is_named_and_the_rerun_completes(world: World, peace: dict[str, bool]) -> None:
    assert attacks(world) == peace, "not in peace"
    world.double.kill()
    start = time.monotonic()
    done = world.up("true", scope="repository:tradepulse-connectors")
    assert done.returncode != 0
    assert time.monotonic() - start < 60
    assert "not contained" in done.stdout
    for repository in load().repositories:
        assert f"{repository.name} (branches locked: github:" in done.stdout
    assert "repositories were not declared" in done.stdout
    assert "Traceback" not in done.stdout
    bao = world.sandbox.openbao
    role = bao.call("GET", "auth/jwt/role/cicd", token=bao.root_token())["data"]
    assert names.CI_OFF_CLAIM in role["bound_claims"], "what does not need GitHub goes on"
    world.double.start()
    assert attacks(world) == peace, "nothing had been locked: the test is void"
    again = world.up("true", scope="repository:tradepulse-connectors")
    assert again.returncode == 0, again.stdout
    assert set(attacks(world).values()) == {False}
    lift = world.lift()
    assert lift.returncode == 0, lift.stdout


def test_a_host_killed_in_the_middle_is_named_and_the_rerun_completes(world: World, peace: dict[str, bool]) -> None:
    assert attacks(world) == peace, "not in peace"
    over = threading.Event()

    def kill_at_the_first_lock() -> None:
        while not over.is_set():
            if '"lockBranch": true' in (world.double.folder / "state.json").read_text():
                world.double.kill()
                return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_at_the_first_lock)
    killer.start()
    done = world.up("true", scope="repository:tradepulse-core")
    over.set()
    killer.join()
    assert done.returncode != 0
    assert "not contained" in done.stdout
    assert CORE in done.stdout.partition("not contained")[2]
    world.double.start()
    assert True in attacks(world).values(), "all was locked before the kill: the test is void"
    again = world.up("true", scope="repository:tradepulse-core")
    assert again.returncode == 0, again.stdout
    assert set(attacks(world).values()) == {False}
    lift = world.lift()
    assert lift.returncode == 0, lift.stdout


def contain(world: World, scope: str, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", scope, "--json"]
    env = {**os.environ, **world.environ, **more}
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def test_an_empty_repository_by_the_old_name_is_not_taken_for_the_renamed_one(
    world: World, peace: dict[str, bool]
) -> None:
    """What an owner's leaked token can do before the lock-down."""
    assert attacks(world) == peace, "not in peace"
    api = world.owner()
    moved = f"{CORE}-2"
    real = api.call("PATCH", f"/repos/tradepulse/{CORE}", {"name": moved})["id"]
    decoy = api.call("POST", "/orgs/tradepulse/repos", {"name": CORE})["id"]
    done = contain(world, f"repository:{CORE}")
    assert world.push(DEVELOPER, moved, "feature/open")[0], "the real one is locked: the test is void"
    assert done.returncode == 1, done.stdout
    (failed,) = [e for e in json.loads(done.stdout)["effects"] if e["outcome"] == "failed"]
    assert (failed["what"], failed["target"]) == ("repository is the same", CORE)
    assert failed["detail"] == (
        f"{CORE} is another repository (id {decoy}) than the one that the last apply saw (id {real}): renamed? it is "
        f"{moved} now; rename this one away, rename {moved} back to {CORE}, run again"
    )
    assert [rule.lock for rule in world.host.branch_rules(CORE)] == [True]

    api.call("PATCH", f"/repos/tradepulse/{CORE}", {"name": f"{CORE}-decoy"})
    gone = contain(world, f"repository:{CORE}")
    assert gone.returncode == 3, gone.stdout
    assert f"gone: renamed? The one that the last apply saw has id {real}: it is {moved} now" in gone.stdout
    api.call("PATCH", f"/repos/tradepulse/{moved}", {"name": CORE})
    mended = contain(world, f"repository:{CORE}")
    assert mended.returncode == 0, mended.stdout
    assert set(attacks(world).values()) == {False}
    api.call("DELETE", f"/repos/tradepulse/{CORE}-decoy")
    up = world.up()
    assert up.returncode == 0, up.stdout
    lift = world.lift()
    assert lift.returncode == 0, lift.stdout


def test_contain_without_pulumi_and_the_next_up_agrees(world: World, peace: dict[str, bool]) -> None:
    assert attacks(world) == peace, "not in peace"
    done = contain(world, "exchange-market-key")
    assert done.returncode == 0, done.stderr
    assert set(attacks(world).values()) == {False}
    for repository in load().repositories:
        wanted = settings(repository, locked=True)
        held = {r.pattern for r in world.host.branch_rules(repository.name)}  # GitHub promises no order
        assert held == {r.pattern for r in wanted.branches}
    before = world.stored()
    up = world.up()
    assert up.returncode == 0, up.stdout
    assert "done:" not in up.stdout
    assert world.stored() == before
    assert set(attacks(world).values()) == {False}


@pytest.mark.usefixtures("peace")
def test_a_control_repository_that_leaked_makes_no_operators_token(world: World) -> None:
    """Its jobs log in as the approver and as what looks for drift (docs/adr/0011), before the lock-down too."""
    actors, root = Actors(world.sandbox), world.sandbox.openbao.root_token()
    claims = {"repository": f"tradepulse/{CONTROL}", "environment": "apply"}
    for name in (operators.APPROVER, operators.DRIFT):
        role = {**operators.jwt_role(), "bound_claims": claims, "token_policies": [name]}
        role |= {"token_ttl": 600, "token_max_ttl": 600}
        actors.call("POST", f"auth/{names.JWT}/role/{name}", role, token=root)
    jwt = actors.issuer_token(claims)
    approver, drift = (actors.jwt_login(name, jwt) for name in (operators.APPROVER, operators.DRIFT))
    made = actors.call("POST", f"auth/token/create/{names.APPLY_ROLE}", {"meta": {"pull": "1"}}, token=approver)
    tokens = (approver, drift, made["auth"]["client_token"])

    def alive() -> list[bool]:
        return [actors.allowed(partial(actors.read, token, "auth/token/lookup-self")) for token in tokens]

    assert alive() == [True] * 3
    ours, theirs = world.host.live_runs(CONTROL)
    done = contain(world, f"repository:{CONTROL}", GITHUB_RUN_ID=str(ours))
    assert done.returncode == 0, done.stdout + done.stderr
    assert alive() == [False] * 3
    assert world.host.live_runs(CONTROL) == [ours], f"{theirs} lives"
    for name in (operators.APPROVER, operators.DRIFT):
        assert f"done: login of its jobs off auth/{names.JWT}/role/{name}" in done.stderr
        assert not actors.allowed(partial(actors.ci_login, name, claims))
