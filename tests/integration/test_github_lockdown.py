"""Repositories through a lock-down, on the GitHub double with real git and the real provider: who gets what in."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from containment.repository import INCIDENT_BRANCHES, RULESET, RULESETS, Demands
from drill.stack import pulumi
from policies.load import load
from sandbox.environment import REPOSITORY, SETTINGS
from sandbox.services.github import ADMIN, APP
from tests.integration.audited import written
from tests.integration.github_world import (
    CONNECTORS,
    CONTROL,
    CORE,
    DEVELOPER,
    NAMED,
    OTHER_NAMED,
    REVIEWER,
    World,
    attacks,
    rule_of,
)
from tests.integration.production import changed

PROBED = ("auth/token/create/", "auth/token/revoke-")
PATTERNS = ("main", INCIDENT_BRANCHES)


def test_a_protection_that_was_there_is_taken_over_in_place(world: World) -> None:
    """As README says, with the policy pack. It comes first: what follows locks and lifts what was imported."""
    project, env, before = world.sandbox.root / "pulumi" / "project", {**os.environ, **world.environ}, world.stored()
    urn = "urn:pulumi:local::portcullis::portcullis:github:Repository"
    gone = f"{urn}$github:index/branchProtection:BranchProtection::{CORE}-main"
    subprocess.run(["pulumi", "state", "delete", "--yes", "--stack", "local", gone], cwd=project, env=env, check=True)
    mutation = """mutation($rule: ID!) { updateBranchProtectionRule(input: {
        branchProtectionRuleId: $rule, requiredApprovingReviewCount: 3 }) { branchProtectionRule { id } } }"""
    world.owner().graphql("protection", mutation, {"rule": rule_of(world, CORE).id})
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
    assert [rule_of(world, name).demands for name in (CORE, CONTROL)] == world.seen["demands"]
    assert rule_of(world, CORE).pushers == (f"{APP}[bot]", NAMED)


def test_what_the_control_repository_asks_for_beyond_its_declaration_is_told(locked: str) -> None:
    asked = "code owners' reviews, signed commits, resolved conversations"
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
    assert f"done: other rules as strict {CONTROL} incident/*: incident/evil: declared nowhere" in done.stdout
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
