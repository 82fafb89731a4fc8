"""`python -m sandbox.doubles.exchange --state FILE --port P`: TLS by `--cert` and `--key`.

Requests are signed: X-SIGNATURE is the hex HMAC-SHA256 of timestamp, method, path and body under the key's secret.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.process import write_private

_WINDOW_MS = 30_000


class Exchange:
    def __init__(self, state: Path) -> None:
        self._state = state
        self.data: dict[str, Any] = json.loads(state.read_text())
        """`{"admin": {id, secret}, "keys": {id: {account, label, tag, permissions, enabled, secret}}, "orders": n}`"""

    def save(self) -> None:
        write_private(self._state, json.dumps(self.data))

    async def signer(self, request: Request) -> dict[str, Any] | None:
        """The key that signed the request, `admin` for the administrator's; None when nobody known did."""
        name = request.headers.get("x-api-key", "")
        admin = self.data["admin"]
        key = {**admin, "admin": True} if name == admin["id"] else self.data["keys"].get(name)
        at = request.headers.get("x-timestamp", "")
        if key is None or not at.isdigit() or abs(time.time() * 1000 - int(at)) > _WINDOW_MS:
            return None
        body = (await request.body()).decode()
        signed = hmac.new(
            key["secret"].encode(), f"{at}{request.method}{request.url.path}{body}".encode(), hashlib.sha256
        )
        return (
            {**key, "id": name}
            if hmac.compare_digest(signed.hexdigest(), request.headers.get("x-signature", ""))
            else None
        )


def build(exchange: Exchange) -> Starlette:
    def refuse(status: int, code: str) -> JSONResponse:
        return JSONResponse({"code": code}, status)

    async def keys(request: Request) -> JSONResponse:
        signer = await exchange.signer(request)
        if signer is None or not signer.get("admin"):
            return refuse(401, "UNAUTHORIZED")
        account = request.path_params["account"]
        if request.method == "GET":
            found = [_public(i, k) for i, k in exchange.data["keys"].items() if k["account"] == account]
            return JSONResponse({"keys": found})
        body = await request.json()
        if set(body) != {"label", "tag", "permissions"}:
            return refuse(422, "BAD_BODY")
        name, secret = f"TP{secrets.token_hex(10).upper()}", secrets.token_urlsafe(36)
        exchange.data["keys"][name] = {**body, "account": account, "enabled": True, "secret": secret}
        exchange.save()
        return JSONResponse({**_public(name, exchange.data["keys"][name]), "secret": secret}, 201)

    async def key(request: Request) -> JSONResponse:
        signer = await exchange.signer(request)
        if signer is None or not signer.get("admin"):
            return refuse(401, "UNAUTHORIZED")
        name = request.path_params["key"]
        found = exchange.data["keys"].get(name)
        body = await request.json()
        if found is None or found["account"] != request.path_params["account"]:
            return refuse(404, "NO_SUCH_KEY")
        if set(body) != {"enabled"} or not isinstance(body["enabled"], bool):
            return refuse(422, "BAD_BODY")
        found["enabled"] = body["enabled"]
        exchange.save()
        return JSONResponse(_public(name, found))

    async def whose(request: Request) -> JSONResponse:
        """Changes nothing: what a client calls to see whether its key works."""
        signer = await exchange.signer(request)
        if signer is None or signer.get("admin"):
            return refuse(401, "UNAUTHORIZED")
        if not signer["enabled"]:
            return refuse(403, "KEY_DISABLED")
        return JSONResponse({"account": signer["account"], "permissions": signer["permissions"]})

    async def order(request: Request) -> JSONResponse:
        signer = await exchange.signer(request)
        if signer is None or signer.get("admin"):
            return refuse(401, "UNAUTHORIZED")
        if not signer["enabled"]:
            return refuse(403, "KEY_DISABLED")
        if "trade" not in signer["permissions"]:
            return refuse(403, "NOT_PERMITTED")
        exchange.data["orders"] += 1
        return JSONResponse({"order": exchange.data["orders"], "account": signer["account"]}, 201)

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/v1/health", health),
            Route("/v1/accounts/{account}/keys", keys, methods=["GET", "POST"]),
            Route("/v1/accounts/{account}/keys/{key}", key, methods=["PATCH"]),
            Route("/v1/account", whose),
            Route("/v1/orders", order, methods=["POST"]),
        ]
    )


def _public(name: str, key: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, **{k: key[k] for k in ("account", "label", "tag", "permissions", "enabled")}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--state", "--cert", "--key"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        build(Exchange(options.state)),
        host="127.0.0.1",
        port=options.port,
        log_level="error",
        timeout_graceful_shutdown=1,  # a client that keeps its connection open is not waited for
        ssl_certfile=str(options.cert),
        ssl_keyfile=str(options.key),
    )


main()
