"""What widened, as `portcullis access diff` says it, and requests that show it on real servers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from containment import names
from containment.compiled import gate
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from drill.actors import Actors
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox

Change = dict[str, Any]
ELSEWHERE = "secret/data/risk/limits"
"""What settlement may not read."""


def asked(env: Mapping[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "rotation", "access", "diff", *argv, "--json"]
    return subprocess.run(words, cwd=REPOSITORY, env=dict(env), capture_output=True, text=True, check=False)


def diff(env: Mapping[str, str], *argv: str) -> tuple[int, list[Change], str]:
    """Its exit code, what widened beside what follows from it, and stderr."""
    done = asked(env, *argv)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)["changes"]
    return done.returncode, [c for c in found if c["widens"] and not c["follows"]], done.stderr


def repository(folder: Path) -> Path:
    """The folder, in a git repository of its own that has nothing yet."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def committed(folder: Path, tag: str) -> None:
    """Everything as it is now, under a name."""
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", tag)
    git(folder, "tag", tag)


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.invalid")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


class Tried(Actors):
    """Requests by a login or a credential of this moment."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._secrets: dict[str, tuple[str, str]] = {}

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.call(method, path, dict(body) if body is not None else None, token=self._root)

    def logged_in(self, workload: str) -> Any:
        """Its `auth`: token, entity, seconds."""
        role, secret = self._secrets.setdefault(workload, self.secret_id(workload))
        return self.call("POST", "auth/approle/login", {"role_id": role, "secret_id": secret})["auth"]

    def granted(self, workload: str, path: str = ELSEWHERE) -> bool:
        token = self.logged_in(workload)["client_token"]
        return self.allowed(lambda: self.read(token, path))

    def runs(self, workload: str, role: str, statement: str) -> bool:
        """Whether a user made for it by the server can, in a transaction that is taken back."""
        import psycopg

        made = self.read(self.logged_in(workload)["client_token"], f"database/creds/{role}")
        with self.connect(made["username"], made["password"]) as session:
            try:
                with session.transaction(force_rollback=True):
                    session.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                return False
        return True

    def lease_seconds(self, workload: str, role: str) -> int:
        token = self.logged_in(workload)["client_token"]
        return int(self.call("GET", f"database/creds/{role}", token=token)["lease_duration"])

    def looking(self) -> str:
        """A token of the scheduled job's policy, which may look at what is declared and change nothing."""
        made = self.admin("POST", "auth/token/create", {"policies": ["portcullis-drift"]})
        return str(made["auth"]["client_token"])

    def merged(self, repository: str, branch: str, by: str, approved_by: tuple[str, ...]) -> bool:
        """Whether a pull request from a new branch gets in with these approvals."""
        assert self.push(by, self.github_token(by), repository, branch)
        pulls = f"/repos/tradepulse/{repository}/pulls"
        opened = self._github(by, "POST", pulls, {"title": "x", "head": branch, "base": "main"}).raise_for_status()
        pull = f"{pulls}/{opened.json()['number']}"
        for login in approved_by:
            self._github(login, "POST", f"{pull}/reviews", {"event": "APPROVE"}).raise_for_status()
        return bool(self._github(by, "PUT", f"{pull}/merge", {}).is_success)

    def _github(self, login: str, method: str, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {self.github_token(login)}"}
        url = f"{self.addresses.github}/api/v3{path}"
        return self._http.request(method, url, json=dict(body), headers=headers)

    @contextmanager
    def by_hand(self, path: str, changed: Mapping[str, Any]) -> Iterator[None]:
        """As somebody changes fields of what is at the path; as it was afterwards, or gone where there was nothing."""
        was = self._held(path)
        self.admin("POST", path, changed)
        try:
            yield
        finally:
            self.admin("POST", path, {k: was[k] for k in changed}) if was else self.admin("DELETE", path)

    @contextmanager
    def gate_of(self, folder: Path | None = None, leaked: str = "") -> Iterator[None]:
        """The gate as an incident compiles it of declarations: of one leaked secret, or of everything in scope."""
        scope = Scope(False, (f"secret:{leaked}",)) if leaked else Scope(True)
        shut = gate.gate(affected(load(folder), (Incident("x", scope, State.OPEN, 1),)))
        with self.by_hand(f"sys/policies/acl/{names.GATE}", {"policy": shut}):
            yield

    def _held(self, path: str) -> dict[str, Any]:
        from policies.errors import Unreachable

        try:
            return dict(self.admin("GET", path)["data"])
        except Unreachable as error:
            if ": 404 " in str(error):
                return {}
            raise
