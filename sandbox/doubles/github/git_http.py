"""git over HTTP: git's own `http-backend` as a CGI child, with the caller's access checked before it starts."""

import asyncio
import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from . import git
from .auth import caller, level
from .hook import ACTOR
from .protection import Level
from .store import Store

PATH = re.compile(r"/(?P<owner>[^/]+)/(?P<repo>[^/]+?)(?:\.git)?/(?P<rest>info/refs|git-upload-pack|git-receive-pack)")


async def serve(store: Store, request: Request) -> Response:
    """401 asks git for credentials; 404 hides; 403 says that writing is not granted."""
    found = PATH.fullmatch(request.url.path)
    if found is None:
        return PlainTextResponse("Not Found", 404)
    who = caller(store, request.headers.get("authorization"))
    repo = store.repo(found["owner"], found["repo"])
    writes = "git-receive-pack" in (found["rest"], request.query_params.get("service"))
    if who is None:
        asked = "authorization" in request.headers or writes or repo is None or repo["private"]
        if asked:
            return PlainTextResponse("Authentication failed.", 401, {"www-authenticate": 'Basic realm="GitHub"'})
    held = level(repo, who) if repo is not None else Level.NONE
    if repo is None or held is Level.NONE:
        return PlainTextResponse("Repository not found.", 404)
    if writes and (not held.allows(Level.WRITE) or repo["archived"]):
        return PlainTextResponse("Write access to repository not granted.", 403)
    login = who.login if who else ""
    extra = {
        "GIT_PROJECT_ROOT": str(store.git_dir(repo).parent.resolve()),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo['id']}.git/{found['rest']}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_USER": login,
        "REMOTE_ADDR": "127.0.0.1",
        ACTOR: login,
    }
    body = await request.body()
    extra["CONTENT_LENGTH"] = str(len(body))
    child = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=git.environment(extra),
    )
    output, _ = await child.communicate(body)
    return _response(output)


def _response(output: bytes) -> Response:
    """CGI output: headers, a blank line, the body."""
    head, _, body = output.partition(b"\r\n\r\n")
    headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line)
    status = int(headers.pop("Status", "200 OK").split()[0]) if head else 500
    return Response(body, status, headers)
