"""Deploy keys. Git here runs over HTTP, so a key opens nothing: it is listed, made and deleted, no more."""

from ..protection import Level
from ..store import Record, now
from .api import Call, Refused, Reply, repo_of, serves

KEYS = "/repos/{owner}/{repo}/keys"


def _shown(call: Call, item: Record) -> Record:
    url = f"{call.api}/repos/{call.params['owner']}/{call.params['repo']}/keys/{item['id']}"
    return {**item, "url": url, "verified": True}


def _one(call: Call, wanted: Level) -> tuple[Record, Record]:
    repo = repo_of(call, wanted)
    if call.params["key_id"] not in repo["keys"]:
        raise Refused(404, "Not Found")
    return repo, repo["keys"][call.params["key_id"]]


@serves(f"GET {KEYS}")
def listing(call: Call) -> Reply:
    return Reply(200, [_shown(call, item) for item in repo_of(call, Level.READ)["keys"].values()])


@serves(f"POST {KEYS}")
def create(call: Call) -> Reply:
    repo = repo_of(call, Level.ADMIN)
    kind_and_key = call.body["key"].split()[:2]
    for other in call.store.data["repos"].values():
        if any(item["key"].split()[:2] == kind_and_key for item in other["keys"].values()):
            fault = {"resource": "PublicKey", "code": "custom", "field": "key", "message": "key is already in use"}
            raise Refused(422, "Validation Failed", errors=[fault])
    number = call.store.fresh_id()
    repo["keys"][str(number)] = {
        "id": number,
        "key": " ".join(kind_and_key),
        "title": call.body.get("title", ""),
        "read_only": call.body.get("read_only", False),
        "created_at": now(),
    }
    call.store.save()
    return Reply(201, _shown(call, repo["keys"][str(number)]))


@serves(f"GET {KEYS}/{{key_id}}")
def read(call: Call) -> Reply:
    return Reply(200, _shown(call, _one(call, Level.READ)[1]))


@serves(f"DELETE {KEYS}/{{key_id}}")
def delete(call: Call) -> Reply:
    repo, item = _one(call, Level.ADMIN)
    del repo["keys"][str(item["id"])]
    call.store.save()
    return Reply(204)
