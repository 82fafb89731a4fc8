"""The real GitHub provider, under real Pulumi: create, no-op, update and destroy against the double."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pulumi
import pulumi_github as github
import pytest
from githubkit import GitHub
from pulumi import automation as auto

from sandbox.doubles.github import Running, start
from tools.bootstrap import ensure

ORG, TOKEN = "tradepulse", "ghp-admin-0123456789"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHgLJLBNjnzOwTaDLNDkzyJu5ZoGgc3WuXyAJ2kJp6sF"
ROTATED_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7yTqL2e0yPz3nQbXwq0VbJm0m2o8Yb9S4d1c5h6k7L"


@pytest.fixture(autouse=True)
def toolchain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Pulumi and the provider plugin that the product itself finds or builds."""
    for name, value in ensure().environ().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Running]:
    seed = tmp_path / "seed.json"
    seed.write_text(
        json.dumps(
            {
                "org": {"login": ORG},
                "users": [
                    {"login": "owner", "role": "admin", "token": TOKEN},
                    {"login": "dev", "token": "ghp-dev-0123456789", "teams": ["sre"]},
                ],
                "repos": [{"name": name, "permissions": {"dev": "write"}} for name in ("execution", "connectors")],
            }
        )
    )
    seed.chmod(0o600)
    running = start(tmp_path / "github", seed)
    try:
        yield running
        assert httpx.get(f"{running.url}/_double/violations").json() == []
    finally:
        running.stop()


def provider(double: Running) -> pulumi.ResourceOptions:
    made = github.Provider("github", base_url=f"{double.url}/", owner=ORG, write_delay_ms=0, read_delay_ms=0)
    return pulumi.ResourceOptions(provider=made)


def estate(double: Running, repository_id: int, locked: bool) -> None:
    options = provider(double)
    github.BranchProtection(
        "main",
        repository_id="execution",
        pattern="main",
        lock_branch=locked,
        enforce_admins=locked,
        required_pull_request_reviews=[{"required_approving_review_count": 1}],
        restrict_pushes=[{"push_allowances": [f"{ORG}/sre", "/dev"]}],
        opts=options,
    )
    github.BranchProtectionV3(
        "v3",
        repository="connectors",
        branch="main",
        enforce_admins=locked,
        required_pull_request_reviews={"required_approving_review_count": 2} if locked else None,
        required_status_checks={"strict": True, "checks": ["ci"]},
        opts=options,
    )
    github.RepositoryRuleset(
        "ruleset",
        name="lockdown",
        repository="execution",
        target="branch",
        enforcement="active" if locked else "disabled",
        conditions={"ref_name": {"includes": ["~ALL"], "excludes": []}},
        rules={"update": locked, "deletion": True, "non_fast_forward": True},
        bypass_actors=[{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "pull_request"}],
        opts=options,
    )
    github.OrganizationRuleset(
        "organization",
        name="lockdown-all",
        target="branch",
        enforcement="active" if locked else "disabled",
        conditions={
            "ref_name": {"includes": ["~ALL"], "excludes": []},
            "repository_name": {"includes": ["conn*"], "excludes": []},
        },
        rules={"update": locked, "deletion": True, "non_fast_forward": True},
        opts=options,
    )
    actions = github.ActionsRepositoryPermissions(
        "actions",
        repository="execution",
        enabled=not locked,
        allowed_actions=None if locked else "selected",
        allowed_actions_config=None
        if locked
        else {"github_owned_allowed": True, "patterns_alloweds": ["actions/*"], "verified_allowed": False},
        opts=options,
    )
    github.ActionsOrganizationPermissions(
        "organization-actions",
        enabled_repositories="none" if locked else "selected",
        allowed_actions="all",
        enabled_repositories_config=None if locked else {"repository_ids": [repository_id]},
        # Deleted first: deleting the repository's enables Actions, which the organization must allow by then.
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[actions])),
    )
    github.ActionsSecret(
        "secret",
        repository="execution",
        secret_name="DEPLOY",
        value=pulumi.Output.secret("after" if locked else "before"),
        opts=options,
    )
    github.RepositoryDeployKey(
        "key",
        repository="execution",
        title="deploy",
        key=ROTATED_KEY if locked else KEY,
        read_only=True,
        opts=options,
    )


def stack_of(tmp_path: Path, program: Callable[[], None]) -> auto.Stack:
    backend = tmp_path / "backend"
    backend.mkdir(exist_ok=True)
    return auto.create_or_select_stack(
        "test",
        project_name="double",
        program=program,
        opts=auto.LocalWorkspaceOptions(
            work_dir=str(tmp_path),
            env_vars={
                "PULUMI_BACKEND_URL": backend.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": os.environ.get("PULUMI_CONFIG_PASSPHRASE", "test"),
                "GITHUB_TOKEN": TOKEN,
            },
        ),
    )


def changes(summary: auto.UpdateSummary) -> dict[str, int]:
    return {str(kind): count for kind, count in (summary.resource_changes or {}).items() if str(kind) != "same"}


def test_create_no_op_update_destroy(double: Running, tmp_path: Path) -> None:
    client = GitHub(TOKEN, base_url=f"{double.url}/api/v3", http_cache=False)
    api = client.rest
    number = api.repos.get(ORG, "execution").parsed_data.id
    locked = False
    stack = stack_of(tmp_path, lambda: estate(double, number, locked))

    assert changes(stack.up().summary) == {"create": 10}
    assert api.repos.get_branch_protection(ORG, "connectors", "main").parsed_data.required_status_checks is not None
    assert [item.enforcement for item in api.repos.get_repo_rulesets(ORG, "execution").parsed_data] == ["disabled"]
    stack.preview(refresh=True, expect_no_changes=True)
    assert changes(stack.up().summary) == {}

    locked = True
    assert sum(changes(stack.up(refresh=True).summary).values()) >= 8
    held = api.repos.get_branch_protection(ORG, "execution", "main").json()
    assert held["lock_branch"] == {"enabled": True}
    permissions = api.actions.get_github_actions_permissions_repository(ORG, "execution").parsed_data
    assert permissions.enabled is False
    assert api.repos.get_repo_rulesets(ORG, "connectors").parsed_data[0].enforcement == "active"
    secret = httpx.get(f"{double.url}/_double/secrets/{ORG}/execution/DEPLOY").json()
    assert secret["sha256"] == hashlib.sha256(b"after").hexdigest()
    stack.preview(refresh=True, expect_no_changes=True)

    stack.destroy()
    assert api.repos.get_repo_rulesets(ORG, "execution").parsed_data == []
    assert api.repos.list_deploy_keys(ORG, "execution").parsed_data == []
    assert api.actions.list_repo_secrets(ORG, "execution").parsed_data.total_count == 0
    assert api.repos.get_branch(ORG, "execution", "main").parsed_data.protected is False


def test_a_refusal_of_the_double_fails_the_update(double: Running, tmp_path: Path) -> None:
    """Otherwise the success above would prove nothing."""

    def program() -> None:
        github.BranchProtection("main", repository_id="nowhere", pattern="main", opts=provider(double))

    with pytest.raises(auto.CommandError) as refused:
        stack_of(tmp_path, program).up()
    assert "Could not resolve" in str(refused.value)
