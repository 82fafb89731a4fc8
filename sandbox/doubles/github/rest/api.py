"""What a REST handler gets and gives, and the table of handlers by described operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..auth import Caller, level
from ..protection import Level
from ..store import Record, Store


@dataclass(frozen=True)
class Call:
    """`base` is the server's own address, without a slash; `body` passed the description already."""

    store: Store
    who: Caller | None
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    base: str

    @property
    def caller(self) -> Caller:
        if self.who is None:
            raise Refused(401, "Requires authentication")
        return self.who

    @property
    def api(self) -> str:
        return f"{self.base}/api/v3"


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None


class Refused(Exception):
    """A refusal in GitHub's form: a status and a message, and a body of its own where the description asks for one."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "documentation_url": "https://docs.github.com/rest", **more}


Handler = Callable[[Call], Reply]
HANDLERS: dict[str, Handler] = {}


def serves(*operations: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for operation in operations:
            HANDLERS[operation] = handler
        return handler

    return register


def repo_of(call: Call, wanted: Level) -> Record:
    """404 for what the caller cannot see, 403 for what it may not do, as GitHub answers."""
    repo = call.store.repo(call.params["owner"], call.params["repo"])
    held = level(repo, call.who) if repo is not None else Level.NONE
    if repo is None or held is Level.NONE:
        raise Refused(404, "Not Found")
    if not held.allows(wanted):
        raise Refused(
            403, "Must have admin rights to Repository." if wanted is Level.ADMIN else "Resource not accessible"
        )
    if wanted is not Level.READ and repo["archived"]:
        raise Refused(403, "Repository was archived so is read-only.")
    return repo


def org_of(call: Call, admin: bool = False) -> Record:
    org: Record = call.store.data["org"]
    if call.params["org"].lower() != org["login"].lower():
        raise Refused(404, "Not Found")
    if admin and not call.caller.organization_admin:
        raise Refused(403, "Must have admin rights to Organization.")
    return org
