"""Commits, refs, file contents and commit statuses, on the real repositories; every write obeys the rules in force."""

import base64
import binascii

from .. import git
from ..protection import Change, Decision, Level, Update
from ..rules import judge
from ..store import Record, node_id, now
from .api import Call, Refused, Reply, repo_of, serves
from .people import simple_user

REPO = "/repos/{owner}/{repo}"


def _url(call: Call, repo: Record) -> str:
    return f"{call.api}/repos/{call.store.data['org']['login']}/{repo['name']}"


def commit(call: Call, repo: Record, revision: str) -> Record:
    facts = git.commit_facts(call.store.git_dir(repo), revision)
    url, sha = _url(call, repo), facts["sha"]
    person = {"name": facts["name"], "email": facts["email"], "date": facts["date"]}
    return {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{url}/commits/{sha}",
        "html_url": f"{call.base}/{repo['name']}/commit/{sha}",
        "commit": {
            "url": f"{url}/git/commits/{sha}",
            "author": person,
            "committer": person,
            "message": facts["message"],
            "tree": {"sha": facts["tree"], "url": f"{url}/git/trees/{facts['tree']}"},
            "comment_count": 0,
        },
        "author": _linked(call, facts["email"]),
        "committer": _linked(call, facts["committer"]),
        "parents": [{"sha": parent, "url": f"{url}/commits/{parent}"} for parent in facts["parents"].split()],
    }


def _linked(call: Call, email: str) -> Record | None:
    """Whose e-mail it is. GitHub knows those that a user verified; here each has one, `LOGIN@example.invalid`."""
    login, _, domain = email.partition("@")
    known = domain == "example.invalid" and login in call.store.data["users"]
    return simple_user(call, login) if known else None


def require(decision: Decision, status: int) -> None:
    if not decision.allowed:
        raise Refused(403 if decision.code == "403" else status, f"{decision.code}: " + " ".join(decision.reasons))


def _resolved(call: Call, repo: Record, revision: str) -> str:
    sha = git.resolve(call.store.git_dir(repo), revision)
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {revision}")
    return sha


@serves(f"GET {REPO}/commits")
def commits(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    start = _resolved(call, repo, call.query.get("sha", repo["default_branch"]))
    paths = ["--", call.query["path"]] if "path" in call.query else []
    shas = git.run(call.store.git_dir(repo), "rev-list", "--max-count=200", start, *paths).splitlines()
    return Reply(200, [commit(call, repo, sha) for sha in shas])


@serves(f"GET {REPO}/commits/{{ref}}")
def one_commit(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    return Reply(200, commit(call, repo, _resolved(call, repo, call.params["ref"])))


@serves(f"POST {REPO}/statuses/{{sha}}")
def status(call: Call) -> Reply:
    repo = repo_of(call, Level.WRITE)
    sha = _resolved(call, repo, call.params["sha"])
    context = call.body.get("context", "default")
    passed = set(repo["statuses"].get(sha, [])) - {context}
    repo["statuses"][sha] = sorted(passed | ({context} if call.body["state"] == "success" else set()))
    call.store.save()
    number = call.store.fresh_id()
    shown = {
        "url": f"{_url(call, repo)}/statuses/{sha}",
        "id": number,
        "node_id": node_id("S", number),
        "state": call.body["state"],
        "description": call.body.get("description"),
        "target_url": call.body.get("target_url"),
        "context": context,
        "created_at": now(),
        "updated_at": now(),
        "creator": simple_user(call, call.caller.login),
    }
    return Reply(201, shown)


def _ref(call: Call, repo: Record, ref: str, sha: str) -> Record:
    url = _url(call, repo)
    target = {"type": "commit", "sha": sha, "url": f"{url}/git/commits/{sha}"}
    return {"ref": ref, "node_id": f"REF_{ref}", "url": f"{url}/git/{ref}", "object": target}


@serves(f"GET {REPO}/git/ref/{{ref}}")
def one_ref(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    ref = f"refs/{call.params['ref']}"
    sha = git.refs(call.store.git_dir(repo), ref).get(ref)
    if sha is None:
        raise Refused(404, "Not Found")
    return Reply(200, _ref(call, repo, ref, sha))


@serves(f"GET {REPO}/git/matching-refs/{{ref}}")
def matching(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    found = git.refs(call.store.git_dir(repo), "refs/")
    wanted = f"refs/{call.params['ref']}"
    return Reply(200, [_ref(call, repo, ref, sha) for ref, sha in found.items() if ref.startswith(wanted)])


def _move(call: Call, repo: Record, ref: str, change: Change, sha: str) -> None:
    checks = frozenset(repo["statuses"].get(sha, []))
    require(judge(call.store, repo, call.caller, Update(ref, change, checks=checks)), 422)
    directory = call.store.git_dir(repo)
    if change is Change.DELETE:
        git.run(directory, "update-ref", "-d", ref)
    else:
        git.run(directory, "update-ref", ref, sha)


@serves(f"POST {REPO}/git/refs")
def create_ref(call: Call) -> Reply:
    repo = repo_of(call, Level.WRITE)
    ref, directory = call.body["ref"], call.store.git_dir(repo)
    if not ref.startswith("refs/") or git.refs(directory, ref).get(ref):
        raise Refused(
            422, "Reference already exists" if ref.startswith("refs/") else "Reference name must start with refs/"
        )
    sha = _resolved(call, repo, call.body["sha"])
    _move(call, repo, ref, Change.CREATE, sha)
    return Reply(201, _ref(call, repo, ref, sha))


def _existing(call: Call) -> tuple[Record, str, str]:
    repo = repo_of(call, Level.WRITE)
    ref = f"refs/{call.params['ref']}"
    old = git.refs(call.store.git_dir(repo), ref).get(ref)
    if old is None:
        raise Refused(422, "Reference does not exist")
    return repo, ref, old


@serves(f"PATCH {REPO}/git/refs/{{ref}}")
def move_ref(call: Call) -> Reply:
    repo, ref, old = _existing(call)
    sha = _resolved(call, repo, call.body["sha"])
    forward = git.is_ancestor(call.store.git_dir(repo), old, sha)
    if not forward and not call.body.get("force"):
        raise Refused(422, "Update is not a fast forward")
    _move(call, repo, ref, Change.UPDATE if forward else Change.FORCE, sha)
    return Reply(200, _ref(call, repo, ref, sha))


@serves(f"DELETE {REPO}/git/refs/{{ref}}")
def delete_ref(call: Call) -> Reply:
    repo, ref, old = _existing(call)
    _move(call, repo, ref, Change.DELETE, old)
    return Reply(204)


def _file(call: Call, repo: Record, branch: str, path: str) -> Record | None:
    """The file or directory listing at this path of the branch."""
    directory, url = call.store.git_dir(repo), f"{_url(call, repo)}/contents/{path}?ref={branch}"
    line = git.run(directory, "ls-tree", "-l", branch, "--", path)
    if not line:
        return None
    _, kind, sha, size = line.partition("\t")[0].split()
    if kind != "blob":
        raise Refused(403, "This double shows files, not directories.")
    raw = git.run(directory, "cat-file", "blob", sha).encode(errors="surrogateescape")
    content = base64.b64encode(raw + b"\n" * (int(size) - len(raw))).decode()
    return {
        "type": "file",
        "encoding": "base64",
        "size": int(size),
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "content": content,
        "sha": sha,
        "url": url,
        "git_url": url,
        "html_url": url,
        "download_url": url,
        "_links": {"self": url, "git": url, "html": url},
    }


@serves(f"GET {REPO}/contents/{{path}}")
def contents(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    found = _file(
        call, repo, _resolved_or_404(call, repo, call.query.get("ref", repo["default_branch"])), call.params["path"]
    )
    if found is None:
        raise Refused(404, "Not Found")
    return Reply(200, found)


def _resolved_or_404(call: Call, repo: Record, revision: str) -> str:
    sha = git.resolve(call.store.git_dir(repo), revision)
    if sha is None:
        raise Refused(404, "Not Found")
    return sha


@serves(f"PUT {REPO}/contents/{{path}}")
def put_contents(call: Call) -> Reply:
    repo = repo_of(call, Level.WRITE)
    path, branch = call.params["path"], call.body.get("branch", repo["default_branch"])
    head = _resolved_or_404(call, repo, f"refs/heads/{branch}")
    before = _file(call, repo, head, path)
    if (before["sha"] if before else None) != call.body.get("sha"):
        raise Refused(
            409 if before and "sha" in call.body else 422, f'{path} does not match the "sha" that was supplied.'
        )
    require(judge(call.store, repo, call.caller, Update(f"refs/heads/{branch}", Change.UPDATE)), 409)
    try:
        content = base64.b64decode(call.body["content"], validate=False)
    except binascii.Error as error:
        raise Refused(422, "content is not valid Base64") from error
    sha = git.commit_files(call.store.git_dir(repo), branch, {path: content}, call.body["message"])
    made = _file(call, repo, sha, path)
    links = {key: value for key, value in (made or {}).items() if key not in ("content", "encoding")}
    shown = commit(call, repo, sha)
    detail = {key: value for key, value in shown["commit"].items() if key in ("author", "committer", "message", "tree")}
    return Reply(
        200 if before else 201, {"content": links, "commit": {"sha": sha, "node_id": shown["node_id"], **detail}}
    )
