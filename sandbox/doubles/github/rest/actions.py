"""Actions: whether and which actions run, workflow permissions, and runs."""

import time

from ..protection import Level
from ..seed import new_run
from ..store import Record, now
from .api import Call, Refused, Reply, org_of, repo_of, serves
from .people import simple_user
from .repos import minimal

REPO = "/repos/{owner}/{repo}/actions"
ORG = "/orgs/{org}/actions/permissions"
CANCEL_SECONDS = 0.3
START_SECONDS = 0.5


def actions_enabled(call: Call, repo: Record) -> bool:
    """The organization's choice comes first, then the repository's own."""
    return _organization_lets(call, repo) and bool(repo["actions"]["enabled"])


def _organization_lets(call: Call, repo: Record) -> bool:
    org = call.store.data["org"]
    match org["actions"]["enabled_repositories"]:
        case "all":
            return True
        case "selected":
            return repo["id"] in org["selected_repositories"]
        case _:
            return False


@serves(f"GET {REPO}/permissions")
def repo_permissions(call: Call) -> Reply:
    repo = repo_of(call, Level.ADMIN)
    shown = {key: value for key, value in repo["actions"].items() if repo["actions"]["enabled"] or key == "enabled"}
    if shown.get("allowed_actions") == "selected":
        shown["selected_actions_url"] = f"{call.api}/repositories/{repo['id']}/actions/permissions/selected-actions"
    return Reply(200, shown)


@serves(f"PUT {REPO}/permissions")
def set_repo_permissions(call: Call) -> Reply:
    """Docs: who has restrictive permissions at the organization cannot override them for the repository."""
    repo = repo_of(call, Level.ADMIN)
    if call.body["enabled"] and not _organization_lets(call, repo):
        raise Refused(409, "Conflict")
    repo["actions"] |= call.body
    call.store.save()
    return Reply(204)


@serves(f"GET {REPO}/permissions/selected-actions")
def repo_selected(call: Call) -> Reply:
    repo = repo_of(call, Level.ADMIN)
    if repo["actions"]["allowed_actions"] != "selected":
        raise Refused(409, "Conflict")
    return Reply(200, repo["selected_actions"])


@serves(f"PUT {REPO}/permissions/selected-actions")
def set_repo_selected(call: Call) -> Reply:
    repo = repo_of(call, Level.ADMIN)
    if repo["actions"]["allowed_actions"] != "selected":
        raise Refused(409, "Conflict")
    repo["selected_actions"] |= call.body or {}
    call.store.save()
    return Reply(204)


@serves(f"GET {REPO}/permissions/workflow")
def repo_workflow(call: Call) -> Reply:
    return Reply(200, repo_of(call, Level.ADMIN)["workflow"])


@serves(f"PUT {REPO}/permissions/workflow")
def set_repo_workflow(call: Call) -> Reply:
    repo_of(call, Level.ADMIN)["workflow"] |= call.body or {}
    call.store.save()
    return Reply(204)


@serves(f"GET {ORG}")
def org_permissions(call: Call) -> Reply:
    org = org_of(call, admin=True)
    shown = dict(org["actions"])
    if shown["enabled_repositories"] == "selected":
        shown["selected_repositories_url"] = f"{call.api}/organizations/{org['id']}/actions/permissions/repositories"
    if shown.get("allowed_actions") == "selected":
        shown["selected_actions_url"] = f"{call.api}/organizations/{org['id']}/actions/permissions/selected-actions"
    return Reply(200, shown)


@serves(f"PUT {ORG}")
def set_org_permissions(call: Call) -> Reply:
    org_of(call, admin=True)["actions"] |= call.body
    call.store.save()
    return Reply(204)


def _selected_org(call: Call) -> Record:
    org = org_of(call, admin=True)
    if org["actions"]["enabled_repositories"] != "selected":
        raise Refused(409, "Conflict")
    return org


@serves(f"GET {ORG}/repositories")
def org_repositories(call: Call) -> Reply:
    org = org_of(call, admin=True)
    repos = [repo for repo in call.store.data["repos"].values() if repo["id"] in org["selected_repositories"]]
    return Reply(200, {"total_count": len(repos), "repositories": [minimal(call, repo) for repo in repos]})


@serves(f"PUT {ORG}/repositories")
def set_org_repositories(call: Call) -> Reply:
    _selected_org(call)["selected_repositories"] = call.body["selected_repository_ids"]
    call.store.save()
    return Reply(204)


@serves(f"PUT {ORG}/repositories/{{repository_id}}")
def add_org_repository(call: Call) -> Reply:
    org = _selected_org(call)
    number = int(call.params["repository_id"])
    org["selected_repositories"] = sorted({*org["selected_repositories"], number})
    call.store.save()
    return Reply(204)


@serves(f"DELETE {ORG}/repositories/{{repository_id}}")
def drop_org_repository(call: Call) -> Reply:
    org = _selected_org(call)
    org["selected_repositories"] = [i for i in org["selected_repositories"] if i != int(call.params["repository_id"])]
    call.store.save()
    return Reply(204)


@serves(f"GET {ORG}/selected-actions")
def org_selected(call: Call) -> Reply:
    org = org_of(call, admin=True)
    if org["actions"].get("allowed_actions") != "selected":
        raise Refused(409, "Conflict")
    return Reply(200, org["selected_actions"])


@serves(f"PUT {ORG}/selected-actions")
def set_org_selected(call: Call) -> Reply:
    org = org_of(call, admin=True)
    if org["actions"].get("allowed_actions") != "selected":
        raise Refused(409, "Conflict")
    org["selected_actions"] |= call.body or {}
    call.store.save()
    return Reply(204)


@serves(f"GET {ORG}/workflow")
def org_workflow(call: Call) -> Reply:
    return Reply(200, org_of(call, admin=True)["workflow"])


@serves(f"PUT {ORG}/workflow")
def set_org_workflow(call: Call) -> Reply:
    org_of(call, admin=True)["workflow"] |= call.body or {}
    call.store.save()
    return Reply(204)


def _run(call: Call, repo: Record, run: Record) -> Record:
    url = f"{call.api}/repos/{call.store.data['org']['login']}/{repo['name']}/actions/runs/{run['id']}"
    kept = ("id", "run_number", "name", "path", "event", "status", "conclusion", "head_branch", "head_sha")
    shown: Record = {key: run[key] for key in kept} | {
        "display_title": run["name"],
        "created_at": run["created_at"],
        "updated_at": run["updated_at"],
        "run_started_at": run["created_at"],
        "run_attempt": 1,
        "url": url,
        "cancel_url": f"{url}/cancel",
        "workflow_id": 1,
        "pull_requests": [],
        "repository": minimal(call, repo),
        "head_repository": minimal(call, repo),
    }
    if run["actor"]:
        shown["actor"] = shown["triggering_actor"] = simple_user(call, run["actor"])
    return shown


def _wanted(call: Call) -> tuple[Record, Record]:
    repo = repo_of(call, Level.READ)
    run = next((item for item in repo["runs"] if str(item["id"]) == call.params["run_id"]), None)
    if run is None:
        raise Refused(404, "Not Found")
    return repo, run


@serves(f"GET {REPO}/runs")
def runs(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    found = [
        run
        for run in repo["runs"]
        if call.query.get("status", run["status"]) in (run["status"], run["conclusion"])
        and call.query.get("branch", run["head_branch"]) == run["head_branch"]
        and call.query.get("event", run["event"]) == run["event"]
        and call.query.get("head_sha", run["head_sha"]) == run["head_sha"]
    ]
    return Reply(200, {"total_count": len(found), "workflow_runs": [_run(call, repo, run) for run in found]})


@serves(f"GET {REPO}/runs/{{run_id}}")
def run(call: Call) -> Reply:
    repo, found = _wanted(call)
    return Reply(200, _run(call, repo, found))


@serves(f"POST {REPO}/runs/{{run_id}}/cancel", f"POST {REPO}/runs/{{run_id}}/force-cancel")
def cancel(call: Call) -> Reply:
    repo_of(call, Level.WRITE)
    _, found = _wanted(call)
    if found["status"] == "completed":
        raise Refused(409, "Cannot cancel a workflow run that is completed.")
    found |= {"cancel_at": time.time() + CANCEL_SECONDS, "updated_at": now()}
    call.store.save()
    return Reply(202, {})


@serves(f"POST {REPO}/workflows/{{workflow_id}}/dispatches")
def dispatch(call: Call) -> Reply:
    repo = repo_of(call, Level.WRITE)
    if not actions_enabled(call, repo):
        raise Refused(403, "Actions has been disabled for this repository.")
    made = new_run(
        call.store,
        repo,
        name=call.params["workflow_id"],
        path=f".github/workflows/{call.params['workflow_id']}",
        head_branch=call.body["ref"].removeprefix("refs/heads/"),
        actor=call.caller.login,
        start_at=time.time() + START_SECONDS,
    )
    call.store.save()
    if call.body.get("return_run_details"):
        shown = _run(call, repo, made)
        return Reply(
            200, {"workflow_run_id": made["id"], "run_url": shown["url"], "html_url": f"{call.base}/runs/{made['id']}"}
        )
    return Reply(204)
