"""Drift on real servers: none is none, each thing done behind the declarations' back is named, a lock-down is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from containment.adapters.github import GithubHost
from containment.adapters.github_api import GithubApi, Settings
from containment.compiled import locked
from containment.ports import Seen, WorkflowToken
from containment.repository import Ruleset
from containment.undeclared import seen
from drill.stack import pulumi
from policies import codec
from policies.errors import Unreachable
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.services.github import public_key
from tests.integration.prepared import Prepared

ROGUE: dict[str, dict[str, Any]] = {
    "sys/policies/acl/pc-rogue": {"policy": '{"path":{"secret/*":{"capabilities":["read"]}}}'},
    "auth/approle/role/rogue": {"token_policies": ["default"]},
    "auth/jwt/role/rogue": {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["portcullis"]},
    "auth/token/roles/rogue": {"allowed_policies": ["root"]},
    "database/roles/rogue": {"db_name": "tradepulse", "creation_statements": ["SELECT 1"]},
    "sys/mounts/rogue": {"type": "kv"},
    "sys/auth/rogue": {"type": "approle"},
    "identity/entity/name/rogue": {"policies": ["pc-rogue"]},
    "identity/entity/name/harmless": {},
    "identity/group/name/rogue": {"policies": ["pc-rogue"]},
}
NAMED = {
    "policy pc-rogue",
    "auth role approle rogue",
    "auth role jwt rogue",
    "auth role token rogue",
    "database role database rogue",
    "mount rogue",
    "auth method rogue",
    "entity policy pc-rogue on rogue",
    "identity group rogue",
    "ruleset tradepulse-core: rogue",
    "branch protection tradepulse-core: rogue/*",
    "deploy key tradepulse-core: rogue",
}


@pytest.fixture(scope="module")
def sandbox(local: Prepared) -> Iterator[Sandbox]:
    with local.fresh() as box:
        yield box


@pytest.fixture(scope="module")
def env(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**os.environ, **sandbox.environ(), "PORTCULLIS_INCIDENTS": str(tmp_path_factory.mktemp("incidents"))}


def _drift(env: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    argv = [sys.executable, "-m", "rotation", "drift", "--json", *words]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


NONE = {"changed": [], "unmanaged": [], "unread": [], "drift": False, "stack": "local"}


def test_none_then_each_by_name_then_none_again(sandbox: Sandbox, env: dict[str, str]) -> None:
    settings = (REPOSITORY / "Pulumi.local.yaml").read_text()
    assert _drift(env) == (0, NONE)
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    for path, body in ROGUE.items():
        bao.call("POST", path, body, token=root)
    role = bao.call("GET", "database/roles/settlement-readonly", token=root)["data"]
    bao.call("POST", "database/roles/settlement-readonly", {**role, "max_ttl": 864000}, token=root)
    policy = bao.call("GET", "sys/policies/acl/pc-w-settlement", token=root)["data"]["policy"]
    bao.call("DELETE", "sys/policies/acl/pc-w-settlement", token=root)
    host = GithubHost.from_environment(env)
    host.write_ruleset("tradepulse-core", "rogue", Ruleset(False, ()))
    (rule,) = host.branch_rules("tradepulse-core")
    host.write_branch_rule("tradepulse-core", replace(rule, id="", pattern="rogue/*"))
    host.write_branch_rule("tradepulse-core", replace(rule, approvals=0))
    host.add_deploy_key("tradepulse-core", "rogue", public_key())

    # By the scheduled job's own policy: it may look, and change nothing.
    made = bao.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]}, token=root)
    code, found = _drift({**env, "VAULT_TOKEN": made["auth"]["client_token"]})
    assert code == 1
    assert set(found["unmanaged"]) == NAMED
    assert [c.split(" (")[0] for c in found["changed"]] == [
        "update github:index/branchProtection:BranchProtection tradepulse-core-main",
        "update vault:database/secretBackendRole:SecretBackendRole database/settlement-readonly",
        "update vault:index/policy:Policy pc-w-settlement",
    ]

    for path in ROGUE:
        bao.call("DELETE", path, token=root)
    bao.call("POST", "database/roles/settlement-readonly", role, token=root)
    bao.call("POST", "sys/policies/acl/pc-w-settlement", {"policy": policy}, token=root)
    host.write_branch_rule("tradepulse-core", rule)
    sandbox.service("github").stop()
    code, found = _drift(env)
    assert (code, [u.split(":")[0] for u in found["unread"]]) == (
        3,
        ["pulumi", "github", "environments", "actions secrets"],
    )
    sandbox.service("github").start()
    assert (REPOSITORY / "Pulumi.local.yaml").read_text() == settings, "the stack's settings were written"


def test_what_a_repositorys_workflows_hold_beyond_their_declaration_is_named(env: dict[str, str]) -> None:
    """As a copy stays whose declaration is gone."""
    before = set(_drift(env)[1]["unmanaged"])
    GithubHost.from_environment(env).put_actions_secret("tradepulse-core", "LEFT_BEHIND", "x")
    code, found = _drift(env)
    assert (code, set(found["unmanaged"]) - before) == (1, {"actions secret tradepulse-core: LEFT_BEHIND"})
    settings = Settings.from_environment(env)
    api = GithubApi(settings.url, settings.token, settings.ca)
    api.call("DELETE", "/repos/tradepulse/tradepulse-core/actions/secrets/LEFT_BEHIND")
    assert set(_drift(env)[1]["unmanaged"]) == before


_READS = '{"path":{"secret/data/*":{"capabilities":["read"]}}}'
BEHIND: dict[str, tuple[dict[str, Any], str]] = {
    "sys/policies/acl/pc-quarantine": (
        {"policy": _READS},
        'policy pc-quarantine ("secret/data/*", "sys/portcullis-none")',
    ),
    "sys/policies/acl/portcullis-prober": (
        {"policy": _READS},
        'policy portcullis-prober ("auth/token/create/pc-probe", "secret/data/*")',
    ),
    "auth/token/roles/pc-probe": ({"allowed_policies_glob": ["*"]}, "token role pc-probe (allowed_policies_glob)"),
    "auth/token/roles/pc-issue-ci-cicd": (
        {"allowed_policies": ["root"], "token_period": 60},
        "token role pc-issue-ci-cicd (allowed_policies, token_period)",
    ),
}
"""What is ours by name: what somebody writes into it, and how it is named."""


def test_what_is_ours_by_name_and_not_by_content_is_named(sandbox: Sandbox, env: dict[str, str]) -> None:
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    default = "sys/policies/acl/default"
    before = {path: bao.call("GET", path, token=root)["data"] for path in (*BEHIND, default)}
    for path, (body, _) in BEHIND.items():
        bao.call("POST", path, body, token=root)
    wider = f'{before[default]["policy"]}\npath "secret/data/*" {{ capabilities = ["read"] }}\n'
    bao.call("POST", default, {"policy": wider}, token=root)
    made = bao.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]}, token=root)
    code, found = _drift({**env, "VAULT_TOKEN": made["auth"]["client_token"]})
    assert (code, found["unread"]) == (1, [])
    assert sorted(found["changed"]) == sorted(
        ['policy default ("secret/data/*")', *(named for _, named in BEHIND.values())]
    )
    for path, held in before.items():
        bao.call("POST", path, held, token=root)
    assert _drift(env)[1]["changed"] == []


def test_who_may_log_in_is_compared(sandbox: Sandbox, env: dict[str, str]) -> None:
    """The product's own logins and the issuers' keys, which only an administrator makes, by what the last apply saw."""
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    config = bao.call("GET", "auth/jwt/config", token=root)["data"]
    theirs = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = theirs.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    keys = {"jwt_validation_pubkeys": [*config["jwt_validation_pubkeys"], pem]}
    wide = {"token_policies": ["portcullis-break-glass"], "bound_audiences": ["portcullis"], **locked.JWT_ROLE}
    claims = bao.call("GET", "auth/jwt/role/cicd", token=root)["data"]["bound_claims"]
    glob = {"bound_claims": claims, "bound_claims_type": "glob", **locked.JWT_ROLE}
    bao.call("POST", "auth/jwt/config", keys, token=root)
    bao.call("POST", "auth/jwt/role/portcullis-drift", wide, token=root)
    bao.call("POST", "auth/jwt/role/cicd", glob, token=root)
    bao.call("POST", "auth/approle/role/settlement", {"bind_secret_id": False, "token_bound_cidrs": "::/0"}, token=root)
    made = bao.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]}, token=root)
    code, found = _drift({**env, "VAULT_TOKEN": made["auth"]["client_token"]})
    assert (code, found["unread"]) == (1, [])
    named = {
        "auth role approle settlement (bind_secret_id)",
        "auth role jwt cicd (bound_claims_type)",
        "auth role jwt portcullis-drift (bound_claims, token_policies)",
        "auth/jwt/config (not as the last apply saw it: jwt_validation_pubkeys)",
        "auth/jwt/role/portcullis-drift (no apply has seen it)",
    }
    assert named <= set(found["changed"])

    bao.call("DELETE", "auth/jwt/role/portcullis-drift", token=root)
    bao.call("POST", "auth/approle/role/settlement", {"bind_secret_id": True, "token_bound_cidrs": ""}, token=root)
    bao.call("POST", "auth/jwt/role/cicd", {**glob, "bound_claims_type": "string"}, token=root)
    assert _drift(env)[1]["changed"] == ["auth/jwt/config (not as the last apply saw it: jwt_validation_pubkeys)"]
    up = pulumi(sandbox, "incident=keep", environ=env)
    assert up.returncode == 0, up.stdout
    assert "auth/jwt/config (not as the last apply saw it: jwt_validation_pubkeys): if nobody meant it" in up.stdout
    assert _drift(env)[1]["changed"] == []


def test_a_connection_that_sends_the_managers_password_elsewhere_is_named(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    """The server keeps the password for whatever address is written; Pulumi's refresh asks for neither."""
    bao, root, path = sandbox.openbao, sandbox.openbao.root_token(), "database/config/tradepulse"
    url = bao.call("GET", path, token=root)["data"]["connection_details"]["connection_url"]
    bao.call("POST", path, {"connection_url": url.replace("127.0.0.1", "localhost")}, token=root)
    made = bao.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]}, token=root)
    code, found = _drift({**env, "VAULT_TOKEN": made["auth"]["client_token"]})
    assert (code, found["unread"]) == (1, [])
    assert found["changed"] == ["database connection database tradepulse (connection_url)"]
    bao.call("POST", path, {"connection_url": url}, token=root)
    assert _drift(env)[1]["changed"] == []


def test_audit_devices_are_compared(sandbox: Sandbox, env: dict[str, str]) -> None:
    """By the scheduled job's own policy, which changes none. No API changes those of OpenBao's configuration: so it is
    the record that is another."""
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    made = bao.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]}, token=root)
    token = made["auth"]["client_token"]
    assert list(bao.call("GET", "sys/audit", token=token)["data"]) == ["file/"]
    for method, body in (("POST", {"type": "file", "options": {"file_path": "/dev/null"}}), ("DELETE", None)):
        with pytest.raises(Unreachable, match=" 403 "):
            bao.call(method, "sys/audit/file", body, token=token)
    kept = bao.call("GET", "portcullis/data/compiled", token=root)["data"]["data"]
    file = kept["seen"]["audit device file/"]
    assert set(file) == {"file_path", "mode", "type"}
    _known(sandbox, {"audit device file/": {**file, "log_raw": "x"}, "audit device other/": file})
    code, found = _drift({**env, "VAULT_TOKEN": token})
    assert (code, found["unread"]) == (1, [])
    assert found["changed"] == [
        "audit device file/ (not as the last apply saw it: log_raw)",
        "audit device other/ (is gone: nothing is written there any more of who did what)",
    ]
    bao.call("POST", "portcullis/data/compiled", {"data": kept}, token=root)
    assert _drift(env)[1]["changed"] == []


def test_what_values_and_records_rest_on_is_compared(sandbox: Sandbox, env: dict[str, str]) -> None:
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    kept = bao.call("GET", "portcullis/data/compiled", token=root)["data"]["data"]
    bao.call("POST", "secret/config", {"delete_version_after": "60s"}, token=root)
    bao.call("POST", "portcullis/config", {"max_versions": 1}, token=root)
    for mount in ("mounts/secret", "auth/approle"):
        bao.call("POST", f"sys/{mount}/tune", {"audit_non_hmac_response_keys": ["data"]}, token=root)
    bao.call("DELETE", "portcullis/data/compiled", token=root)
    made = bao.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]}, token=root)
    code, found = _drift({**env, "VAULT_TOKEN": made["auth"]["client_token"]})
    assert (code, found["unread"]) == (1, [])
    gone = [line for line in found["changed"] if line.startswith("portcullis/data/compiled (is gone")]
    assert len(gone) == 1
    assert {
        "auth method approle (audit_non_hmac_response_keys)",
        "mount secret (audit_non_hmac_response_keys)",
        "store portcullis (max_versions)",
        "store secret (delete_version_after)",
        "auth/jwt/config (no apply has seen it)",
    } <= set(found["changed"])

    bao.call("POST", "secret/config", {"delete_version_after": "0s"}, token=root)
    bao.call("POST", "portcullis/config", {"max_versions": 1000}, token=root)
    for mount in ("mounts/secret", "auth/approle"):
        bao.call("POST", f"sys/{mount}/tune", {"audit_non_hmac_response_keys": []}, token=root)
    estate = load()
    fewer = {**kept, "estate": codec.encode(replace(estate, secrets=estate.secrets[1:]))}
    bao.call("POST", "portcullis/data/compiled", {"data": fewer}, token=root)
    assert _drift(env)[1]["changed"] == ["portcullis/data/compiled (not as declared: secrets; pulumi up writes it)"]
    # Else a lock-down would name for a day what was deleted.
    bao.call("DELETE", "portcullis/metadata/compiled", token=root)
    bao.call("POST", "portcullis/data/compiled", {"data": kept}, token=root)
    assert _drift(env)[1]["changed"] == []


_OPEN = """mutation($input: UpdateBranchProtectionRuleInput!) { updateBranchProtectionRule(input: $input) {
 branchProtectionRule { id } } }"""


def _known(sandbox: Sandbox, more: Seen) -> None:
    """As if the last apply had seen these too."""
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    kept = bao.call("GET", "portcullis/data/compiled", token=root)["data"]["data"]
    bao.call("POST", "portcullis/data/compiled", {"data": {**kept, "seen": {**kept["seen"], **more}}}, token=root)


def test_what_widens_on_github_is_named(sandbox: Sandbox, env: dict[str, str]) -> None:
    """Each goes past what Pulumi compares: a key by the declared title, workflows that write, ways around a rule."""
    host, name = GithubHost.from_environment(env), "tradepulse-core"
    settings = Settings.from_environment(env)
    api = GithubApi(settings.url, settings.token, settings.ca)
    before = set(_drift(env)[1]["unmanaged"])
    (declared,) = next(r for r in load().repositories if r.name == name).deploy_keys
    (held,) = [key for key in host.deploy_keys(name) if key.title == declared]
    host.delete_deploy_key(name, held.id)
    host.add_deploy_key(name, declared, public_key(), read_only=False)
    widest = {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": True}
    for of in (f"/repos/{settings.owner}/{name}", f"/orgs/{settings.owner}"):
        api.call("PUT", f"{of}/actions/permissions/workflow", widest)
    api.call("PATCH", f"/repos/{settings.owner}/tradepulse-connectors", {"default_branch": "unprotected"})
    api.call("PATCH", f"/repos/{settings.owner}/{name}", {"private": False})
    environments = f"/repos/{settings.owner}/{name}/environments"
    shut = {"protected_branches": True, "custom_branch_policies": False}
    api.call("PUT", f"{environments}/apply", {"deployment_branch_policy": shut})
    known = seen.of_environments(name, host.environments(name))
    _known(sandbox, {**known, f"environment {name}/release": known[f"environment {name}/apply"]})
    api.call("PUT", f"{environments}/apply", {"deployment_branch_policy": None})
    api.call("PUT", f"{environments}/named-by-a-workflow", {"deployment_branch_policy": None})
    allowed = {"enabled_repositories": "all", "allowed_actions": "local_only"}
    api.call("PUT", f"/orgs/{settings.owner}/actions/permissions", allowed)
    (rule,) = (r for r in host.branch_rules(name) if r.pattern == "main")
    opened = {"branchProtectionRuleId": rule.id, "lockAllowsFetchAndMerge": True}
    api.graphql("a rule opened", _OPEN, {"input": opened})
    code, found = _drift(env)
    assert (code, found["unread"]) == (1, [])
    assert sorted(found["changed"]) == [
        "default branch tradepulse-connectors (unprotected; declared is main)",
        f"deploy key {name}: {declared} (not as the last apply saw it: key, may)",
        f"environment {name}/apply (not as the last apply saw it: deployment_branch_policy)",
        f"environment {name}/release (is gone: a job that names it makes it anew, with nothing that guards it)",
        "organization actions (not as the last apply saw it: allowed_actions)",
        f"repository {name} (not as the last apply saw it: private, visibility)",
    ]
    assert set(found["unmanaged"]) - before == {
        f"way around {name} main: a fork's sync while it is locked",
        *(
            f"workflow permission {of}: {w}"
            for of in (name, "the organization")
            for w in WorkflowToken(True, True).words
        ),
    }
    api.call("PATCH", f"/repos/{settings.owner}/tradepulse-connectors", {"default_branch": "main"})
    api.call("PATCH", f"/repos/{settings.owner}/{name}", {"private": True})
    api.call("PUT", f"/orgs/{settings.owner}/actions/permissions", {**allowed, "allowed_actions": "all"})
    host.write_branch_rule(name, rule)  # which lets nobody around it


OF_VAULT = ["pulumi", "incident caps", "vault contents", "vault", "audit devices", "last apply"]


def test_a_vault_that_refuses_is_unread(env: dict[str, str]) -> None:
    code, found = _drift({**env, "VAULT_TOKEN": "s.nobody"})
    assert code == 3
    assert [u.split(":")[0] for u in found["unread"]] == OF_VAULT
    assert found["unmanaged"], "GitHub was not read beside it"


def test_a_vault_that_is_away_is_not_waited_for(sandbox: Sandbox, env: dict[str, str]) -> None:
    sandbox.openbao.stop()
    try:
        begin = time.monotonic()
        code, found = _drift(env)
        assert time.monotonic() - begin < 20
    finally:
        sandbox.openbao.start()
    assert code == 3
    assert [u.split(":")[0] for u in found["unread"]] == OF_VAULT
    assert found["unmanaged"], "GitHub was not read beside it"


def test_a_misspelt_key_of_the_stack_is_named_with_its_remedy(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text((REPOSITORY / "Pulumi.local.yaml").read_text() + '  portcullis:inciden: "true"\n')
    code, found = _drift(env, "--config-file", str(file))
    assert code == 3
    assert [u.split(":")[0] for u in found["unread"]] == ["pulumi"]
    assert "pulumi config rm inciden" in found["unread"][0]


def test_a_lock_down_is_no_drift_but_a_lost_cap_is(sandbox: Sandbox, env: dict[str, str]) -> None:
    before = _drift(env)[1]
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", "analytics-readonly", "--json"]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = _drift(env)[1]
    assert after["changed"] == before["changed"]
    assert after["unread"] == []
    assert after["unmanaged"] == before["unmanaged"], "what the lock-down made is its own"
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    role = bao.call("GET", "database/roles/analytics-readonly", token=root)["data"]
    bao.call("POST", "database/roles/analytics-readonly", {**role, "max_ttl": 7200}, token=root)
    lost = set(_drift(env)[1]["changed"]) - set(before["changed"])
    assert lost == {"uncapped database/roles/analytics-readonly (max_ttl)"}
