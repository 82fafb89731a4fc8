"""Pull requests between branches of one repository: made, reviewed, merged; a merge obeys the rules in force."""

from .. import git
from ..auth import caller_of, level
from ..protection import Change, Level, Update, Way
from ..rules import judge
from ..store import Record, node_id, now
from .api import Call, Refused, Reply, repo_of, serves
from .branches import rule_of
from .commits import commit, require
from .people import owner, simple_user
from .repos import full

PULLS = "/repos/{owner}/{repo}/pulls"


def _branch(call: Call, repo: Record, name: str, sha: str) -> Record:
    label = f"{call.store.data['org']['login']}:{name}"
    return {"label": label, "ref": name, "sha": sha, "user": owner(call), "repo": full(call, repo)}


def _head(call: Call, repo: Record, pull: Record) -> str:
    """The head as it stands while open; what was merged or closed keeps its last."""
    if pull["state"] == "open":
        pull["head_sha"] = git.resolve(call.store.git_dir(repo), f"refs/heads/{pull['head']}") or pull["head_sha"]
    sha: str = pull["head_sha"]
    return sha


def _simple(call: Call, repo: Record, pull: Record) -> Record:
    url = f"{call.api}/repos/{call.store.data['org']['login']}/{repo['name']}"
    html = f"{call.base}/{call.store.data['org']['login']}/{repo['name']}/pull/{pull['number']}"
    here = f"{url}/pulls/{pull['number']}"
    names = ("comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self")
    return {
        "id": pull["id"],
        "node_id": node_id("PR", pull["id"]),
        "number": pull["number"],
        "state": pull["state"],
        "title": pull["title"],
        "body": pull["body"],
        "url": here,
        "html_url": html,
        "user": simple_user(call, pull["user"]),
        "created_at": pull["created_at"],
        "updated_at": pull["updated_at"],
        "merged_at": pull["merged_at"],
        "closed_at": pull["merged_at"],
        "merge_commit_sha": pull["merge_commit_sha"],
        "head": _branch(call, repo, pull["head"], _head(call, repo, pull)),
        "base": _branch(call, repo, pull["base"], pull["base_sha"]),
        "_links": {name: {"href": html if name == "html" else here} for name in names},
        "draft": False,
    }


def _full(call: Call, repo: Record, pull: Record) -> Record:
    merged = pull["merged_at"] is not None
    return {
        **_simple(call, repo, pull),
        "merged": merged,
        "mergeable": None if merged else True,
        "mergeable_state": "clean",
    }


def _one(call: Call, wanted: Level) -> tuple[Record, Record]:
    repo = repo_of(call, wanted)
    if call.params["pull_number"] not in repo["pulls"]:
        raise Refused(404, "Not Found")
    return repo, repo["pulls"][call.params["pull_number"]]


@serves(f"GET {PULLS}")
def listing(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    state = call.query.get("state", "open")
    found = [pull for pull in repo["pulls"].values() if state in ("all", pull["state"])]
    if "base" in call.query:
        found = [pull for pull in found if pull["base"] == call.query["base"]]
    if "head" in call.query:
        found = [pull for pull in found if pull["head"] == call.query["head"].rpartition(":")[2]]
    return Reply(200, [_simple(call, repo, pull) for pull in reversed(found)])


@serves(f"POST {PULLS}")
def create(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    directory, head = call.store.git_dir(repo), call.body["head"].rpartition(":")[2]
    head_sha = git.resolve(directory, f"refs/heads/{head}")
    base_sha = git.resolve(directory, f"refs/heads/{call.body['base']}")
    if head_sha is None or base_sha is None or head_sha == base_sha:
        fault = {"resource": "PullRequest", "code": "invalid", "field": "base" if base_sha is None else "head"}
        raise Refused(422, "Validation Failed", errors=[fault])
    number = len(repo["pulls"]) + 1
    repo["pulls"][str(number)] = {
        "id": call.store.fresh_id(),
        "number": number,
        "state": "open",
        "title": call.body.get("title", head),
        "body": call.body.get("body"),
        "user": call.caller.login,
        "head": head,
        "head_sha": head_sha,
        "base": call.body["base"],
        "base_sha": base_sha,
        "created_at": now(),
        "updated_at": now(),
        "merged_at": None,
        "merge_commit_sha": None,
        "reviews": [],
    }
    call.store.save()
    return Reply(201, _full(call, repo, repo["pulls"][str(number)]))


@serves(f"GET {PULLS}/{{pull_number}}")
def read(call: Call) -> Reply:
    repo, pull = _one(call, Level.READ)
    return Reply(200, _full(call, repo, pull))


_MOST_COMMITS = 250
"""Of a pull request with more, GitHub lists no more."""


@serves(f"GET {PULLS}/{{pull_number}}/commits")
def commits(call: Call) -> Reply:
    """Oldest first."""
    repo, pull = _one(call, Level.READ)
    span = f"{pull['base_sha']}..{_head(call, repo, pull)}"
    shas = git.run(call.store.git_dir(repo), "rev-list", "--reverse", span).splitlines()[:_MOST_COMMITS]
    return Reply(200, [commit(call, repo, sha) for sha in shas])


def _review(call: Call, repo: Record, pull: Record, item: Record) -> Record:
    here = f"{call.api}/repos/{call.store.data['org']['login']}/{repo['name']}/pulls/{pull['number']}"
    return {
        "id": item["id"],
        "node_id": node_id("PRR", item["id"]),
        "user": simple_user(call, item["user"]),
        "body": item["body"],
        "state": item["state"],
        "commit_id": item["commit_id"],
        "submitted_at": item["at"],
        "html_url": here,
        "pull_request_url": here,
        "author_association": "MEMBER",
        "_links": {"html": {"href": here}, "pull_request": {"href": here}},
    }


@serves(f"GET {PULLS}/{{pull_number}}/reviews")
def reviews(call: Call) -> Reply:
    repo, pull = _one(call, Level.READ)
    return Reply(200, [_review(call, repo, pull, item) for item in pull["reviews"]])


@serves(f"POST {PULLS}/{{pull_number}}/reviews")
def review(call: Call) -> Reply:
    repo, pull = _one(call, Level.READ)
    body = call.body or {}
    if body.get("event") == "APPROVE" and call.caller.login == pull["user"]:
        raise Refused(422, "Unprocessable Entity", errors=["Can not approve your own pull request"])
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    item: Record = {
        "id": call.store.fresh_id(),
        "user": call.caller.login,
        "body": body.get("body", ""),
        "state": states.get(body.get("event", ""), "PENDING"),
        "commit_id": body.get("commit_id", _head(call, repo, pull)),
        "at": now(),
    }
    pull["reviews"].append(item)
    call.store.save()
    return Reply(200, _review(call, repo, pull, item))


@serves(f"PUT {PULLS}/{{pull_number}}/reviews/{{review_id}}/dismissals")
def dismiss(call: Call) -> Reply:
    repo, pull = _one(call, Level.WRITE)
    item = next((r for r in pull["reviews"] if str(r["id"]) == call.params["review_id"]), None)
    if item is None:
        raise Refused(404, "Not Found")
    if item["state"] not in ("APPROVED", "CHANGES_REQUESTED"):
        raise Refused(
            422, "Unprocessable Entity", errors=["Can not dismiss a review that approves or asks for nothing"]
        )
    item["state"] = "DISMISSED"
    call.store.save()
    return Reply(200, _review(call, repo, pull, item))


def _approvals(call: Call, repo: Record, pull: Record, head: str) -> int:
    """The last word of each reviewer with write access; a request for changes undoes his approval, and where the rule
    of the base dismisses stale ones, so does a push. GitHub does that at the push, this when it is merged."""
    rule = rule_of(call, repo, pull["base"])
    fresh = rule is not None and rule["dismissesStaleReviews"]
    last = {
        item["user"]: "DISMISSED" if fresh and item["commit_id"] != head else item["state"]
        for item in pull["reviews"]
        if item["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
    }
    able = {user for user in last if level(repo, caller_of(call.store, user)).allows(Level.WRITE)}
    return sum(1 for user in able if last[user] == "APPROVED")


@serves(f"PUT {PULLS}/{{pull_number}}/merge")
def merge(call: Call) -> Reply:
    repo, pull = _one(call, Level.WRITE)
    body, head = call.body or {}, _head(call, repo, pull)
    if pull["state"] != "open":
        raise Refused(405, "Pull Request is not mergeable")
    if body.get("sha", head) != head:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    method = body.get("merge_method", "merge")
    if method == "rebase":
        raise Refused(405, "Rebase merges are not allowed on this repository.")
    update = Update(
        f"refs/heads/{pull['base']}",
        Change.UPDATE,
        Way.MERGE,
        _approvals(call, repo, pull, head),
        frozenset(repo["statuses"].get(head, [])),
        method == "merge",
    )
    require(judge(call.store, repo, call.caller, update), 405)
    message = body.get("commit_title") or f"{pull['title']} (#{pull['number']})"
    try:
        sha = git.merge(call.store.git_dir(repo), pull["base"], head, message, method == "squash")
    except git.GitError as error:
        raise Refused(405, "Pull Request is not mergeable") from error
    pull |= {"state": "closed", "merged_at": now(), "updated_at": now(), "merge_commit_sha": sha}
    call.store.save()
    return Reply(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})
