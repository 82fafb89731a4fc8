"""Branches and their protection, REST form. The stored rule is the one that GraphQL shows too."""

from fnmatch import fnmatchcase
from typing import Any

from .. import git
from ..protection import Level
from ..rules import EMPTY_RULE
from ..store import Record, node_id
from .api import Call, Refused, Reply, repo_of, serves
from .commits import commit
from .people import simple_user, team

BRANCH = "/repos/{owner}/{repo}/branches/{branch}"
PROTECTION = f"{BRANCH}/protection"


def rule_of(call: Call, repo: Record, branch: str) -> Record | None:
    rules = call.store.rules_of(repo["id"])
    exact = [rule for rule in rules if rule["pattern"] == branch]
    return next(iter(exact or [rule for rule in rules if fnmatchcase(branch, rule["pattern"])]), None)


def _located(call: Call, wanted: Level) -> tuple[Record, str]:
    repo = repo_of(call, wanted)
    branch = call.params["branch"]
    if git.resolve(call.store.git_dir(repo), f"refs/heads/{branch}") is None:
        raise Refused(404, "Branch not found")
    return repo, branch


def _protected(call: Call) -> Record:
    repo, branch = _located(call, Level.ADMIN)
    rule = rule_of(call, repo, branch)
    if rule is None:
        raise Refused(404, "Branch not protected")
    return rule


def _url(call: Call) -> str:
    return f"{call.api}/repos/{call.params['owner']}/{call.params['repo']}/branches/{call.params['branch']}/protection"


def _short(call: Call, repo: Record, branch: str, sha: str) -> Record:
    url = f"{call.api}/repos/{call.store.data['org']['login']}/{repo['name']}"
    return {
        "name": branch,
        "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
        "protected": rule_of(call, repo, branch) is not None,
        "protection_url": f"{url}/branches/{branch}/protection",
    }


@serves("GET /repos/{owner}/{repo}/branches")
def branches(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    found = git.refs(call.store.git_dir(repo), "refs/heads/")
    shown = [_short(call, repo, ref.removeprefix("refs/heads/"), sha) for ref, sha in found.items()]
    if "protected" in call.query:
        shown = [item for item in shown if item["protected"] == (call.query["protected"] == "true")]
    return Reply(200, shown)


@serves(f"GET {BRANCH}")
def branch(call: Call) -> Reply:
    repo, name = _located(call, Level.READ)
    sha = git.run(call.store.git_dir(repo), "rev-parse", f"refs/heads/{name}")
    shown = _short(call, repo, name, sha)
    links = {"html": f"{call.base}/{call.params['owner']}/{repo['name']}/tree/{name}", "self": shown["protection_url"]}
    rule = rule_of(call, repo, name)
    protection = _summary(rule) if rule else {"enabled": False}
    return Reply(200, {**shown, "commit": commit(call, repo, sha), "_links": links, "protection": protection})


def _summary(rule: Record) -> Record:
    return {"enabled": True, "lock_branch": {"enabled": rule["lockBranch"]}}


def _actors(call: Call, ids: list[str]) -> Record:
    data = call.store.data
    users = [simple_user(call, user["login"]) for user in data["users"].values() if node_id("U", user["id"]) in ids]
    teams = [team(call, item) for item in data["teams"].values() if node_id("T", item["id"]) in ids]
    return {"users": users, "teams": teams, "apps": []}


def _ids(call: Call, named: Record | None) -> list[str]:
    if not named:
        return []
    data, found = call.store.data, []
    for login in named.get("users", []):
        if login.lower() not in data["users"]:
            raise _invalid(f"{login} is not a user with access")
        found.append(node_id("U", data["users"][login.lower()]["id"]))
    for slug in named.get("teams", []):
        if slug.lower() not in data["teams"]:
            raise _invalid(f"{slug} is not a team with access")
        found.append(node_id("T", data["teams"][slug.lower()]["id"]))
    return found


def _invalid(message: str) -> Refused:
    return Refused(422, "Validation Failed", errors=[message])


def _reviews(call: Call, rule: Record) -> Record:
    url = f"{_url(call)}/required_pull_request_reviews"
    shown: Record = {
        "url": url,
        "dismiss_stale_reviews": rule["dismissesStaleReviews"],
        "require_code_owner_reviews": rule["requiresCodeOwnerReviews"],
        "required_approving_review_count": rule["requiredApprovingReviewCount"] or 0,
        "require_last_push_approval": rule["requireLastPushApproval"],
    }
    if rule["restrictsReviewDismissals"]:
        restrictions = f"{_url(call)}/dismissal_restrictions"
        addresses = {"url": restrictions, "users_url": f"{restrictions}/users", "teams_url": f"{restrictions}/teams"}
        shown["dismissal_restrictions"] = {**addresses, **_actors(call, rule["reviewDismissalActorIds"])}
    if rule["bypassPullRequestActorIds"]:
        shown["bypass_pull_request_allowances"] = _actors(call, rule["bypassPullRequestActorIds"])
    return shown


def _restrictions(call: Call, rule: Record) -> Record:
    url = f"{_url(call)}/restrictions"
    addresses = {name: f"{url}/{name.removesuffix('_url')}" for name in ("users_url", "teams_url", "apps_url")}
    return {"url": url, **addresses, **_actors(call, rule["pushActorIds"])}


def _signatures(call: Call, rule: Record) -> Record:
    return {"url": f"{_url(call)}/required_signatures", "enabled": rule["requiresCommitSignatures"]}


def _admins(call: Call, rule: Record) -> Record:
    return {"url": f"{_url(call)}/enforce_admins", "enabled": rule["isAdminEnforced"]}


def _checks(call: Call, rule: Record) -> Record:
    contexts = rule["requiredStatusCheckContexts"]
    url = f"{_url(call)}/required_status_checks"
    return {
        "url": url,
        "contexts_url": f"{url}/contexts",
        "strict": rule["requiresStrictStatusChecks"],
        "contexts": contexts,
        "checks": [{"context": name, "app_id": None} for name in contexts],
    }


def _shown(call: Call, rule: Record) -> Record:
    shown = {
        "url": _url(call),
        "enforce_admins": _admins(call, rule),
        "required_signatures": _signatures(call, rule),
        "required_linear_history": {"enabled": rule["requiresLinearHistory"]},
        "allow_force_pushes": {"enabled": rule["allowsForcePushes"]},
        "allow_deletions": {"enabled": rule["allowsDeletions"]},
        "block_creations": {"enabled": rule["blocksCreations"]},
        "required_conversation_resolution": {"enabled": rule["requiresConversationResolution"]},
        "lock_branch": {"enabled": rule["lockBranch"]},
        "allow_fork_syncing": {"enabled": rule["lockAllowsFetchAndMerge"]},
    }
    if rule["requiresStatusChecks"]:
        shown["required_status_checks"] = _checks(call, rule)
    if rule["requiresApprovingReviews"]:
        shown["required_pull_request_reviews"] = _reviews(call, rule)
    if rule["restrictsPushes"]:
        shown["restrictions"] = _restrictions(call, rule)
    return shown


def _set_reviews(call: Call, rule: Record, given: Record | None) -> None:
    named = given or {}
    dismissal = named.get("dismissal_restrictions")
    rule |= {
        "requiresApprovingReviews": given is not None,
        "dismissesStaleReviews": named.get("dismiss_stale_reviews", False),
        "requiresCodeOwnerReviews": named.get("require_code_owner_reviews", False),
        "requiredApprovingReviewCount": named.get("required_approving_review_count", 1) if given is not None else None,
        "requireLastPushApproval": named.get("require_last_push_approval", False),
        "restrictsReviewDismissals": bool(dismissal),
        "reviewDismissalActorIds": _ids(call, dismissal),
        "bypassPullRequestActorIds": _ids(call, named.get("bypass_pull_request_allowances")),
    }


def _flag(body: Record, name: str) -> bool:
    return bool(body.get(name))


def _contexts(checks: Record | None) -> list[str]:
    if checks is None:
        return []
    return list(dict.fromkeys([*checks.get("contexts", []), *(item["context"] for item in checks.get("checks", []))]))


@serves(f"GET {PROTECTION}")
def read(call: Call) -> Reply:
    return Reply(200, _shown(call, _protected(call)))


@serves(f"PUT {PROTECTION}")
def put(call: Call) -> Reply:
    repo, name = _located(call, Level.ADMIN)
    body, checks = call.body, call.body["required_status_checks"]
    rule = next((item for item in call.store.rules_of(repo["id"]) if item["pattern"] == name), None)
    wanted: Record = {
        **EMPTY_RULE,
        "requiresCommitSignatures": rule["requiresCommitSignatures"] if rule else False,
        "isAdminEnforced": _flag(body, "enforce_admins"),
        "requiresLinearHistory": _flag(body, "required_linear_history"),
        "allowsForcePushes": _flag(body, "allow_force_pushes"),
        "allowsDeletions": _flag(body, "allow_deletions"),
        "blocksCreations": _flag(body, "block_creations"),
        "requiresConversationResolution": _flag(body, "required_conversation_resolution"),
        "lockBranch": _flag(body, "lock_branch"),
        "lockAllowsFetchAndMerge": _flag(body, "allow_fork_syncing"),
        "requiresStatusChecks": checks is not None,
        "requiresStrictStatusChecks": bool(checks and checks["strict"]),
        "requiredStatusCheckContexts": _contexts(checks),
        "restrictsPushes": body["restrictions"] is not None,
        "pushActorIds": _ids(call, body["restrictions"]),
    }
    _set_reviews(call, wanted, body["required_pull_request_reviews"])
    if rule is None:
        number = call.store.fresh_id()
        rule = {"id": node_id("BPR", number), "databaseId": number, "repo_id": repo["id"], "pattern": name}
        call.store.data["branch_rules"][rule["id"]] = rule
    rule |= wanted
    call.store.save()
    return Reply(200, _shown(call, rule))


@serves(f"DELETE {PROTECTION}")
def delete(call: Call) -> Reply:
    rule = _protected(call)
    del call.store.data["branch_rules"][rule["id"]]
    call.store.save()
    return Reply(204)


def _change(call: Call, **fields: Any) -> Record:
    rule = _protected(call)
    rule |= fields
    call.store.save()
    return rule


@serves(f"GET {PROTECTION}/enforce_admins")
def admins(call: Call) -> Reply:
    return Reply(200, _admins(call, _protected(call)))


@serves(f"POST {PROTECTION}/enforce_admins")
def admins_on(call: Call) -> Reply:
    return Reply(200, _admins(call, _change(call, isAdminEnforced=True)))


@serves(f"DELETE {PROTECTION}/enforce_admins")
def admins_off(call: Call) -> Reply:
    _change(call, isAdminEnforced=False)
    return Reply(204)


@serves(f"GET {PROTECTION}/required_signatures")
def signatures(call: Call) -> Reply:
    return Reply(200, _signatures(call, _protected(call)))


@serves(f"POST {PROTECTION}/required_signatures")
def signatures_on(call: Call) -> Reply:
    return Reply(200, _signatures(call, _change(call, requiresCommitSignatures=True)))


@serves(f"DELETE {PROTECTION}/required_signatures")
def signatures_off(call: Call) -> Reply:
    _change(call, requiresCommitSignatures=False)
    return Reply(204)


@serves(f"GET {PROTECTION}/required_pull_request_reviews")
def reviews(call: Call) -> Reply:
    rule = _protected(call)
    if not rule["requiresApprovingReviews"]:
        raise Refused(404, "Required pull request reviews not enabled")
    return Reply(200, _reviews(call, rule))


@serves(f"PATCH {PROTECTION}/required_pull_request_reviews")
def set_reviews(call: Call) -> Reply:
    rule = _protected(call)
    _set_reviews(call, rule, call.body or {})
    call.store.save()
    return Reply(200, _reviews(call, rule))


@serves(f"DELETE {PROTECTION}/required_pull_request_reviews")
def reviews_off(call: Call) -> Reply:
    rule = _protected(call)
    _set_reviews(call, rule, None)
    call.store.save()
    return Reply(204)


@serves(f"GET {PROTECTION}/restrictions")
def restrictions(call: Call) -> Reply:
    rule = _protected(call)
    if not rule["restrictsPushes"]:
        raise Refused(404, "Push restrictions not enabled")
    return Reply(200, _restrictions(call, rule))


@serves(f"DELETE {PROTECTION}/restrictions")
def restrictions_off(call: Call) -> Reply:
    _change(call, restrictsPushes=False, pushActorIds=[])
    return Reply(204)
