"""The access diff between declarations and a server that somebody changed by hand: each kind of widening is named with
a witness, and a request that the server refused before and grants now confirms it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from containment import names
from containment.adapters.github import GithubHost
from containment.adapters.github_api import GithubApi, Settings
from containment.repository import Ruleset
from policies.errors import Unreachable
from policies.load import ACCESS
from sandbox.environment import Sandbox
from sandbox.services.github import public_key
from tests.integration.widening import ELSEWHERE, Change, Tried, asked, diff

BY_HAND = (str(ACCESS), "server", "--live")
OWN, ROLE = "sys/policies/acl/pc-w-settlement", "auth/approle/role/settlement"
ISSUE = "auth/token/roles/pc-issue-w-settlement"
OTHERS = "pc-w-risk-engine"
CORE = "tradepulse-core"
LEASES = "database/roles/settlement-readonly"


@pytest.fixture(scope="module")
def tried(sandbox: Sandbox) -> Tried:
    return Tried(sandbox)


@pytest.fixture(scope="module")
def drift_env(tried: Tried, env: dict[str, str]) -> dict[str, str]:
    """By the scheduled job's own policy, which only looks."""
    return {**env, "VAULT_TOKEN": tried.looking()}


@pytest.fixture(scope="module", autouse=True)
def peace(drift_env: dict[str, str]) -> None:
    assert diff(drift_env, *BY_HAND) == (0, [], "")


@pytest.fixture(autouse=True)
def nothing_drifted(drift_env: dict[str, str]) -> Iterator[None]:
    """Before the first test and after each."""
    yield
    assert diff(drift_env, *BY_HAND) == (0, [], "")


def _named(env: dict[str, str]) -> list[Change]:
    code, found, said = diff(env, *BY_HAND)
    assert code == 1, said
    return found


def _granted(text: str, path: str, capability: str = "read") -> dict[str, str]:
    paths = json.loads(text)["path"]
    return {"policy": json.dumps({"path": {**paths, path: {"capabilities": [capability]}}})}


@contextmanager
def _group(tried: Tried, nested: bool) -> Iterator[None]:
    entity = tried.logged_in("settlement")["entity_id"]
    with ExitStack() as held:
        members: dict[str, Any] = {"member_entity_ids": [entity]}
        if nested:
            held.enter_context(tried.by_hand("identity/group/name/inner", members))
            members = {"member_group_ids": [tried.admin("GET", "identity/group/name/inner")["data"]["id"]]}
        held.enter_context(tried.by_hand("identity/group/name/ops", {**members, "policies": [OTHERS]}))
        yield


@contextmanager
def _drifted(tried: Tried, kind: str) -> Iterator[None]:
    own = tried.admin("GET", OWN)["data"]["policy"]
    entity = tried.logged_in("settlement")["entity_id"]
    changed: dict[str, tuple[str, Mapping[str, Any]]] = {
        "direct": (OWN, _granted(own, ELSEWHERE)),
        "glob": (OWN, _granted(own, "secret/data/risk/*")),
        "plus": (OWN, _granted(own, "secret/+/risk/limits")),
        "role": (ROLE, {"token_policies": [*tried.admin("GET", ROLE)["data"]["token_policies"], OTHERS]}),
        "entity": (f"identity/entity/id/{entity}", {"policies": [OTHERS]}),
    }
    drift = _group(tried, kind == "nested group") if "group" in kind else tried.by_hand(*changed[kind])
    with drift:
        yield


@pytest.mark.parametrize("kind", ["direct", "glob", "plus", "role", "entity", "group", "nested group"])
def test_a_path_that_is_gained(tried: Tried, drift_env: dict[str, str], kind: str) -> None:
    assert not tried.granted("settlement")
    with _drifted(tried, kind):
        found = _named(drift_env)
        one = next(c for c in found if c["subject"] == "workload settlement")
        assert one["gained"] == ["read"]
        assert one["risk"] in ("medium", "high")
        witness = one["witness"]["path"]
        assert {c["witness"]["path"] for c in found} == {witness}, "something else is named"
        assert kind != "group" or "group ops" in {c["subject"] for c in found}
        # A pattern's witness may hold nothing; whoever may ask is then told so with 404.
        assert _asked(tried, "settlement", witness)
        assert tried.granted("settlement")
    assert not tried.granted("settlement")
    assert not _asked(tried, "settlement", witness)


def test_what_every_token_is_given(tried: Tried, drift_env: dict[str, str]) -> None:
    own = tried.admin("GET", "sys/policies/acl/default")["data"]["policy"]
    more = f'{own}\npath "{ELSEWHERE}" {{ capabilities = ["read"] }}'
    with tried.by_hand("sys/policies/acl/default", {"policy": more}):
        (one,) = _named(drift_env)
        assert (one["subject"], one["gained"], one["witness"]["path"]) == ("policy default", ["read"], ELSEWHERE)
        applied = diff(drift_env, "server", str(ACCESS), "--live")[1]
        assert "policy default" not in {c["subject"] for c in applied}
        assert tried.granted("settlement")
    assert not tried.granted("settlement")


def _asked(tried: Tried, workload: str, path: str) -> bool:
    token = tried.logged_in(workload)["client_token"]
    try:
        tried.read(token, path)
    except Unreachable as error:
        return ": 403 " not in str(error)
    return True


def test_a_token_role_that_allows_another_policy(tried: Tried, drift_env: dict[str, str]) -> None:
    def made() -> bool:
        answer: list[Any] = []
        path = ISSUE.replace("/roles/", "/create/")
        if not tried.allowed(lambda: answer.append(tried.admin("POST", path, {"policies": [OTHERS]}))):
            return False
        return tried.allowed(lambda: tried.read(answer[0]["auth"]["client_token"], ELSEWHERE))

    assert not made()
    allowed = [*tried.admin("GET", ISSUE)["data"]["allowed_policies"], OTHERS]
    with tried.by_hand(ISSUE, {"allowed_policies": allowed}):
        (one,) = _named(drift_env)
        assert one["subject"] == f"token role {ISSUE} with {OTHERS}"
        assert one["witness"] == {"operation": "read", "path": ELSEWHERE}
        assert made()


def test_statements_of_a_database_role(tried: Tried, drift_env: dict[str, str]) -> None:
    def writes() -> bool:
        insert = "INSERT INTO market_data.ticks (symbol, price) VALUES ('X', 0)"
        return tried.runs("settlement", "settlement-readonly", insert)

    assert not writes()
    own = tried.admin("GET", LEASES)["data"]["creation_statements"]
    wider = [s.replace('"tradepulse_readonly"', '"tradepulse_ingest"') for s in own]
    with tried.by_hand(LEASES, {"creation_statements": wider}):
        found = _named(drift_env)
        assert [(c["subject"], c["owner"]) for c in found] == [
            ("role database/creds/settlement-readonly", "team-trading")
        ] * 2
        told = {c["what"]: (c["before"], c["after"]) for c in found}
        assert told["groups"] == ("tradepulse_readonly", "tradepulse_ingest")
        assert "tradepulse_ingest" in told["SQL statements"][1]
        assert writes()


def test_leases_and_tokens_that_live_longer(tried: Tried, drift_env: dict[str, str]) -> None:
    def seconds() -> tuple[int, int]:
        leased = tried.lease_seconds("settlement", "settlement-readonly")
        return leased, tried.logged_in("settlement")["lease_duration"]

    assert seconds() == (3600, 3600)
    with tried.by_hand(LEASES, {"default_ttl": 7200}), tried.by_hand(ROLE, {"token_ttl": 10800}):
        told = {(c["subject"], c["what"]): (c["before"], c["after"]) for c in _named(drift_env)}
        assert told == {
            ("role database/creds/settlement-readonly", "TTL"): (
                "3600 s, 28800 s at most",
                "7200 s, 28800 s at most",
            ),
            ("workload settlement", "TTL"): ("3600 s, 14400 s at most", "10800 s, 14400 s at most"),
        }
        assert seconds() == (7200, 10800)


@pytest.mark.parametrize(
    ("path", "field", "other", "told"),
    [
        ("auth/jwt/role/cicd", "bound_claims", {"repository": "tradepulse/*"}, "CI role cicd"),
        ("auth/jwt/role/cicd", "bound_claims_type", "glob", None),
        ("auth/jwt/role/cicd", "bound_audiences", ["portcullis", "somebody"], "CI role cicd"),
        ("auth/jwt/role/cicd", "bound_subject", "one", None),
        ("auth/jwt/role/cicd", "token_type", "batch", "CI role cicd"),
        (ROLE, "bind_secret_id", False, "workload settlement"),
        (ROLE, "secret_id_bound_cidrs", ["10.0.0.0/8"], None),
    ],
)
def test_who_may_log_in(
    tried: Tried, drift_env: dict[str, str], path: str, field: str, other: Any, told: str | None
) -> None:
    more: dict[str, Any] = {"secret_id_bound_cidrs": ["10.0.0.0/8"]} if field == "bind_secret_id" else {}
    if "/jwt/" in path:  # which is written whole
        more = {
            k: v for k, v in tried.admin("GET", path)["data"].items() if k.startswith(("bound_", "token_", "user_"))
        }
        more["role_type"] = "jwt"
    with tried.by_hand(path, {**more, field: other}):
        code, found, said = diff(drift_env, *BY_HAND)
        if told is None:
            assert (code, found) == (0, []), "nobody logs in who could not before"
            return
        (one,) = found
        what = "tokens" if field == "token_type" else "claims that a login must have"
        assert (code, one["subject"], one["what"]) == (1, told, what), said


def test_a_mount_whose_leases_live_longer(tried: Tried, drift_env: dict[str, str]) -> None:
    with tried.by_hand("sys/mounts/database/tune", {"max_lease_ttl": "48h"}):
        (one,) = _named(drift_env)
        assert (one["subject"], one["what"], one["before"], one["after"]) == (
            "mount database",
            "TTL, max",
            "86400 s",
            "172800 s",
        )


@contextmanager
def _less_protected(env: Mapping[str, str], kind: str) -> Iterator[None]:
    host, settings = GithubHost.from_environment(env), Settings.from_environment(env)
    api, base = GithubApi(settings.url, settings.token, settings.ca), f"/repos/{settings.owner}/{CORE}"
    (rule,) = host.branch_rules(CORE)
    if kind == "approvals":
        host.write_branch_rule(CORE, replace(rule, approvals=0))
        yield
        host.write_branch_rule(CORE, rule)
    elif kind == "secret":
        host.put_actions_secret(CORE, "BESIDE", "x")
        yield
        api.call("DELETE", f"{base}/actions/secrets/BESIDE")
    elif kind == "ruleset":
        host.write_ruleset(CORE, "theirs", Ruleset(True, ()))
        yield
        api.call("DELETE", f"{base}/rulesets/{(host.ruleset(CORE, 'theirs') or Ruleset(True, ())).id}")
    else:
        key = host.add_deploy_key(CORE, "ours", public_key())
        yield
        host.delete_deploy_key(CORE, key)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("approvals", ("approvals that a merge needs", "1", "0")),
        ("secret", ("other Actions secrets", "none", "BESIDE")),
        ("ruleset", ("rulesets of others", "none", "theirs")),
        ("key", ("deploy keys", "deploy host", "deploy host, ours")),
    ],
)
def test_a_repository_that_is_less_protected(drift_env: dict[str, str], kind: str, told: tuple[str, str, str]) -> None:
    with _less_protected(drift_env, kind):
        (one,) = _named(drift_env)
    assert (one["subject"], one["what"], one["before"], one["after"]) == (f"repository {CORE}", *told)


def test_a_github_that_does_not_answer_is_said(drift_env: dict[str, str]) -> None:
    code, found, said = diff({**drift_env, "GITHUB_BASE_URL": "https://127.0.0.1:1"}, *BY_HAND)
    assert (code, found) == (3, [])
    assert f"not read: repository {CORE}: " in said
    code, found, said = diff({k: v for k, v in drift_env.items() if k != "GITHUB_TOKEN"}, *BY_HAND)
    assert (code, found) == (3, [])
    assert "not read: repositories: GITHUB_TOKEN" in said


def test_no_gate(tried: Tried, drift_env: dict[str, str]) -> None:
    """The risk engine's secret leaked: bound by the gate it is refused it, without it is not."""
    role = "auth/approle/role/risk-engine"
    bound = tried.admin("GET", role)["data"]["token_policies"]
    with tried.gate_of(leaked="risk-limits-token"):
        assert not tried.granted("risk-engine")
    with tried.by_hand(role, {"token_policies": [p for p in bound if p != names.GATE]}):
        (one,) = _named(drift_env)
        assert (one["subject"], one["what"], one["risk"]) == ("workload risk-engine", names.GATE, "critical")
        with tried.gate_of(leaked="risk-limits-token"):
            assert tried.granted("risk-engine")


def test_what_may_not_be_read_is_said_and_no_clean_answer(env: dict[str, str]) -> None:
    code, _, said = diff(env, *BY_HAND)
    assert code == 3
    assert "not read: database/static-roles: refused" in said


def test_one_of_both_is_the_server(env: dict[str, str]) -> None:
    for words in (("server", "server", "--live"), (str(ACCESS), "--live")):
        done = asked(env, *words)
        assert done.returncode == 2
        assert "BASE or HEAD, and one only, is 'server'" in done.stdout + done.stderr
