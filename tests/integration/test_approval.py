"""`portcullis approval` on the GitHub double and the real OPA: who must approve, who has, and what it says there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.doubles.github import free_port, start
from sandbox.services.opa import OpaServer

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "tradepulse/tradepulse-infra"
CONTEXT = "portcullis/approval"
PEOPLE = {
    "owner": [],
    "dana": ["team-risk"],
    "rita": ["team-risk"],
    "sam": ["team-security"],
    "actions": [],
    "mallory": [],
}
LINE: dict[str, Any] = {
    "subject": "workload risk-engine",
    "what": "secret/data/risk/limits",
    "risk": "medium",
    "widens": True,
    "reason": "production",
    "place": None,
    "owner": "team-risk",
    "production": True,
    "gained": ["read"],
    "lost": [],
    "witness": {"operation": "read", "path": "secret/data/risk/limits"},
    "but": [],
    "before": "",
    "after": "",
    "stands_for": "",
    "follows": False,
}


@pytest.fixture(scope="module")
def opa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    service = OpaServer(tmp_path_factory.mktemp("opa"), free_port())
    service.start()
    yield service.url
    service.stop()


@dataclass
class World:
    url: str
    state: Path
    folder: Path
    opa: str

    def ask(self, method: str, path: str, body: Any = None, by: str = "owner") -> Any:
        headers = {"authorization": f"Bearer ghp-{by}-000"}
        answer = httpx.request(method, f"{self.url}/api/v3/repos/{REPOSITORY}{path}", json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def push(self, text: str) -> None:
        """A commit on the branch of the pull request."""
        url = f"{self.url.replace('://', '://x:ghp-dana-000@')}/{REPOSITORY}.git"
        clone, name = self.folder / "clone", ["-c", "user.name=Dana", "-c", "user.email=dana@example.invalid"]
        if not clone.exists():
            subprocess.run(["git", "clone", "-q", url, str(clone)], check=True)
            subprocess.run(["git", "switch", "-qc", "wider"], cwd=clone, check=True)
        (clone / "declared").write_text(text)
        subprocess.run(["git", "add", "declared"], cwd=clone, check=True)
        subprocess.run(["git", *name, "commit", "-qm", text], cwd=clone, check=True)
        subprocess.run(["git", "push", "-q", "origin", "wider"], cwd=clone, check=True)

    def review(self, by: str, event: str = "APPROVE", **more: Any) -> Any:
        return self.ask("POST", "/pulls/1/reviews", {"event": event, "body": "read", **more}, by)

    def diff(self, **changed: Any) -> Path:
        pull = self.ask("GET", "/pulls/1")
        file = self.folder / "diff.json"
        whole = {"base": pull["base"]["sha"], "head": pull["head"]["sha"], "widens": True, "changes": [LINE]}
        file.write_text(json.dumps({**whole, **changed}))
        return file

    def run(self, *argv: str, diff: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        told = {"GITHUB_BASE_URL": self.url, "GITHUB_TOKEN": "ghp-actions-000", "OPA_URL": self.opa, **environ}
        asked = ["--pull", "1", "--repository", REPOSITORY, "--diff", str(diff or self.diff()), *argv]
        return subprocess.run(
            [sys.executable, "-m", "rotation", "approval", *asked],
            cwd=ROOT,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            check=False,
        )

    def missing(self, **more: Any) -> list[str]:
        done = self.run("--json", **more)
        document = json.loads(done.stdout)
        assert done.returncode == (0 if document["allow"] else 1), done.stderr
        found: list[str] = document["missing"]
        return [reason.partition(":")[0] for reason in found]

    def comments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/issues/1/comments")
        return found

    def passed(self) -> bool:
        head = self.ask("GET", "/pulls/1")["head"]["sha"]
        repo = json.loads((self.state / "state.json").read_text())["repos"]["tradepulse-infra"]
        return CONTEXT in repo["statuses"].get(head, [])


@pytest.fixture
def world(tmp_path: Path, opa: str) -> Iterator[World]:
    seed = tmp_path / "seed.json"
    users = [{"login": name, "token": f"ghp-{name}-000", "teams": teams} for name, teams in PEOPLE.items()]
    users[0]["role"] = "admin"
    access = {"dana": "write", "rita": "write", "sam": "write", "actions": "write", "mallory": "read"}
    repos = [{"name": "tradepulse-infra", "permissions": access}]
    seed.write_text(json.dumps({"org": {"login": "tradepulse"}, "users": users, "repos": repos}))
    seed.chmod(0o600)
    running = start(tmp_path / "state", seed)
    try:
        made = World(running.url, tmp_path / "state", tmp_path, opa)
        made.push("one")
        made.ask("POST", "/pulls", {"title": "Wider", "head": "wider", "base": "main"}, "dana")
        yield made
        assert httpx.get(f"{running.url}/_double/violations").json() == []
    finally:
        running.stop()


def test_each_approval_that_is_missing_is_named_until_it_is_given(world: World) -> None:
    assert world.missing() == ["team-risk", "team-security"]
    world.review("rita")
    assert world.missing() == ["team-security"]
    world.review("sam")
    assert world.missing() == []
    world.push("two")
    assert world.missing() == ["team-risk", "team-security"], "a later push voids what was said of the commit before"


def test_taking_it_back_counts(world: World) -> None:
    rita, _ = world.review("rita"), world.review("sam")
    world.review("sam", "REQUEST_CHANGES")
    assert world.missing() == ["sam asks for changes", "team-security"]
    world.review("sam")
    assert world.missing() == []
    world.ask("PUT", f"/pulls/1/reviews/{rita['id']}/dismissals", {"message": "no"}, "dana")
    assert world.missing() == ["team-risk"]


def test_a_diff_of_another_commit_is_refused(world: World) -> None:
    world.review("rita"), world.review("sam")
    head = world.ask("GET", "/pulls/1")["head"]["sha"]
    assert world.missing() == []
    assert "a diff from " in world.run(diff=world.diff(base=head)).stdout
    assert world.run(diff=world.diff(head="main", changes=[])).returncode == 1


def test_a_team_that_is_not_there_is_named(world: World) -> None:
    done = world.run(diff=world.diff(changes=[{**LINE, "owner": "team-gone"}]))
    assert (done.returncode, "team-gone: GitHub knows no such team" in done.stdout) == (1, True)


def test_one_comment_and_the_status_follow_the_decision(world: World) -> None:
    marker = "<!-- portcullis access diff -->"
    shown = world.folder / "comment.md"
    shown.write_text(f"{marker}\n### Access: 1 wider\n")
    world.ask("POST", "/issues/1/comments", {"body": f"{marker}\n### Approved"}, "mallory")
    tell = ("--comment", str(shown), "--status")
    assert world.run(*tell).returncode == 1
    spoofed, ours = world.comments()
    assert (ours["user"]["login"], "### Not approved yet" in ours["body"]) == ("actions", True)
    assert not world.passed()
    world.review("rita"), world.review("sam")
    assert world.run(*tell).returncode == 0
    assert world.passed()
    again = world.comments()
    assert [c["id"] for c in again] == [spoofed["id"], ours["id"]]
    assert (again[0]["body"], "### Approved" in again[1]["body"]) == (spoofed["body"], True)
    world.review("rita", "REQUEST_CHANGES")
    assert world.run(*tell).returncode == 1
    assert not world.passed(), "the same commit's success is taken back"


def test_what_cannot_be_asked_is_no_approval(world: World) -> None:
    silent = world.run("--status", OPA_URL=f"http://127.0.0.1:{free_port()}")
    assert (silent.returncode, world.passed()) == (3, False)
    blind = world.run(PORTCULLIS_TEAMS_TOKEN="ghp-nobody")
    assert (blind.returncode, "401" in blind.stderr, "ghp-nobody" in blind.stderr) == (3, True, False)
    bad = world.folder / "bad.json"
    bad.write_text("[]")
    assert world.run(diff=bad).returncode == 2
    assert world.run("--comment", str(bad)).returncode == 2
