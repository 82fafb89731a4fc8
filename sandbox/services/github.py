"""The GitHub double as a service: an organization with the declared repositories, its people, and work under way."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from policies.load import load
from policies.model import Repository
from sandbox import tls
from sandbox.process import write_private
from sandbox.services.base import Service

ORGANIZATION = "tradepulse"
OPERATOR = "portcullis"
ADMIN = "platform-admin"
"""A person who owns the organization: what holds against everybody holds against this one."""
APP = "release-train"
"""A GitHub App that is installed in the organization."""
DEVELOPERS = ("dana-dev", "omar-dev")
_REPOSITORY = Path(__file__).resolve().parent.parent.parent


class GithubDouble(Service):
    name = "github"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def token(self, login: str) -> str:
        return self._token_file(login).read_text()

    def remote(self, login: str, repository: str) -> str:
        """A git remote with this person's token in it."""
        return f"https://{login}:{self.token(login)}@127.0.0.1:{self.port}/{ORGANIZATION}/{repository}.git"

    def violations(self) -> list[dict[str, Any]]:
        """What was asked or answered outside GitHub's description, since the state was made."""
        file = self.folder / "violations.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def launch(self) -> None:
        _, cert, key = tls.ensure(self.root)
        seed = self.folder / "seed.json"
        if not (self.folder / "state.json").exists():
            write_private(seed, json.dumps(self._seed(load().repositories)))
        argv = [sys.executable, "-m", "sandbox.doubles.github", f"--state={self.folder}", f"--port={self.port}"]
        argv += [f"--seed={seed}", f"--tls-cert={cert}", f"--tls-key={key}"]
        self.process.start(argv, {"PATH": os.environ["PATH"]}, cwd=_REPOSITORY)

    def healthy(self) -> bool:
        import ssl

        import httpx

        try:
            context = ssl.create_default_context(cafile=str(self.root / "ca.pem"))
            return httpx.get(f"{self.url}/api/v3/meta", verify=context, timeout=2, trust_env=False).status_code == 200
        except (httpx.HTTPError, FileNotFoundError):
            return False

    def environ(self) -> dict[str, str]:
        token = self._token_file(OPERATOR)
        return {
            "GITHUB_BASE_URL": f"{self.url}/",
            "GITHUB_OWNER": ORGANIZATION,
            "GITHUB_TOKEN": token.read_text() if token.exists() else "",
        }

    def _token_file(self, login: str) -> Path:
        return self.secrets / f"github.{login}.token"

    def _seed(self, repositories: tuple[Repository, ...]) -> dict[str, Any]:
        mergers = sorted({m for r in repositories for m in r.mergers})
        writers = [*DEVELOPERS, *mergers]
        return {
            "org": {"login": ORGANIZATION, "name": "TradePulse"},
            "users": [
                *(self._person(login, "admin") for login in (OPERATOR, ADMIN)),
                *(self._person(login, "member") for login in writers),
            ],
            "apps": [APP],
            "repos": [_repository(r, writers) for r in repositories],
        }

    def _person(self, login: str, role: str) -> dict[str, str]:
        file = self._token_file(login)
        if not file.exists():
            write_private(file, f"ghp_{secrets.token_hex(18)}")
        return {"login": login, "role": role, "token_file": str(file)}


def _repository(repository: Repository, writers: list[str]) -> dict[str, Any]:
    work = [
        {"status": "in_progress", "name": "deploy production", "actor": DEVELOPERS[0], "seconds": 86_400},
        {"status": "queued", "name": "deploy staging", "actor": DEVELOPERS[1]},
    ]
    return {
        "name": repository.name,
        "default_branch": repository.default_branch,
        "permissions": dict.fromkeys(writers, "write"),
        "files": {"README.md": f"# {repository.name}\n"},
        "workflow_runs": [] if repository.control else work,
        "deploy_keys": [] if repository.control else [{"title": "deploy host", "key": public_key()}],
    }


def public_key() -> str:
    """Nobody keeps the private half: git runs over HTTPS here, so a deploy key opens nothing."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
