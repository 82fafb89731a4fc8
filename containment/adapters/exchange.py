"""An exchange's key administration over `httpx`: list and disable keys. Requests are signed; the key is a 0600 file."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

from policies.errors import InputError, Unreachable


class HttpExchange:
    """Implements `containment.ports.Upstream`."""

    def __init__(self, url: str, key_file: Path, ca: str | None) -> None:
        import ssl

        import httpx

        if key_file.stat().st_mode & 0o077:
            raise InputError(f"{key_file} is readable by others; chmod 600 it")
        self._key = json.loads(key_file.read_text())
        context = ssl.create_default_context(cafile=ca)
        self._http = httpx.Client(base_url=url, timeout=10, verify=context, trust_env=False)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        import httpx

        content = json.dumps(body) if body is not None else ""
        at = str(int(time.time() * 1000))
        signature = hmac.new(self._key["secret"].encode(), f"{at}{method}{path}{content}".encode(), hashlib.sha256)
        headers = {"X-API-KEY": self._key["id"], "X-TIMESTAMP": at, "X-SIGNATURE": signature.hexdigest()}
        try:
            answer = self._http.request(
                method, path, content=content, headers={**headers, "Content-Type": "application/json"}
            )
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise Unreachable(f"exchange: {method} {path}: {error.response.status_code}") from error
        except httpx.HTTPError as error:
            raise Unreachable(f"exchange: {method} {path}: {type(error).__name__}") from error
        return answer.json() if answer.content else None

    def live_keys(self, account: str, tag: str) -> list[str]:
        keys = self._call("GET", f"/v1/accounts/{account}/keys")["keys"]
        return [str(k["id"]) for k in keys if k["enabled"] and k["tag"] == tag]

    def disable_key(self, account: str, key: str) -> None:
        self._call("PATCH", f"/v1/accounts/{account}/keys/{key}", {"enabled": False})

    def create_key(self, account: str, tag: str, label: str) -> tuple[str, str]:
        """A new trading key: id and secret. The secret is shown once."""
        made = self._call(
            "POST", f"/v1/accounts/{account}/keys", {"label": label, "tag": tag, "permissions": ["trade", "read"]}
        )
        return str(made["id"]), str(made["secret"])
