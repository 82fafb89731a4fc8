"""Who takes part in a drill: `Hands`, the administrator who hands out credentials, and the CI's issuer."""

from __future__ import annotations

import json

from containment import names
from drill.hands import Addresses, Hands
from sandbox.environment import Sandbox
from sandbox.estate import issuer_token


class Actors(Hands):
    def __init__(self, sandbox: Sandbox) -> None:
        ports = json.loads((sandbox.root / "ports.json").read_text())
        super().__init__(
            Addresses(
                sandbox.openbao.url,
                f"https://127.0.0.1:{ports['exchange']}",
                f"https://127.0.0.1:{ports['github']}",
                ports["postgres"],
                str(sandbox.root / "ca.pem"),
            )
        )
        self._sandbox = sandbox
        self._root = sandbox.openbao.root_token()

    def secret_id(self, workload: str) -> tuple[str, str]:
        """What an administrator hands to a workload: role_id and a fresh secret_id."""
        base = f"auth/{names.APPROLE}/role/{workload}"
        role = self.call("GET", f"{base}/role-id", token=self._root)["data"]["role_id"]
        made = self.call("POST", f"{base}/secret-id", {}, token=self._root)["data"]["secret_id"]
        return role, made

    def issuer_token(self, claims: dict[str, str]) -> str:
        return issuer_token(self._sandbox, claims)

    def ci_login(self, role: str, claims: dict[str, str]) -> str:
        return self.jwt_login(role, self.issuer_token(claims))

    def root_issue(self, token_role: str) -> str:
        """A token that somebody made through a token role behind our back."""
        made = self.call("POST", f"auth/token/create/{token_role}", {}, token=self._root)
        return str(made["auth"]["client_token"])

    def github_token(self, login: str) -> str:
        return (self._sandbox.root / "secrets" / f"github.{login}.token").read_text()

    def manager(self) -> bool:
        """The control for PostgreSQL: an account that no incident touches."""
        password = (self._sandbox.root / "secrets" / "postgres.portcullis_containment").read_text()
        return self.can_connect("portcullis_containment", password)
