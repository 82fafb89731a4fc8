"""An exchange's key administration over `httpx`: list, make, disable and try keys. Requests are
signed; the key is a 0600 file."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from containment.adapters.certificates import trusting
from containment.ports import UpstreamKey
from policies.errors import InputError, Unreachable


class HttpExchange:
    """Implements `containment.ports.Upstream`."""

    def __init__(self, url: str, key_file: Path, ca: str | None) -> None:
        import httpx

        try:
            if key_file.stat().st_mode & 0o077:
                raise InputError(f"{key_file} is readable by others; chmod 600 it")
            key = json.loads(key_file.read_text())
            self._key = {"id": str(key["id"]), "secret": str(key["secret"])}
        except OSError as error:
            raise InputError(f"the key of the exchange's administration, {key_file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f'{key_file} is no key: write {{"id": …, "secret": …}}') from error
        self._http = httpx.Client(base_url=url, timeout=10, verify=trusting(ca), trust_env=False)

    def _send(self, key: str, secret: str, method: str, path: str, content: str = "") -> Any:
        """The answer, whatever its status. Raises Unreachable when there is none."""
        import httpx

        at = str(int(time.time() * 1000))
        signature = hmac.new(secret.encode(), f"{at}{method}{path}{content}".encode(), hashlib.sha256)
        headers = {"X-API-KEY": key, "X-TIMESTAMP": at, "X-SIGNATURE": signature.hexdigest()}
        try:
            return self._http.request(
                method, path, content=content, headers={**headers, "Content-Type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"exchange: {method} {path}: {type(error).__name__}") from error

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = json.dumps(body) if body is not None else ""
        answer = self._send(self._key["id"], self._key["secret"], method, path, content)
        if not answer.is_success:
            raise Unreachable(f"exchange: {method} {path}: {answer.status_code}")
        with _as_described(method, path):
            return answer.json() if answer.content else None

    def keys(self, account: str) -> list[UpstreamKey]:
        path = f"/v1/accounts/{account}/keys"
        found = self._call("GET", path)
        with _as_described("GET", path):
            return [
                UpstreamKey(
                    str(k["id"]), str(k["tag"]), str(k["label"]), bool(k["enabled"]), tuple(map(str, k["permissions"]))
                )
                for k in found["keys"]
            ]

    def accepts(self, key: str, secret: str) -> bool:
        """Whether a call that changes nothing, signed with this key, is let through. Raises Unreachable for an answer
        that says neither, such as a redirect or a page."""
        answer = self._send(key, secret, "GET", "/v1/account")
        if answer.status_code in (401, 403):
            return False
        if not answer.is_success:
            raise Unreachable(f"exchange: GET /v1/account: {answer.status_code}")
        with _as_described("GET", "/v1/account"):
            whose = answer.json()
            if not isinstance(whose["account"], str) or not isinstance(whose["permissions"], list):
                raise TypeError("no account with its permissions")
        return True

    def disable_key(self, account: str, key: str) -> None:
        self._call("PATCH", f"/v1/accounts/{account}/keys/{key}", {"enabled": False})

    def create_key(self, account: str, tag: str, label: str, permissions: Sequence[str]) -> tuple[str, str]:
        """A new key: id and secret. The secret is shown once."""
        path = f"/v1/accounts/{account}/keys"
        made = self._call("POST", path, {"label": label, "tag": tag, "permissions": list(permissions)})
        with _as_described("POST", path):
            return str(made["id"]), str(made["secret"])


@contextmanager
def _as_described(method: str, path: str) -> Iterator[None]:
    """Whatever else answers in its place: a page that says it is down, with status 200."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"exchange: {method} {path}: the answer is not what its description says") from error
