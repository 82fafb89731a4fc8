"""The GitHub adapter on the double, which refuses and records what GitHub's description does not allow."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from nacl.public import PublicKey, SealedBox

from containment.adapters.github import GithubHost
from containment.adapters.github_api import GithubApi
from containment.repository import RULESET, BranchRule, Ruleset
from policies.errors import InputError, Unreachable
from sandbox.doubles.github.store import node_id
from sandbox.process import reserve
from sandbox.services.github import ADMIN, APP, GithubDouble, public_key

CORE, CONTROL = "tradepulse-core", "tradepulse-infra"


@pytest.fixture
def double(tmp_path: Path) -> Iterator[GithubDouble]:
    (tmp_path / "secrets").mkdir(mode=0o700)
    with reserve(0) as held:
        service = GithubDouble(tmp_path, held.getsockname()[1])
        service.start()
    try:
        yield service
        assert service.violations() == []
    finally:
        service.stop()


@pytest.fixture
def host(double: GithubDouble) -> GithubHost:
    return GithubHost.from_environment({**double.environ(), "SSL_CERT_FILE": str(double.root / "ca.pem")})


def test_a_branch_rule_keeps_what_it_does_not_name(host: GithubHost) -> None:
    host.write_branch_rule(CONTROL, BranchRule("main", False, False, 2, True, ("sic-lead", "sre-oncall"), False))
    (made,) = host.branch_rules(CONTROL)
    assert (made.approvals, made.pushers) == (2, ("sic-lead", "sre-oncall"))
    host.write_branch_rule(CONTROL, dataclasses.replace(made, lock=True, enforce_admins=True))
    assert host.branch_rules(CONTROL) == [dataclasses.replace(made, lock=True, enforce_admins=True)]


def test_an_app_that_may_push_stays_among_those_who_may(host: GithubHost, double: GithubDouble) -> None:
    """No query tells an app's id by its name."""
    host.write_branch_rule(CORE, BranchRule("main", False, False, 1, False, ("sic-lead",), False))
    (rule,) = host.branch_rules(CORE)
    state = json.loads((double.folder / "state.json").read_text())
    app = node_id("A", state["apps"][APP]["id"])
    mutation = """mutation($rule: ID!, $app: ID!) { updateBranchProtectionRule(input: {
        branchProtectionRuleId: $rule, pushActorIds: [$app] }) { branchProtectionRule { id } } }"""
    owner = GithubApi(f"{double.url}/api/v3", double.token(ADMIN), str(double.root / "ca.pem"))
    owner.graphql("protection", mutation, {"rule": rule.id, "app": app})
    (held,) = host.branch_rules(CORE)
    assert held.pushers == (f"{APP}[bot]",)
    host.write_branch_rule(CORE, dataclasses.replace(held, lock=True))
    assert host.branch_rules(CORE) == [dataclasses.replace(held, lock=True)]


def test_a_ruleset_is_made_then_changed(host: GithubHost) -> None:
    assert host.ruleset(CORE, RULESET) is None
    host.write_ruleset(CORE, RULESET, Ruleset(True, ("refs/heads/main",)))
    made = host.ruleset(CORE, RULESET)
    assert made is not None
    assert dataclasses.replace(made, id=0) == Ruleset(True, ("refs/heads/main",))
    host.write_ruleset(CORE, RULESET, dataclasses.replace(made, active=False, exclude=()))
    assert host.ruleset(CORE, RULESET) == dataclasses.replace(made, active=False, exclude=())


def test_actions_are_switched_and_runs_cancelled(host: GithubHost) -> None:
    host.enable_actions(CORE, False)
    assert host.actions_enabled(CORE) is False
    host.set_organization_actions("none")
    assert host.organization_actions() == "none"
    runs = host.live_runs(CORE)
    assert len(runs) == 2
    for run in runs:
        host.cancel_run(CORE, run)
    time.sleep(0.5)
    assert host.live_runs(CORE) == []
    host.cancel_run(CORE, runs[0])


def test_deploy_keys(host: GithubHost) -> None:
    (old,) = host.deploy_keys(CORE)
    new = host.add_deploy_key(CORE, "new", public_key())
    host.delete_deploy_key(CORE, old.id)
    host.delete_deploy_key(CORE, old.id)
    assert [key.id for key in host.deploy_keys(CORE)] == [new]


def test_an_actions_secret_is_delivered_sealed(host: GithubHost, double: GithubDouble) -> None:
    assert host.actions_secret_updated(CORE, "DEPLOY_TOKEN") is None
    host.put_actions_secret(CORE, "DEPLOY_TOKEN", "a-value")
    assert host.actions_secret_updated(CORE, "DEPLOY_TOKEN") is not None
    for number in range(100):
        host.put_actions_secret(CORE, f"OF_MANY_{number}", "x")
    assert sorted(host.actions_secrets(CORE)) == sorted(["DEPLOY_TOKEN", *(f"OF_MANY_{n}" for n in range(100))])
    url = f"{double.url}/_double/secrets/tradepulse/{CORE}/DEPLOY_TOKEN"
    trust = ssl.create_default_context(cafile=str(double.root / "ca.pem"))
    assert httpx.get(url, verify=trust).json()["sha256"] == hashlib.sha256(b"a-value").hexdigest()


def test_what_an_environment_lets_run_and_holds_is_read(host: GithubHost, double: GithubDouble) -> None:
    assert host.environments(CORE) == {}
    path = f"/repos/tradepulse/{CORE}/environments/a%2Fb"
    shut = {"protected_branches": True, "custom_branch_policies": False}
    api = GithubApi(double.environ()["GITHUB_BASE_URL"], double.token(ADMIN), str(double.root / "ca.pem"))
    api.call("PUT", path, {"deployment_branch_policy": shut})
    key = api.call("GET", f"{path}/secrets/public-key")
    sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(b"x")
    body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
    api.call("PUT", f"{path}/secrets/api_key", body)
    untold = {"protection_rules": None, "can_admins_bypass": None}
    assert host.environments(CORE) == {"a/b": {"deployment_branch_policy": shut, **untold}}
    assert host.environment_secrets(CORE, "a/b") == ["API_KEY"]
    with pytest.raises(Unreachable, match="404"):
        api.call("POST", f"{path}/deployment-branch-policies", {"name": "main"})
    custom = {"protected_branches": False, "custom_branch_policies": True}
    api.call("PUT", path, {"deployment_branch_policy": custom})
    for pattern in ({"name": "v*", "type": "tag"}, {"name": "main"}):
        api.call("POST", f"{path}/deployment-branch-policies", pattern)
    assert host.environments(CORE)["a/b"]["branch_policies"] == ["branch main", "tag v*"]
    assert "API_KEY" not in host.actions_secrets(CORE)


def test_refusals_and_silence_are_ours(host: GithubHost, double: GithubDouble) -> None:
    with pytest.raises(Unreachable, match="404 Not Found"):
        host.actions_enabled("absent")
    with pytest.raises(Unreachable, match="Could not resolve to a Repository"):
        host.branch_rules("absent")
    environ = {**double.environ(), "GITHUB_TOKEN": double.token("dana-dev")}
    other = GithubHost.from_environment({**environ, "SSL_CERT_FILE": str(double.root / "ca.pem")})
    with pytest.raises(Unreachable, match="403 Must have admin rights") as refused:
        other.enable_actions(CORE, True)
    assert environ["GITHUB_TOKEN"] not in str(refused.value)
    double.kill()
    with pytest.raises(Unreachable, match="ConnectError"):
        host.actions_enabled(CORE)
    with pytest.raises(Unreachable, match="ConnectError"):
        host.branch_rules(CORE)
    double.start()
    assert host.actions_enabled(CORE) is True


def test_no_token_is_refused() -> None:
    with pytest.raises(InputError, match="GITHUB_TOKEN and GITHUB_OWNER not set"):
        GithubHost.from_environment({"GITHUB_TOKEN": ""})
