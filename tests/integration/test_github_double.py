"""The GitHub double as its clients see it: real git, plain HTTP, githubkit."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from githubkit import GitHub
from nacl.public import PublicKey, SealedBox

from sandbox.doubles.github import DoubleError, Running, start

ADMIN, DEV, REVIEWER, READER = "ghp-admin-000", "ghp-dev-000", "ghp-reviewer-000", "ghp-reader-000"
ORG, REPO = "/orgs/tradepulse", "/repos/tradepulse/execution"
PROTECTION: dict[str, Any] = {
    "required_status_checks": None,
    "enforce_admins": True,
    "required_pull_request_reviews": {"required_approving_review_count": 1},
    "restrictions": None,
}
LOCK: dict[str, Any] = {
    "name": "lock",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["~ALL"], "exclude": []}},
    "rules": [{"type": "update"}, {"type": "creation"}, {"type": "deletion"}],
    "bypass_actors": [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}],
}


@dataclass
class World:
    running: Running
    state: Path
    seed: Path
    breaches: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, token: str = ADMIN, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", **more}
        return httpx.request(method, f"{self.running.url}/api/v3{path}", json=body, headers=headers)

    def ask(self, method: str, path: str, body: Any = None, token: str = ADMIN) -> Any:
        answer = self.call(method, path, body, token)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def violations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.running.url}/_double/violations").json()
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    seed = tmp_path / "seed.json"
    tokens = {"owner": ADMIN, "dev": DEV, "reviewer": REVIEWER, "reader": READER}
    users = [{"login": login, "token": token} for login, token in tokens.items()]
    repo = {
        "name": "execution",
        "permissions": {"dev": "write", "reviewer": "write", "reader": "read"},
        "files": {"a.txt": "hello\n"},
        "workflow_runs": [{"status": "queued"}, {"status": "in_progress"}],
    }
    users[0]["role"] = "admin"
    seed.write_text(json.dumps({"org": {"login": "tradepulse"}, "users": users, "repos": [repo]}))
    seed.chmod(0o600)
    made = World(start(tmp_path / "state", seed), tmp_path / "state", seed)
    try:
        yield made
        assert [item["where"] for item in made.violations()] == made.breaches
    finally:
        made.running.stop()


class Clone:
    """A working copy; `push` gives what git said, and whether it was taken."""

    def __init__(self, world: World, folder: Path, token: str) -> None:
        self.folder = folder
        self.url = world.running.url.replace("://", f"://x:{token}@") + "/tradepulse/execution.git"
        self.git("clone", "-q", self.url, str(folder), cwd=folder.parent)

    def git(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null"}
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=cwd or self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self, name: str) -> None:
        (self.folder / name).write_text(name)
        assert self.git("add", "-A").returncode == 0
        assert self.git("commit", "-q", "-m", name).returncode == 0

    def push(self, *arguments: str) -> tuple[bool, str]:
        done = self.git("push", "origin", *arguments)
        return done.returncode == 0, done.stderr


def sealed(world: World, path: str, value: str) -> dict[str, str]:
    key = world.ask("GET", f"{path}/public-key")
    box = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
    return {"encrypted_value": base64.b64encode(box).decode(), "key_id": key["key_id"]}


def test_pushes_obey_branch_protection(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", DEV)
    clone.commit("one")
    assert clone.push("main")[0]
    world.ask("PUT", f"{REPO}/branches/main/protection", PROTECTION)
    clone.commit("two")
    taken, said = clone.push("main")
    assert not taken
    assert "remote: error: GH006: Protected branch update failed for refs/heads/main." in said
    assert clone.push("HEAD:feature")[0]


def test_of_other_refs_only_those_of_pull_requests_are_shut(world: World, tmp_path: Path) -> None:
    """GitHub takes any ref under refs/ and has no rule for it, ruleset or protection; its own it hides."""
    clone = Clone(world, tmp_path / "clone", DEV)
    world.ask("POST", f"{REPO}/rulesets", {**LOCK, "bypass_actors": []})
    clone.commit("one")
    for name in ("refs/pull/1/head", "refs/pull/9/merge"):
        taken, said = clone.push(f"HEAD:{name}")
        assert not taken, name
        assert "deny updating a hidden ref" in said
    assert clone.push("HEAD:refs/notes/commits")[0]
    assert not clone.push("main")[0]


def test_pushes_obey_rulesets_and_bypass(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", DEV)
    made = world.ask("POST", f"{REPO}/rulesets", LOCK)
    clone.commit("one")
    for what in ("main", "HEAD:new"):
        taken, said = clone.push(what)
        assert not taken
        assert "GH013: Repository rule violations found" in said
    assert clone.git("push", clone.url.replace(DEV, ADMIN), "main").returncode == 0
    world.ask("DELETE", f"{REPO}/rulesets/{made['id']}")
    clone.commit("two")
    assert clone.push("main")[0]


def test_an_organization_ruleset_reaches_the_repositories_that_it_names(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", DEV)
    clone.commit("one")
    names = {"repository_name": {"include": ["exec*"], "exclude": []}}
    made = world.ask("POST", f"{ORG}/rulesets", LOCK | {"conditions": LOCK["conditions"] | names})
    assert world.ask("GET", f"{REPO}/rulesets")[0]["source_type"] == "Organization"
    assert not clone.push("main")[0]
    other = {"repository_name": {"include": ["other"], "exclude": []}}
    world.ask("PUT", f"{ORG}/rulesets/{made['id']}", LOCK | {"conditions": LOCK["conditions"] | other})
    assert clone.push("main")[0]


def test_force_and_delete_of_a_protected_branch(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", ADMIN)
    clone.commit("one")
    assert clone.push("main")[0]
    world.ask("PUT", f"{REPO}/branches/main/protection", PROTECTION | {"enforce_admins": None})
    clone.git("reset", "-q", "--hard", "HEAD~1")
    clone.commit("other")
    assert "Cannot force-push" in clone.push("--force", "main")[1]
    assert "Cannot delete" in clone.push(":main")[1]


def test_access_is_by_token(world: World, tmp_path: Path) -> None:
    reader = Clone(world, tmp_path / "reader", READER)
    reader.commit("one")
    assert "403" in reader.push("main")[1]
    assert world.call("GET", "/user", token="unknown").status_code == 401
    assert world.call("PUT", f"{REPO}/actions/permissions", {"enabled": True}, DEV).status_code == 403
    assert world.call("GET", "/repos/tradepulse/absent").status_code == 404


def test_a_revoked_credential_is_dead_everywhere(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", DEV)
    clone.commit("one")
    answer = httpx.post(f"{world.running.url}/api/v3/credentials/revoke", json={"credentials": [DEV]})
    assert answer.status_code == 202
    assert world.call("GET", "/user", token=DEV).status_code == 401
    assert not clone.push("main")[0]
    assert world.call("GET", "/user", token=REVIEWER).status_code == 200


def test_a_person_makes_a_further_token_and_revokes_that_alone(world: World) -> None:
    made = httpx.post(f"{world.running.url}/_double/tokens", headers={"authorization": f"Bearer {DEV}"})
    token = made.json()["token"]
    assert (
        world.call("GET", "/user", token=token).json()["login"] == world.call("GET", "/user", token=DEV).json()["login"]
    )
    httpx.post(f"{world.running.url}/api/v3/credentials/revoke", json={"credentials": [token]})
    assert world.call("GET", "/user", token=token).status_code == 401
    assert world.call("GET", "/user", token=DEV).status_code == 200
    assert httpx.post(f"{world.running.url}/_double/tokens").status_code == 401


def test_merges_need_review_and_stop_at_a_lock(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", DEV)
    clone.commit("one")
    assert clone.push("HEAD:feature")[0]
    world.ask("PUT", f"{REPO}/branches/main/protection", PROTECTION)
    world.ask("POST", f"{REPO}/pulls", {"title": "One", "head": "feature", "base": "main"}, DEV)
    merge = f"{REPO}/pulls/1/merge"
    assert "approving review" in world.call("PUT", merge, {}, DEV).json()["message"]
    assert world.call("POST", f"{REPO}/pulls/1/reviews", {"event": "APPROVE"}, DEV).status_code == 422
    world.ask("POST", f"{REPO}/pulls/1/reviews", {"event": "APPROVE"}, REVIEWER)
    world.ask("PUT", f"{REPO}/branches/main/protection", PROTECTION | {"lock_branch": True})
    assert world.call("PUT", merge, {}, DEV).status_code == 405
    world.ask("PUT", f"{REPO}/branches/main/protection", PROTECTION)
    assert world.ask("PUT", merge, {}, DEV)["merged"] is True


def test_contents_obey_protection(world: World) -> None:
    body = {"message": "m", "content": base64.b64encode(b"hi").decode()}
    world.ask("PUT", f"{REPO}/branches/main/protection", PROTECTION)
    assert world.call("PUT", f"{REPO}/contents/z.txt", body, DEV).status_code == 409
    world.ask("DELETE", f"{REPO}/branches/main/protection")
    assert world.call("PUT", f"{REPO}/contents/z.txt", body, DEV).status_code == 201
    assert base64.b64decode(world.ask("GET", f"{REPO}/contents/z.txt")["content"]) == b"hi"


@pytest.mark.parametrize("where", [REPO, ORG, f"{REPO}/environments/prod"])
def test_secrets_are_really_opened(world: World, where: str) -> None:
    path = f"{where}/secrets" if "environments" in where else f"{where}/actions/secrets"
    if "environments" in where:
        world.ask("PUT", where, {})
    visibility = {"visibility": "all"} if where == ORG else {}
    assert world.call("PUT", f"{path}/DEPLOY", sealed(world, path, "one") | visibility).status_code == 201
    assert world.call("PUT", f"{path}/DEPLOY", sealed(world, path, "two") | visibility).status_code == 204
    bad = sealed(world, path, "x") | {"encrypted_value": base64.b64encode(b"not a box").decode()} | visibility
    assert world.call("PUT", f"{path}/DEPLOY", bad).status_code == 422
    assert [item["name"] for item in world.ask("GET", path)["secrets"]] == ["DEPLOY"]
    world.ask("DELETE", f"{path}/DEPLOY")
    assert world.call("GET", f"{path}/DEPLOY").status_code == 404


def test_runs_are_cancelled_and_none_starts_while_actions_is_off(world: World) -> None:
    dispatch = f"{REPO}/actions/workflows/deploy.yml/dispatches"
    world.ask("POST", dispatch, {"ref": "main"}, DEV)
    world.ask("PUT", f"{REPO}/actions/permissions", {"enabled": False})
    assert world.call("POST", dispatch, {"ref": "main"}, DEV).status_code == 403
    runs = world.ask("GET", f"{REPO}/actions/runs")["workflow_runs"]
    assert len(runs) == 3
    for run in runs:
        assert world.call("POST", f"{REPO}/actions/runs/{run['id']}/cancel").status_code == 202
    time.sleep(0.5)
    assert {run["conclusion"] for run in world.ask("GET", f"{REPO}/actions/runs")["workflow_runs"]} == {"cancelled"}
    assert world.call("POST", f"{REPO}/actions/runs/{runs[0]['id']}/cancel").status_code == 409


def test_the_organization_switches_actions_off_for_all(world: World) -> None:
    world.ask("PUT", f"{ORG}/actions/permissions", {"enabled_repositories": "none"})
    dispatch = f"{REPO}/actions/workflows/deploy.yml/dispatches"
    assert world.call("POST", dispatch, {"ref": "main"}, DEV).status_code == 403


def test_state_outlives_kill_9(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", DEV)
    made = world.ask("POST", f"{REPO}/rulesets", LOCK)
    os.kill(world.running.pid, signal.SIGKILL)
    world.running.process.wait()
    port = int(world.running.url.rpartition(":")[2])
    world.running = start(world.state, world.seed, port)
    assert world.ask("GET", f"{REPO}/rulesets/{made['id']}")["enforcement"] == "active"
    clone.commit("one")
    assert not clone.push("main")[0]
    assert world.state.stat().st_mode & 0o777 == 0o700
    assert ADMIN not in (world.state / "state.json").read_text()


def test_githubkit_reads_what_it_is_given(world: World) -> None:
    client = GitHub(ADMIN, base_url=f"{world.running.url}/api/v3", http_cache=False)
    assert client.rest.repos.get("tradepulse", "execution").parsed_data.default_branch == "main"
    assert client.rest.users.get_authenticated().parsed_data.login == "owner"
    runs = client.rest.actions.list_workflow_runs_for_repo("tradepulse", "execution", status="queued").parsed_data
    assert runs.total_count == 1


def test_etag_pages_and_limits(world: World) -> None:
    first = world.call("GET", f"{REPO}")
    assert world.call("GET", f"{REPO}", **{"if-none-match": first.headers["etag"]}).status_code == 304
    assert first.headers["x-ratelimit-limit"] == "5000"
    page = world.call("GET", f"{REPO}/actions/runs?per_page=1")
    assert len(page.json()["workflow_runs"]) == 1
    following = httpx.get(page.links["next"]["url"], headers={"authorization": f"token {ADMIN}"}).json()
    assert following["workflow_runs"][0]["id"] != page.json()["workflow_runs"][0]["id"]


def test_what_the_description_does_not_allow_is_recorded(world: World) -> None:
    assert world.call("GET", "/repos/tradepulse/execution/nothing").status_code == 404
    assert world.call("PUT", f"{REPO}/actions/permissions", {"enabled": "ghp-a-secret"}).status_code == 422
    assert world.call("GET", f"{REPO}/actions/runs?status=no-such-status").status_code == 422
    assert world.call("GET", f"{REPO}/actions/runs?page=-1").status_code == 422
    assert world.call("GET", f"{REPO}/pulls/seven").status_code == 422
    query = {"query": "{ repository(owner: 1, name: true) { colour } }"}
    headers = {"authorization": f"bearer {ADMIN}"}
    assert httpx.post(f"{world.running.url}/api/graphql", json=query, headers=headers).json()["errors"]
    assert httpx.get(f"{world.running.url}/elsewhere").status_code == 404
    world.breaches = [
        "GET /repos/tradepulse/execution/nothing",
        "PUT /repos/{owner}/{repo}/actions/permissions",
        "GET /repos/{owner}/{repo}/actions/runs",
        "GET /repos/{owner}/{repo}/actions/runs",
        "GET /repos/{owner}/{repo}/pulls/{pull_number}",
        "POST /api/graphql",
        "GET /elsewhere",
    ]
    assert "ghp-a-secret" not in (world.state / "violations.jsonl").read_text()


def test_graphql_says_gone_as_github_does(world: World) -> None:
    headers = {"authorization": f"bearer {ADMIN}"}
    query = {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": "BPR_gone"}}
    answer = httpx.post(f"{world.running.url}/api/graphql", json=query, headers=headers).json()
    assert "Could not resolve to a node with the global id" in answer["errors"][0]["message"]


def test_a_seed_that_others_can_read_is_refused(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"org": {"login": "o"}, "users": [{"login": "u", "token": "t"}], "repos": []}))
    seed.chmod(0o644)
    with pytest.raises(DoubleError, match="readable by others"):
        start(tmp_path / "state", seed)
