"""Who takes part in a drill: workloads that hold real credentials, and what an attacker does with a leaked one.

Values stay in memory; what is recorded of them is a name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from containment import names
from policies.errors import Unreachable
from sandbox.environment import Sandbox
from sandbox.estate import issuer_token


@dataclass(frozen=True, slots=True)
class Attempt:
    """`use` tries the credential for real: True it worked, False it was refused. An unreachable server raises."""

    what: str
    credential: str
    use: Callable[[], bool]
    control: Callable[[], bool]
    """The same act by an identity that stays allowed: a refusal counts only while this succeeds."""


class Actors:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bao = sandbox.openbao
        self._root = self._bao.root_token()
        self._ports = json.loads((sandbox.root / "ports.json").read_text())

    def secret_id(self, workload: str) -> tuple[str, str]:
        """What an administrator hands to a workload: role_id and a fresh secret_id."""
        base = f"auth/{names.APPROLE}/role/{workload}"
        role = self._bao.call("GET", f"{base}/role-id", token=self._root)["data"]["role_id"]
        made = self._bao.call("POST", f"{base}/secret-id", {}, token=self._root)["data"]["secret_id"]
        return role, made

    def login(self, role_id: str, secret_id: str) -> str:
        answer = self._bao.call("POST", f"auth/{names.APPROLE}/login", {"role_id": role_id, "secret_id": secret_id})
        return str(answer["auth"]["client_token"])

    def ci_login(self, role: str, claims: dict[str, str]) -> str:
        token = issuer_token(self._sandbox, claims)
        return str(
            self._bao.call("POST", f"auth/{names.JWT}/login", {"role": role, "jwt": token})["auth"]["client_token"]
        )

    def read(self, token: str, path: str) -> dict[str, Any]:
        return dict(self._bao.call("GET", path, token=token)["data"])

    def write(self, token: str, path: str, body: dict[str, Any]) -> Any:
        return self._bao.call("POST", path, body, token=token)

    def root_issue(self, token_role: str) -> str:
        """A token that somebody made through a token role behind our back."""
        made = self._bao.call("POST", f"auth/token/create/{token_role}", {}, token=self._root)
        return str(made["auth"]["client_token"])

    def allowed(self, act: Callable[[], object]) -> bool:
        """Whether the server let it through; 4xx is a refusal, anything else is not an answer."""
        try:
            act()
        except Unreachable as error:
            if any(f": {status} " in str(error) for status in (400, 401, 403)):
                return False
            raise
        return True

    def order(self, key: str, secret: str) -> bool:
        """Place an order on the exchange as whoever holds the key would."""
        import ssl

        import httpx

        at, path, body = str(int(time.time() * 1000)), "/v1/orders", "{}"
        signed = hmac.new(secret.encode(), f"{at}POST{path}{body}".encode(), hashlib.sha256).hexdigest()
        context = ssl.create_default_context(cafile=str(self._sandbox.root / "ca.pem"))
        try:
            answer = httpx.post(
                f"https://127.0.0.1:{self._ports['exchange']}{path}",
                content=body,
                headers={"X-API-KEY": key, "X-TIMESTAMP": at, "X-SIGNATURE": signed},
                verify=context,
                timeout=10,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"exchange: {type(error).__name__}") from error
        return answer.status_code == 201

    def connect(self, user: str, password: str) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self._ports["postgres"],
            dbname="tradepulse",
            user=user,
            password=password,
            autocommit=True,
            connect_timeout=5,
            sslmode="disable",
        )

    def can_connect(self, user: str, password: str) -> bool:
        import psycopg

        try:
            self.connect(user, password).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error) or "not permitted to log in" in str(error):
                return False
            raise Unreachable(f"postgres: {type(error).__name__}") from error
        return True

    def manager(self) -> bool:
        """The control for PostgreSQL: an account that no incident touches."""
        password = (self._sandbox.root / "secrets" / "postgres.portcullis_containment").read_text()
        return self.can_connect("portcullis_containment", password)


def alive(session: Any) -> bool:
    """Whether an open database session still answers."""
    import psycopg

    try:
        session.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
