"""Rulesets of repositories and of the organization."""

from ..protection import Level, covers
from ..rules import reaches, ruleset, rulesets_for
from ..store import Record, node_id, now
from .api import Call, Refused, Reply, org_of, repo_of, serves

IN_REPO = "/repos/{owner}/{repo}/rulesets"
IN_ORG = "/orgs/{org}/rulesets"


def _source(call: Call, item: Record) -> str:
    login: str = call.store.data["org"]["login"]
    if item["repo_id"] is None:
        return login
    repo = call.store.repo_by_id(item["repo_id"])
    return f"{login}/{repo['name'] if repo else ''}"


def _short(call: Call, item: Record) -> Record:
    return {
        "id": item["id"],
        "name": item["name"],
        "target": item["target"],
        "source_type": "Organization" if item["repo_id"] is None else "Repository",
        "source": _source(call, item),
        "enforcement": item["enforcement"],
        "node_id": node_id("RRS", item["id"]),
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
    }


def _shown(call: Call, item: Record) -> Record:
    return {
        **_short(call, item),
        "conditions": item["conditions"],
        "rules": item["rules"],
        "bypass_actors": [{"bypass_mode": "always", **entry} for entry in item["bypass_actors"]],
    }


def _given(item: Record, body: Record) -> None:
    for name in ("name", "target", "enforcement", "conditions", "rules", "bypass_actors"):
        if name in body:
            item[name] = body[name]
    item["updated_at"] = now()


def _create(call: Call, repo_id: int | None) -> Reply:
    number = call.store.fresh_id()
    item: Record = {
        "id": number,
        "repo_id": repo_id,
        "target": "branch",
        "conditions": {},
        "rules": [],
        "bypass_actors": [],
        "created_at": now(),
    }
    _given(item, call.body)
    call.store.data["rulesets"][str(number)] = item
    call.store.save()
    return Reply(201, _shown(call, item))


def _own(call: Call, repo_id: int | None) -> Record:
    item: Record | None = call.store.data["rulesets"].get(call.params["ruleset_id"])
    if item is None or item["repo_id"] != repo_id:
        raise Refused(404, "Not Found")
    return item


def _update(call: Call, repo_id: int | None) -> Reply:
    item = _own(call, repo_id)
    _given(item, call.body or {})
    call.store.save()
    return Reply(200, _shown(call, item))


def _delete(call: Call, repo_id: int | None) -> Reply:
    del call.store.data["rulesets"][str(_own(call, repo_id)["id"])]
    call.store.save()
    return Reply(204)


def _parents(call: Call) -> bool:
    return call.query.get("includes_parents", "true") != "false"


@serves(f"GET {IN_REPO}")
def in_repo(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    found = [item for item in rulesets_for(call.store, repo) if item["repo_id"] is not None or _parents(call)]
    if "targets" in call.query:
        found = [item for item in found if item["target"] in call.query["targets"].split(",")]
    return Reply(200, [_short(call, item) for item in found])


@serves(f"POST {IN_REPO}")
def create_in_repo(call: Call) -> Reply:
    return _create(call, repo_of(call, Level.ADMIN)["id"])


@serves(f"GET {IN_REPO}/{{ruleset_id}}")
def one_in_repo(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    item = call.store.data["rulesets"].get(call.params["ruleset_id"])
    if item is None or not reaches(item, repo) or (item["repo_id"] is None and not _parents(call)):
        raise Refused(404, "Not Found")
    return Reply(200, _shown(call, item))


@serves(f"PUT {IN_REPO}/{{ruleset_id}}")
def update_in_repo(call: Call) -> Reply:
    return _update(call, repo_of(call, Level.ADMIN)["id"])


@serves(f"DELETE {IN_REPO}/{{ruleset_id}}")
def delete_in_repo(call: Call) -> Reply:
    return _delete(call, repo_of(call, Level.ADMIN)["id"])


@serves(f"GET {IN_ORG}")
def in_org(call: Call) -> Reply:
    org_of(call, admin=True)
    return Reply(200, [_short(call, item) for item in call.store.data["rulesets"].values() if item["repo_id"] is None])


@serves(f"POST {IN_ORG}")
def create_in_org(call: Call) -> Reply:
    org_of(call, admin=True)
    return _create(call, None)


@serves(f"GET {IN_ORG}/{{ruleset_id}}")
def one_in_org(call: Call) -> Reply:
    org_of(call, admin=True)
    return Reply(200, _shown(call, _own(call, None)))


@serves(f"PUT {IN_ORG}/{{ruleset_id}}")
def update_in_org(call: Call) -> Reply:
    org_of(call, admin=True)
    return _update(call, None)


@serves(f"DELETE {IN_ORG}/{{ruleset_id}}")
def delete_in_org(call: Call) -> Reply:
    org_of(call, admin=True)
    return _delete(call, None)


@serves("GET /repos/{owner}/{repo}/rules/branches/{branch}")
def rules_for_branch(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    ref = f"refs/heads/{call.params['branch']}"
    found = []
    for item in rulesets_for(call.store, repo):
        if item["enforcement"] == "active" and covers(ruleset(item), ref, repo["default_branch"]):
            about = {
                "ruleset_source_type": "Organization" if item["repo_id"] is None else "Repository",
                "ruleset_source": _source(call, item),
                "ruleset_id": item["id"],
            }
            found += [{**rule, **about} for rule in item["rules"]]
    return Reply(200, found)
