"""The server: authenticate, hold the call to the description, handle, hold the answer to it, send."""

import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import git_http, graphql
from .auth import caller
from .rest import HANDLERS, Call, Refused, Reply
from .store import Store, digest
from .validation import OPERATIONS, Operation, accepted, fill_response, request_problems, response_problems

ANONYMOUS = {"POST /credentials/revoke", "GET /meta", "GET /"}
LIMITS = {
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4999",
    "x-ratelimit-used": "1",
    "x-ratelimit-reset": "4102444800",
    "x-ratelimit-resource": "core",
    "x-github-media-type": "github.v3; format=json",
    "x-github-enterprise-version": "3.19.0",
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def find(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    for operation in OPERATIONS:
        matched = operation.pattern.fullmatch(path) if operation.method == method else None
        if matched is not None:
            return operation, {name: unquote(value) for name, value in matched.groupdict().items()}
    return None


def page_of(operation: Operation, call: Call, body: Any) -> tuple[Any, str | None]:
    """Lists are cut to `per_page` (30) and linked on, as the description's `page` parameter says."""
    if "page" not in operation.query:
        return body, None
    key = None
    if isinstance(body, dict) and "total_count" in body:
        key = next(name for name, value in body.items() if isinstance(value, list))
    items = body if key is None else body[key]
    if not isinstance(items, list):
        return body, None
    size, page = int(call.query.get("per_page", 30)), int(call.query.get("page", 1))
    cut = items[(page - 1) * size : page * size]
    last = max(1, -(-len(items) // size))
    link = None
    if page < last:
        path = operation.template
        for name, value in call.params.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        others = "".join(f"&{k}={quote(v)}" for k, v in call.query.items() if k not in ("page", "per_page"))
        address = f"{call.api}{path}?per_page={size}{others}&page="
        link = f'<{address}{page + 1}>; rel="next", <{address}{last}>; rel="last"'
    return (cut if key is None else {**body, key: cut}), link


class Double:
    """One store, one lock: a handler sees no half-done change of another."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lock = threading.Lock()

    def rest(
        self, method: str, path: str, query: Mapping[str, str], raw: bytes, headers: Mapping[str, str], base: str
    ) -> Response:
        with self.lock:
            return self._rest(method, path, query, raw, headers, base)

    def _rest(
        self, method: str, path: str, query: Mapping[str, str], raw: bytes, headers: Mapping[str, str], base: str
    ) -> Response:
        found = find(method, path)
        if found is None:
            self.store.violation("request", f"{method} {path}", ["unknown route"])
            return refusal(404, "Not Found")
        operation, params = found
        who = caller(self.store, headers.get("authorization"))
        if who is None and ("authorization" in headers or operation.name not in ANONYMOUS):
            return refusal(401, "Bad credentials" if "authorization" in headers else "Requires authentication")
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = "not JSON"
        body = accepted(operation, body)
        problems = request_problems(operation, params, query, body)
        if problems:
            self.store.violation("request", operation.name, problems)
            return refusal(422, "Invalid request.\n\n" + "\n".join(problems))
        self.store.settle_runs()
        call = Call(self.store, who, params, query, body, base)
        try:
            reply = HANDLERS[operation.name](call)
        except Refused as refused:
            reply = Reply(refused.status, refused.body)
        return self._send(operation, call, reply, headers)

    def _send(self, operation: Operation, call: Call, reply: Reply, headers: Mapping[str, str]) -> Response:
        body, link = page_of(operation, call, reply.body) if reply.status == 200 else (reply.body, None)
        body = fill_response(operation, reply.status, body)
        problems = response_problems(operation, reply.status, body)
        if problems:
            self.store.violation("response", operation.name, problems)
            return refusal(500, "The double's own answer breaks the description:\n" + "\n".join(problems))
        extra = LIMITS | ({"link": link} if link else {})
        if body is None:
            return Response(None, reply.status, extra)
        if operation.method == "GET" and reply.status == 200:
            tag = 'W/"' + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest() + '"'
            extra |= {"etag": tag}
            if headers.get("if-none-match") == tag:
                return Response(None, 304, extra)
        return JSONResponse(body, reply.status, extra)

    def graphql(self, raw: bytes, headers: Mapping[str, str]) -> Response:
        with self.lock:
            who = caller(self.store, headers.get("authorization"))
            if who is None:
                return refusal(401, "Bad credentials")
            try:
                request = json.loads(raw)
            except ValueError:
                request = None
            outcome = graphql.answer(self.store, who, request)
            if outcome.outside_description:
                self.store.violation("graphql", "POST /api/graphql", outcome.outside_description)
            return JSONResponse(outcome.body, 200, LIMITS)

    async def on_rest(self, request: Request) -> Response:
        raw_path = bytes(request.scope["raw_path"]).decode().partition("?")[0]
        path = raw_path.removeprefix("/api/v3") or "/"
        raw = await request.body()
        base = f"{request.url.scheme}://{request.headers['host']}"
        query = dict(request.query_params)
        return await run_in_threadpool(self.rest, request.method, path, query, raw, request.headers, base)

    async def on_graphql(self, request: Request) -> Response:
        return await run_in_threadpool(self.graphql, await request.body(), request.headers)

    async def on_git(self, request: Request) -> Response:
        if git_http.PATH.fullmatch(request.url.path) is None:
            self.store.violation("request", f"{request.method} {request.url.path}", ["unknown route"])
            return refusal(404, "Not Found")
        return await git_http.serve(self.store, request)

    async def on_violations(self, _request: Request) -> Response:
        return JSONResponse(self.store.seen_violations())

    async def on_secret(self, request: Request) -> Response:
        """SHA-256 of the value that a workflow of this place would be given; 404 when there is none."""
        place = request.path_params["place"]
        name = request.path_params["name"].upper()
        if place.count("/") == 1:
            repo = self.store.repo(*place.split("/"))
            place = f"repo:{repo['id']}" if repo else ""
        held = self.store.data["secrets"].get(place, {}).get(name)
        return JSONResponse({"sha256": held["sha256"]}) if held else refusal(404, "Not Found")

    async def on_token(self, request: Request) -> Response:
        return await run_in_threadpool(self.further_token, request.headers.get("authorization"))

    def further_token(self, authorization: str | None) -> Response:
        """Another token of whoever asks, as a person makes one in their settings: GitHub has no call for it."""
        with self.lock:
            who = caller(self.store, authorization)
            if who is None:
                return refusal(401, "Requires authentication")
            token = f"ghp_{secrets.token_hex(18)}"
            self.store.data["tokens"][digest(token)] = {"login": who.login, "revoked": False}
            self.store.save()
        return JSONResponse({"token": token}, 201)

    def app(self) -> Starlette:
        missing = {operation.name for operation in OPERATIONS} ^ HANDLERS.keys()
        if missing:
            raise RuntimeError(f"handlers and description differ: {sorted(missing)}")
        return Starlette(
            routes=[
                Route("/_double/violations", self.on_violations, methods=["GET"]),
                Route("/_double/secrets/{place:path}/{name}", self.on_secret, methods=["GET"]),
                Route("/_double/tokens", self.on_token, methods=["POST"]),
                Route("/api/graphql", self.on_graphql, methods=["POST"]),
                Route("/api/v3", self.on_rest, methods=METHODS),
                Route("/api/v3/{rest:path}", self.on_rest, methods=METHODS),
                Route("/{rest:path}", self.on_git, methods=METHODS),
            ]
        )


def refusal(status: int, message: str) -> Response:
    return JSONResponse({"message": message, "documentation_url": "https://docs.github.com/rest"}, status, LIMITS)
