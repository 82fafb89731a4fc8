"""Comments on pull requests, which GitHub keeps with the issue of the same number."""

from ..auth import level
from ..protection import Level
from ..store import Record, node_id, now
from .api import Call, Refused, Reply, repo_of, serves
from .people import simple_user

ISSUES = "/repos/{owner}/{repo}/issues"


def _comment(call: Call, repo: Record, number: str, item: Record) -> Record:
    place = f"{call.store.data['org']['login']}/{repo['name']}"
    url = f"{call.api}/repos/{place}/issues"
    return {
        "id": item["id"],
        "node_id": node_id("IC", item["id"]),
        "url": f"{url}/comments/{item['id']}",
        "html_url": f"{call.base}/{place}/pull/{number}#issuecomment-{item['id']}",
        "issue_url": f"{url}/{number}",
        "user": simple_user(call, item["user"]),
        "body": item["body"],
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
        "author_association": "MEMBER",
    }


def _pull(call: Call) -> tuple[Record, Record]:
    """Whoever reads may comment."""
    repo = repo_of(call, Level.READ)
    if call.params["issue_number"] not in repo["pulls"]:
        raise Refused(404, "Not Found")
    return repo, repo["pulls"][call.params["issue_number"]]


@serves(f"GET {ISSUES}/{{issue_number}}/comments")
def comments(call: Call) -> Reply:
    repo, pull = _pull(call)
    return Reply(200, [_comment(call, repo, call.params["issue_number"], c) for c in pull.get("comments", [])])


@serves(f"POST {ISSUES}/{{issue_number}}/comments")
def comment(call: Call) -> Reply:
    repo, pull = _pull(call)
    at = now()
    item: Record = {
        "id": call.store.fresh_id(),
        "user": call.caller.login,
        "body": call.body["body"],
        "created_at": at,
        "updated_at": at,
    }
    pull.setdefault("comments", []).append(item)
    call.store.save()
    return Reply(201, _comment(call, repo, call.params["issue_number"], item))


@serves(f"PATCH {ISSUES}/comments/{{comment_id}}")
def edit(call: Call) -> Reply:
    """One's own, or anybody's with write access."""
    repo = repo_of(call, Level.READ)
    for number, pull in repo["pulls"].items():
        for item in pull.get("comments", []):
            if str(item["id"]) == call.params["comment_id"]:
                if item["user"] != call.caller.login and not level(repo, call.caller).allows(Level.WRITE):
                    raise Refused(403, "Must have admin rights to Repository.")
                item |= {"body": call.body["body"], "updated_at": now()}
                call.store.save()
                return Reply(200, _comment(call, repo, number, item))
    raise Refused(404, "Not Found")
