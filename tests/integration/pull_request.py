"""A pull request on the GitHub double, and `portcullis approval` asked about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.doubles.github import start

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
    "new": False,
    "production": True,
    "gained": ["read"],
    "lost": [],
    "witness": {"operation": "read", "path": "secret/data/risk/limits"},
    "but": [],
    "before": "",
    "after": "",
    "stands_for": "",
    "files": [],
    "follows": False,
}


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

    def push(self, text: str, email: str = "dana@example.invalid") -> None:
        """A commit on the branch of the pull request, by whose e-mail that is."""
        url = f"{self.url.replace('://', '://x:ghp-dana-000@')}/{REPOSITORY}.git"
        clone, name = self.folder / "clone", ["-c", "user.name=Dana", "-c", f"user.email={email}"]
        if not clone.exists():
            subprocess.run(["git", "clone", "-q", url, str(clone)], check=True)
            subprocess.run(["git", "switch", "-qc", "wider"], cwd=clone, check=True)
        (clone / "declared").write_text(text)
        subprocess.run(["git", "add", "--all"], cwd=clone, check=True)
        subprocess.run(["git", *name, "commit", "-qm", text], cwd=clone, check=True)
        subprocess.run(["git", "push", "-q", "origin", "wider"], cwd=clone, check=True)

    def elsewhere(self) -> None:
        """Pull request 2: the same commit, into a branch that has the same files already."""
        name = ["-c", "user.name=Dana", "-c", "user.email=dana@example.invalid"]
        made = subprocess.run(
            ["git", *name, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "cover"],
            cwd=self.folder / "clone",
            check=True,
            capture_output=True,
            text=True,
        )
        cover = f"{made.stdout.strip()}:refs/heads/cover"
        subprocess.run(["git", "push", "-q", "origin", cover], cwd=self.folder / "clone", check=True)
        self.ask("POST", "/pulls", {"title": "Nothing", "head": "wider", "base": "cover"}, "dana")

    def merge(self, pull: int = 1) -> None:
        self.ask("PUT", f"/pulls/{pull}/merge", {})
        subprocess.run(["git", "fetch", "-q"], cwd=self.folder / "clone", check=True)

    def review(self, by: str, event: str = "APPROVE", **more: Any) -> Any:
        return self.ask("POST", "/pulls/1/reviews", {"event": event, "body": "read", **more}, by)

    def diff(self, number: int = 1, **changed: Any) -> Path:
        pull = self.ask("GET", f"/pulls/{number}")
        file = self.folder / "diff.json"
        whole = {"base": pull["base"]["sha"], "head": pull["head"]["sha"], "widens": True, "changes": [LINE]}
        file.write_text(json.dumps({**whole, **changed}))
        return file

    def run(
        self, *argv: str, diff: Path | None = None, pull: int = 1, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        told = {"GITHUB_BASE_URL": self.url, "GITHUB_TOKEN": "ghp-actions-000", "OPA_URL": self.opa, **environ}
        asked = ["--pull", str(pull), "--repository", REPOSITORY, "--diff", str(diff or self.diff(pull)), *argv]
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

    @classmethod
    @contextmanager
    def opened(cls, tmp_path: Path, opa: str) -> Iterator[World]:
        """One pull request of dana's, not approved by anybody."""
        seed = tmp_path / "seed.json"
        users = [{"login": name, "token": f"ghp-{name}-000", "teams": teams} for name, teams in PEOPLE.items()]
        users[0]["role"] = "admin"
        access = {"dana": "write", "rita": "write", "sam": "write", "actions": "write", "mallory": "read"}
        repos = [{"name": "tradepulse-infra", "permissions": access}]
        seed.write_text(json.dumps({"org": {"login": "tradepulse"}, "users": users, "repos": repos}))
        seed.chmod(0o600)
        running = start(tmp_path / "state", seed)
        try:
            made = cls(running.url, tmp_path / "state", tmp_path, opa)
            made.push("one")
            made.ask("POST", "/pulls", {"title": "Wider", "head": "wider", "base": "main"}, "dana")
            yield made
            assert httpx.get(f"{running.url}/_double/violations").json() == []
        finally:
            running.stop()
