"""The server itself, users, the organization and its teams, and the revocation of tokens."""

from ..auth import caller_of, level
from ..protection import Level
from ..store import Record, digest, node_id
from .api import Call, Refused, Reply, org_of, repo_of, serves


def simple_user(call: Call, login: str) -> Record:
    user = call.store.data["users"].get(login.lower())
    if user is None:
        raise Refused(404, "Not Found")
    url = f"{call.api}/users/{user['login']}"
    return {
        "login": user["login"],
        "id": user["id"],
        "node_id": node_id("U", user["id"]),
        "type": user["type"],
        "url": url,
        "html_url": f"{call.base}/{user['login']}",
        "site_admin": False,
    }


def owner(call: Call) -> Record:
    org = call.store.data["org"]
    return {
        "login": org["login"],
        "id": org["id"],
        "node_id": node_id("O", org["id"]),
        "type": "Organization",
        "url": f"{call.api}/orgs/{org['login']}",
        "html_url": f"{call.base}/{org['login']}",
        "site_admin": False,
    }


def team(call: Call, item: Record) -> Record:
    return {
        "id": item["id"],
        "node_id": node_id("T", item["id"]),
        "name": item["name"],
        "slug": item["slug"],
        "description": None,
        "privacy": "closed",
        "permission": "pull",
        "url": f"{call.api}/organizations/{call.store.data['org']['id']}/team/{item['id']}",
        "html_url": f"{call.base}/orgs/{call.store.data['org']['login']}/teams/{item['slug']}",
        "members_url": f"{call.api}/teams/{item['id']}/members{{/member}}",
        "repositories_url": f"{call.api}/teams/{item['id']}/repos",
        "parent": None,
    }


@serves("GET /")
def root(_call: Call) -> Reply:
    return Reply(200, {})


@serves("GET /meta")
def meta(_call: Call) -> Reply:
    return Reply(200, {"verifiable_password_authentication": False})


@serves("GET /rate_limit")
def rate_limit(_call: Call) -> Reply:
    budget = {"limit": 5000, "remaining": 4999, "reset": 4102444800, "used": 1}
    return Reply(200, {"rate": budget, "resources": {"core": budget, "search": budget}})


@serves("GET /user")
def me(call: Call) -> Reply:
    user = call.store.data["users"][call.caller.login.lower()]
    return Reply(200, {**simple_user(call, user["login"]), "name": user["name"]})


@serves("GET /users/{username}")
def user(call: Call) -> Reply:
    name = call.params["username"]
    if name.lower() == call.store.data["org"]["login"].lower():
        return Reply(200, {**owner(call), "name": call.store.data["org"]["name"]})
    return Reply(200, {**simple_user(call, name), "name": call.store.data["users"][name.lower()]["name"]})


@serves("GET /orgs/{org}")
def organization(call: Call) -> Reply:
    org = org_of(call)
    shown = {key: value for key, value in owner(call).items() if key != "site_admin"}
    return Reply(200, {**shown, "name": org["name"], "created_at": org["created_at"], "updated_at": org["created_at"]})


@serves("GET /orgs/{org}/members")
def members(call: Call) -> Reply:
    org_of(call)
    return Reply(200, [simple_user(call, login) for login in call.store.data["users"]])


@serves("GET /orgs/{org}/teams")
def teams(call: Call) -> Reply:
    org_of(call)
    return Reply(200, [team(call, item) for item in call.store.data["teams"].values()])


@serves("GET /orgs/{org}/teams/{team_slug}")
def one_team(call: Call) -> Reply:
    org_of(call)
    item = call.store.data["teams"].get(call.params["team_slug"].lower())
    if item is None:
        raise Refused(404, "Not Found")
    organization = {key: value for key, value in owner(call).items() if key != "site_admin"}
    shown = {**team(call, item), "members_count": len(item["members"]), "organization": organization}
    return Reply(200, shown)


@serves("GET /orgs/{org}/teams/{team_slug}/members")
def team_members(call: Call) -> Reply:
    org_of(call)
    item = call.store.data["teams"].get(call.params["team_slug"].lower())
    if item is None:
        raise Refused(404, "Not Found")
    return Reply(200, [simple_user(call, login) for login in item["members"]])


@serves("GET /repos/{owner}/{repo}/collaborators/{username}/permission")
def permission(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    user = simple_user(call, call.params["username"])
    held = level(repo, caller_of(call.store, user["login"])).name.lower()
    return Reply(200, {"permission": held, "role_name": held, "user": {**user, "role_name": held}})


@serves("POST /credentials/revoke")
def revoke(call: Call) -> Reply:
    """Needs no authentication; unknown credentials are accepted in silence, as the description says."""
    for credential in call.body["credentials"]:
        held = call.store.data["tokens"].get(digest(credential))
        if held is not None:
            held["revoked"] = True
    call.store.save()
    return Reply(202, {})
