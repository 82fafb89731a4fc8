"""Repositories."""

import shutil

from ..auth import level
from ..protection import Level
from ..seed import new_repo
from ..store import Record, now
from .api import Call, Refused, Reply, org_of, repo_of, serves
from .people import owner

SETTINGS = {
    "has_issues": True,
    "has_projects": False,
    "has_wiki": False,
    "has_discussions": False,
    "has_downloads": False,
    "is_template": False,
    "allow_merge_commit": True,
    "allow_squash_merge": True,
    "allow_rebase_merge": False,
    "allow_auto_merge": False,
    "allow_update_branch": False,
    "allow_forking": False,
    "delete_branch_on_merge": False,
    "web_commit_signoff_required": False,
    "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
    "squash_merge_commit_message": "COMMIT_MESSAGES",
    "merge_commit_title": "MERGE_MESSAGE",
    "merge_commit_message": "PR_TITLE",
}


def minimal(call: Call, repo: Record) -> Record:
    full = f"{call.store.data['org']['login']}/{repo['name']}"
    held = level(repo, call.who)
    return {
        "id": repo["id"],
        "node_id": repo["node_id"],
        "name": repo["name"],
        "full_name": full,
        "owner": owner(call),
        "private": repo["private"],
        "description": repo["description"],
        "homepage": repo["homepage"],
        "fork": False,
        "url": f"{call.api}/repos/{full}",
        "html_url": f"{call.base}/{full}",
        "clone_url": f"{call.base}/{full}.git",
        "git_url": f"{call.base}/{full}.git",
        "ssh_url": f"{call.base}/{full}.git",
        "default_branch": repo["default_branch"],
        "archived": repo["archived"],
        "visibility": "private" if repo["private"] else "public",
        "created_at": repo["created_at"],
        "updated_at": repo["updated_at"],
        "pushed_at": repo["updated_at"],
        "topics": repo["topics"],
        "permissions": {
            "admin": held is Level.ADMIN,
            "maintain": held is Level.ADMIN,
            "push": held.allows(Level.WRITE),
            "triage": held.allows(Level.WRITE),
            "pull": held.allows(Level.READ),
        },
    }


def full(call: Call, repo: Record) -> Record:
    return {**minimal(call, repo), **SETTINGS, **repo["settings"]}


@serves("GET /orgs/{org}/repos")
def listing(call: Call) -> Reply:
    org_of(call)
    seen = [repo for repo in call.store.data["repos"].values() if level(repo, call.who) is not Level.NONE]
    return Reply(200, [minimal(call, repo) for repo in sorted(seen, key=lambda repo: str(repo["name"]))])


def _store_settings(repo: Record, body: Record) -> None:
    for name in ("description", "homepage", "private", "archived", "default_branch"):
        if body.get(name) is not None:
            repo[name] = body[name]
    if body.get("visibility") is not None:
        repo["private"] = body["visibility"] != "public"
    repo["settings"] |= {name: body[name] for name in SETTINGS if body.get(name) is not None}
    repo["updated_at"] = now()


@serves("POST /orgs/{org}/repos")
def create(call: Call) -> Reply:
    org_of(call, admin=True)
    if call.body["name"].lower() in call.store.data["repos"]:
        raise Refused(
            422, "Repository creation failed.", errors=[{"resource": "Repository", "code": "custom", "field": "name"}]
        )
    repo = new_repo(call.store, call.body["name"])
    _store_settings(repo, call.body)
    call.store.save()
    return Reply(201, full(call, repo))


@serves("GET /repos/{owner}/{repo}")
def read(call: Call) -> Reply:
    return Reply(200, full(call, repo_of(call, Level.READ)))


@serves("PATCH /repos/{owner}/{repo}")
def update(call: Call) -> Reply:
    repo = call.store.repo(call.params["owner"], call.params["repo"])
    if repo is not None and repo["archived"] and call.body.get("archived") is False:
        repo["archived"] = False
    repo = repo_of(call, Level.ADMIN)
    name = call.body.get("name", repo["name"])
    if name.lower() != repo["name"].lower():
        call.store.data["repos"][name.lower()] = call.store.data["repos"].pop(repo["name"].lower())
    repo["name"] = name
    _store_settings(repo, call.body)
    call.store.save()
    return Reply(200, full(call, repo))


@serves("DELETE /repos/{owner}/{repo}")
def delete(call: Call) -> Reply:
    repo = call.store.repo(call.params["owner"], call.params["repo"])
    if repo is not None:
        repo["archived"] = False
    repo = repo_of(call, Level.ADMIN)
    data = call.store.data
    del data["repos"][repo["name"].lower()]
    for family in ("branch_rules", "rulesets"):
        data[family] = {key: item for key, item in data[family].items() if item["repo_id"] != repo["id"]}
    call.store.save()
    shutil.rmtree(call.store.git_dir(repo))
    return Reply(204)


@serves("GET /repos/{owner}/{repo}/topics")
def topics(call: Call) -> Reply:
    return Reply(200, {"names": repo_of(call, Level.READ)["topics"]})


@serves("PUT /repos/{owner}/{repo}/topics")
def set_topics(call: Call) -> Reply:
    repo = repo_of(call, Level.ADMIN)
    repo["topics"] = call.body["names"]
    call.store.save()
    return Reply(200, {"names": repo["topics"]})


@serves("GET /repos/{owner}/{repo}/vulnerability-alerts")
def alerts(call: Call) -> Reply:
    if not repo_of(call, Level.READ)["vulnerability_alerts"]:
        raise Refused(404, "Vulnerability alerts are disabled.")
    return Reply(204)


@serves("PUT /repos/{owner}/{repo}/vulnerability-alerts")
def alerts_on(call: Call) -> Reply:
    repo_of(call, Level.ADMIN)["vulnerability_alerts"] = True
    call.store.save()
    return Reply(204)


@serves("DELETE /repos/{owner}/{repo}/vulnerability-alerts")
def alerts_off(call: Call) -> Reply:
    repo_of(call, Level.ADMIN)["vulnerability_alerts"] = False
    call.store.save()
    return Reply(204)
