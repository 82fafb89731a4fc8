"""The patterns of branches that an environment with patterns of its own lets run."""

from ..protection import Level
from ..store import Record
from .api import Call, Refused, Reply, repo_of, serves

PATTERNS = "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies"


def _environment(call: Call, level: Level) -> Record:
    held: Record | None = repo_of(call, level)["environments"].get(call.params["environment_name"])
    if held is None:
        raise Refused(404, "Not Found")
    return held


@serves(f"GET {PATTERNS}")
def patterns(call: Call) -> Reply:
    held = _environment(call, Level.READ).get("patterns", [])
    return Reply(200, {"total_count": len(held), "branch_policies": held})


@serves(f"POST {PATTERNS}")
def add_pattern(call: Call) -> Reply:
    environment = _environment(call, Level.ADMIN)
    if not (environment["deployment_branch_policy"] or {}).get("custom_branch_policies"):
        raise Refused(404, "Not Found")
    made = {"id": call.store.fresh_id(), "name": call.body["name"], "type": call.body.get("type", "branch")}
    held = environment.setdefault("patterns", [])
    if any((one["name"], one["type"]) == (made["name"], made["type"]) for one in held):
        return Reply(303)
    held.append(made)
    call.store.save()
    return Reply(200, made)
