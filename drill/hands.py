"""What anybody who holds a credential can do with it: log in, read, trade, query, push. No privileged access here.

Values stay in memory; what is recorded of them is a name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from policies.errors import Unreachable
from sandbox.doubles.github.git import environment, identity
from sandbox.services import openbao

_REFUSED = (400, 401, 403)
_NOBODY = re.compile("Authentication failed|could not read Username")
"""What git says of a token that is refused, whether it may ask for another or not."""
_PROTECTED = re.compile("GH006|GH013|protected branch|rule violations", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are; `ca` is the certificate authority's file."""

    vault: str
    exchange: str
    github: str
    postgres_port: int
    ca: str


class Hands:
    def __init__(self, addresses: Addresses) -> None:
        import httpx

        self.addresses = addresses
        context = ssl.create_default_context(cafile=addresses.ca)
        self._http = httpx.Client(verify=context, timeout=10, trust_env=False)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> Any:
        """One request to the vault. Raises Unreachable with the status."""
        return openbao.request(self._http, self.addresses.vault, method, path, body, token)

    def login(self, role_id: str, secret_id: str) -> str:
        answer = self.call("POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})
        return str(answer["auth"]["client_token"])

    def jwt_login(self, role: str, jwt: str) -> str:
        return str(self.call("POST", "auth/jwt/login", {"role": role, "jwt": jwt})["auth"]["client_token"])

    def read(self, token: str, path: str) -> dict[str, Any]:
        return dict(self.call("GET", path, token=token)["data"])

    def write(self, token: str, path: str, body: dict[str, Any]) -> Any:
        return self.call("POST", path, body, token=token)

    def allowed(self, act: Callable[[], object]) -> bool:
        """Whether the server let it through; 4xx is a refusal, anything else is not an answer."""
        try:
            act()
        except Unreachable as error:
            if any(f": {status} " in str(error) for status in _REFUSED):
                return False
            raise
        return True

    def order(self, key: str, secret: str) -> bool:
        """Place an order on the exchange as whoever holds the key would."""
        return self._signed(key, secret, "POST", "/v1/orders", "{}")

    def look(self, key: str, secret: str) -> bool:
        """Read from the exchange, which a key that may not trade can do too."""
        return self._signed(key, secret, "GET", "/v1/account")

    def _signed(self, key: str, secret: str, method: str, path: str, body: str = "") -> bool:
        import httpx

        at = str(int(time.time() * 1000))
        signed = hmac.new(secret.encode(), f"{at}{method}{path}{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-API-KEY": key, "X-TIMESTAMP": at, "X-SIGNATURE": signed}
        try:
            answer = self._http.request(method, f"{self.addresses.exchange}{path}", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"exchange: {type(error).__name__}") from error
        if answer.status_code not in (200, 201, 401, 403):
            raise Unreachable(f"exchange: {path}: {answer.status_code}")
        return answer.is_success

    def connect(self, user: str, password: str) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.addresses.postgres_port,
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

    def push(self, login: str, token: str, repository: str, branch: str) -> bool:
        """A commit on the branch as it stands (or a new one), pushed with real git; the token is in no argument."""
        basic = base64.b64encode(f"{login}:{token}".encode()).decode()
        named = {
            "GIT_SSL_CAINFO": self.addresses.ca,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }
        env = environment(named | identity(login, f"{login}@tradepulse.example"))

        def git(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(["git", *words], env=env, capture_output=True, text=True, check=False)

        with tempfile.TemporaryDirectory(prefix="portcullis-push-") as folder:
            cloned = git("clone", "--quiet", f"{self.addresses.github}/tradepulse/{repository}.git", folder)
            if _NOBODY.search(cloned.stderr):
                return False
            if cloned.returncode:
                raise Unreachable(f"git clone of {repository}: {cloned.stderr[-200:]}")
            git("-C", folder, "checkout", "--quiet", branch)  # stays on the default branch where there is none yet
            git("-C", folder, "commit", "--quiet", "--allow-empty", "-m", "Update")
            pushed = git("-C", folder, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        if pushed.returncode and not (_PROTECTED.search(pushed.stderr) or _NOBODY.search(pushed.stderr)):
            raise Unreachable(f"git push to {repository}: {pushed.stderr[-200:]}")
        return pushed.returncode == 0

    def revoke_github_token(self, token: str) -> None:
        """Whoever has a token may: GitHub asks for nothing else. Raises Unreachable when it does not accept."""
        self._post_to_github("api/v3/credentials/revoke", {"credentials": [token]})

    def further_github_token(self, token: str) -> str:
        """As its holder makes another in their settings."""
        return str(self._post_to_github("_double/tokens", {}, token)["token"])

    def _post_to_github(self, path: str, body: dict[str, Any], token: str = "") -> Any:
        import httpx

        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = self._http.post(f"{self.addresses.github}/{path}", json=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"github: {type(error).__name__}") from error
        if answer.is_error:
            raise Unreachable(f"github: {path}: {answer.status_code}")
        return answer.json()


def alive(session: Any) -> bool:
    """Whether an open database session still answers."""
    import psycopg

    try:
        session.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
