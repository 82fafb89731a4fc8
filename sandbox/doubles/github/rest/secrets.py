"""Actions secrets of a repository, an environment and the organization: sealed boxes, really opened.

Of the value only its SHA-256 is kept, so that a test can prove which value was delivered.
"""

import base64
import binascii

from nacl.exceptions import CryptoError
from nacl.public import SealedBox

from ..protection import Level
from ..seed import new_environment
from ..store import Record, digest, now
from .api import Call, Refused, Reply, org_of, repo_of, serves

REPO = "/repos/{owner}/{repo}/actions/secrets"
ENVIRONMENT = "/repos/{owner}/{repo}/environments/{environment_name}/secrets"
ORG = "/orgs/{org}/actions/secrets"
KEY_ID = "568250167242549743"


def _place(call: Call) -> str:
    """Where the secrets lie; refuses who may not see them."""
    if "org" in call.params:
        return f"org:{org_of(call, admin=True)['login'].lower()}"
    repo = repo_of(call, Level.WRITE)
    if "environment_name" not in call.params:
        return f"repo:{repo['id']}"
    name = call.params["environment_name"]
    if name not in repo["environments"]:
        raise Refused(404, "Not Found")
    return f"environment:{repo['id']}:{name}"


def _held(call: Call) -> Record:
    held: Record = call.store.data["secrets"].setdefault(_place(call), {})
    return held


def _shown(call: Call, item: Record) -> Record:
    shown = {key: item[key] for key in ("name", "created_at", "updated_at")}
    if "org" not in call.params:
        return shown
    url = f"{call.api}/orgs/{call.params['org']}/actions/secrets/{item['name']}/repositories"
    more = {"selected_repositories_url": url} if item["visibility"] == "selected" else {}
    return {**shown, "visibility": item["visibility"], **more}


@serves(f"GET {REPO}/public-key", f"GET {ENVIRONMENT}/public-key", f"GET {ORG}/public-key")
def public_key(call: Call) -> Reply:
    _place(call)
    key = base64.b64encode(bytes(call.store.private_key().public_key)).decode()
    return Reply(200, {"key_id": KEY_ID, "key": key})


@serves(f"GET {REPO}", f"GET {ENVIRONMENT}", f"GET {ORG}")
def listing(call: Call) -> Reply:
    held = _held(call)
    return Reply(200, {"total_count": len(held), "secrets": [_shown(call, held[name]) for name in sorted(held)]})


def _one(call: Call) -> Record:
    item: Record | None = _held(call).get(call.params["secret_name"].upper())
    if item is None:
        raise Refused(404, "Not Found")
    return item


@serves(f"GET {REPO}/{{secret_name}}", f"GET {ENVIRONMENT}/{{secret_name}}", f"GET {ORG}/{{secret_name}}")
def read(call: Call) -> Reply:
    return Reply(200, _shown(call, _one(call)))


def _opened(call: Call) -> str:
    if call.body.get("key_id") != KEY_ID or "encrypted_value" not in call.body:
        raise Refused(422, "Bad key_id or no encrypted_value.")
    try:
        sealed = base64.b64decode(call.body["encrypted_value"], validate=True)
        return SealedBox(call.store.private_key()).decrypt(sealed).decode()
    except (binascii.Error, CryptoError, UnicodeDecodeError, ValueError) as error:
        raise Refused(422, "Bad sealed box: it does not open with this key.") from error


@serves(f"PUT {REPO}/{{secret_name}}", f"PUT {ENVIRONMENT}/{{secret_name}}", f"PUT {ORG}/{{secret_name}}")
def put(call: Call) -> Reply:
    held, name = _held(call), call.params["secret_name"].upper()
    value = _opened(call)
    before = held.get(name)
    held[name] = {
        "name": name,
        "sha256": digest(value),
        "created_at": before["created_at"] if before else now(),
        "updated_at": now(),
        "visibility": call.body.get("visibility", "all"),
        "selected": call.body.get("selected_repository_ids", []),
    }
    call.store.save()
    return Reply(204) if before else Reply(201, {})


@serves(f"DELETE {REPO}/{{secret_name}}", f"DELETE {ENVIRONMENT}/{{secret_name}}", f"DELETE {ORG}/{{secret_name}}")
def delete(call: Call) -> Reply:
    _one(call)
    del _held(call)[call.params["secret_name"].upper()]
    call.store.save()
    return Reply(204)


def _environment(call: Call, repo: Record, name: str) -> Record:
    url = f"{call.api}/repos/{call.store.data['org']['login']}/{repo['name']}/environments/{name}"
    held = repo["environments"][name]
    return {
        "id": held["id"],
        "node_id": f"EN_{held['id']}",
        "name": name,
        "url": url,
        "html_url": url,
        "created_at": held["created_at"],
        "updated_at": held["updated_at"],
        "deployment_branch_policy": held["deployment_branch_policy"],
    }


@serves("GET /repos/{owner}/{repo}/environments")
def environments(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    shown = [_environment(call, repo, name) for name in repo["environments"]]
    return Reply(200, {"total_count": len(shown), "environments": shown})


@serves("GET /repos/{owner}/{repo}/environments/{environment_name}")
def environment(call: Call) -> Reply:
    repo = repo_of(call, Level.READ)
    if call.params["environment_name"] not in repo["environments"]:
        raise Refused(404, "Not Found")
    return Reply(200, _environment(call, repo, call.params["environment_name"]))


@serves("PUT /repos/{owner}/{repo}/environments/{environment_name}")
def put_environment(call: Call) -> Reply:
    repo = repo_of(call, Level.ADMIN)
    held = repo["environments"].setdefault(call.params["environment_name"], new_environment(call.store))
    held |= {"deployment_branch_policy": (call.body or {}).get("deployment_branch_policy"), "updated_at": now()}
    call.store.save()
    return Reply(200, _environment(call, repo, call.params["environment_name"]))
