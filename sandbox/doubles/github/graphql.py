"""GraphQL on the committed part of GitHub's SDL: what branch protection needs, as GitHub answers it.

graphql-core holds the query, the variables and the answer to the schema. One standard rule is left out: GitHub accepts
overlapping selections that conflict (the Terraform provider's own read has them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import OverlappingFieldsCanBeMergedRule

from .auth import Caller, level
from .protection import Level
from .rules import EMPTY_RULE
from .store import Record, Store, node_id

SCHEMA = build_schema((Path(__file__).parent / "description" / "schema.graphql").read_text())
RULES = [rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule]
ALLOWANCES = {
    "pushAllowances": "pushActorIds",
    "reviewDismissalAllowances": "reviewDismissalActorIds",
    "bypassForcePushAllowances": "bypassForcePushActorIds",
    "bypassPullRequestAllowances": "bypassPullRequestActorIds",
}


@dataclass(frozen=True)
class Outcome:
    body: Record
    outside_description: list[str]


class NotFound(GraphQLError):
    """What GitHub answers for a node that is gone or hidden."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"type": "NOT_FOUND"})


@dataclass(frozen=True)
class World:
    store: Store
    who: Caller

    def user(self, item: Record) -> Record:
        shown = {"id": node_id("U", item["id"]), "databaseId": item["id"], "login": item["login"], "name": item["name"]}
        return {"__typename": "User", **shown}

    def team(self, item: Record) -> Record:
        shown = {"id": node_id("T", item["id"]), "databaseId": item["id"], "name": item["name"], "slug": item["slug"]}
        return {"__typename": "Team", **shown}

    def app(self, item: Record) -> Record:
        shown = {"id": node_id("A", item["id"]), "databaseId": item["id"], "name": item["name"], "slug": item["slug"]}
        return {"__typename": "App", **shown}

    def repository(self, item: Record) -> Record:
        return {
            "__typename": "Repository",
            "id": item["node_id"],
            "databaseId": item["id"],
            "name": item["name"],
            "nameWithOwner": f"{self.store.data['org']['login']}/{item['name']}",
            "isPrivate": item["private"],
            "isArchived": item["archived"],
        }

    def organization(self) -> Record:
        org = self.store.data["org"]
        shown = {"id": node_id("O", org["id"]), "databaseId": org["id"], "login": org["login"], "name": org["name"]}
        return {"__typename": "Organization", **shown}

    def rule(self, item: Record) -> Record:
        return {"__typename": "BranchProtectionRule", **item}

    def readable(self, repo: Record | None) -> bool:
        return repo is not None and level(repo, self.who) is not Level.NONE

    def actor(self, wanted: str) -> Record | None:
        data = self.store.data
        users = (self.user(item) for item in data["users"].values() if node_id("U", item["id"]) == wanted)
        teams = (self.team(item) for item in data["teams"].values() if node_id("T", item["id"]) == wanted)
        apps = (self.app(item) for item in data["apps"].values() if node_id("A", item["id"]) == wanted)
        return next(users, None) or next(teams, None) or next(apps, None)

    def node(self, wanted: str) -> Record | None:
        repo = next((item for item in self.store.data["repos"].values() if item["node_id"] == wanted), None)
        if repo is not None and self.readable(repo):
            return self.repository(repo)
        rule = self.store.data["branch_rules"].get(wanted)
        if rule is not None and self.readable(self.store.repo_by_id(rule["repo_id"])):
            return self.rule(rule)
        if wanted == node_id("O", self.store.data["org"]["id"]):
            return self.organization()
        return self.actor(wanted)


def _world(info: GraphQLResolveInfo[World]) -> World:
    return info.context


def _gone(wanted: str) -> NotFound:
    return NotFound(f"Could not resolve to a node with the global id of '{wanted}'")


def _node(_root: Any, info: GraphQLResolveInfo[World], id: str) -> Record:
    found = _world(info).node(id)
    if found is None:
        raise _gone(id)
    return found


def _repository(_root: Any, info: GraphQLResolveInfo[World], owner: str, name: str, **_: Any) -> Record:
    repo = _world(info).store.repo(owner, name)
    if repo is None or not _world(info).readable(repo):
        raise NotFound(f"Could not resolve to a Repository with the name '{owner}/{name}'.")
    return _world(info).repository(repo)


def _organization(_root: Any, info: GraphQLResolveInfo[World], login: str) -> Record:
    if login.lower() != _world(info).store.data["org"]["login"].lower():
        raise NotFound(f"Could not resolve to an Organization with the login of '{login}'.")
    return _world(info).organization()


def _user(_root: Any, info: GraphQLResolveInfo[World], login: str) -> Record:
    item = _world(info).store.data["users"].get(login.lower())
    if item is None:
        raise NotFound(f"Could not resolve to a User with the login of '{login}'.")
    return _world(info).user(item)


def _viewer(_root: Any, info: GraphQLResolveInfo[World]) -> Record:
    world = _world(info)
    return world.user(world.store.data["users"][world.who.login.lower()])


def _team(_org: Any, info: GraphQLResolveInfo[World], slug: str) -> Record | None:
    item = _world(info).store.data["teams"].get(slug.lower())
    return None if item is None else _world(info).team(item)


def _connection(nodes: list[Record], first: int | None = None, after: str | None = None, **_: Any) -> Record:
    start = int(after) if after else 0
    end = min(len(nodes), start + (first or len(nodes)))
    info = {
        "hasNextPage": end < len(nodes),
        "hasPreviousPage": start > 0,
        "startCursor": str(start),
        "endCursor": str(end),
    }
    return {"nodes": nodes[start:end], "totalCount": len(nodes), "pageInfo": info}


def _rules(repo: Record, info: GraphQLResolveInfo[World], **arguments: Any) -> Record:
    world = _world(info)
    return _connection([world.rule(item) for item in world.store.rules_of(repo["databaseId"])], **arguments)


def _rule_repository(rule: Record, info: GraphQLResolveInfo[World]) -> Record | None:
    repo = _world(info).store.repo_by_id(rule["repo_id"])
    return None if repo is None else _world(info).repository(repo)


def _creator(_rule: Record, _info: GraphQLResolveInfo[World]) -> None:
    return None


def _allowances(field: str) -> Any:
    def resolve(rule: Record, info: GraphQLResolveInfo[World], **arguments: Any) -> Record:
        found = [_world(info).actor(wanted) for wanted in rule[ALLOWANCES[field]]]
        nodes = [{"id": f"{rule['id']}_{actor['id']}", "actor": actor} for actor in found if actor is not None]
        return _connection(nodes, **arguments)

    return resolve


def _admin(world: World, repo: Record | None) -> Record:
    if repo is None or not world.readable(repo):
        raise NotFound("Could not resolve to a Repository.")
    if level(repo, world.who) is not Level.ADMIN:
        raise GraphQLError("Resource not accessible by this token", extensions={"type": "FORBIDDEN"})
    return repo


def _stored(given: Mapping[str, Any]) -> Record:
    fields = {name: value for name, value in given.items() if name in EMPTY_RULE}
    if "requiredStatusChecks" in given:
        fields["requiredStatusCheckContexts"] = [item["context"] for item in given["requiredStatusChecks"] or []]
    return {name: EMPTY_RULE[name] if value is None else value for name, value in fields.items()}


def _create(_root: Any, info: GraphQLResolveInfo[World], input: Mapping[str, Any]) -> Record:
    world = _world(info)
    repos = world.store.data["repos"].values()
    repo = _admin(world, next((item for item in repos if item["node_id"] == input["repositoryId"]), None))
    if any(item["pattern"] == input["pattern"] for item in world.store.rules_of(repo["id"])):
        raise GraphQLError("Name already protected: " + input["pattern"], extensions={"type": "UNPROCESSABLE"})
    number = world.store.fresh_id()
    identity = {"id": node_id("BPR", number), "databaseId": number, "repo_id": repo["id"], "pattern": input["pattern"]}
    rule = {**EMPTY_RULE, **identity, **_stored(input)}
    world.store.data["branch_rules"][rule["id"]] = rule
    world.store.save()
    return {"branchProtectionRule": world.rule(rule), "clientMutationId": input.get("clientMutationId")}


def _held(world: World, wanted: str) -> Record:
    rule: Record | None = world.store.data["branch_rules"].get(wanted)
    if rule is None:
        raise _gone(wanted)
    _admin(world, world.store.repo_by_id(rule["repo_id"]))
    return rule


def _update(_root: Any, info: GraphQLResolveInfo[World], input: Mapping[str, Any]) -> Record:
    world = _world(info)
    rule = _held(world, input["branchProtectionRuleId"])
    rule |= _stored(input) | ({"pattern": input["pattern"]} if input.get("pattern") else {})
    world.store.save()
    return {"branchProtectionRule": world.rule(rule), "clientMutationId": input.get("clientMutationId")}


def _delete(_root: Any, info: GraphQLResolveInfo[World], input: Mapping[str, Any]) -> Record:
    world = _world(info)
    rule = _held(world, input["branchProtectionRuleId"])
    del world.store.data["branch_rules"][rule["id"]]
    world.store.save()
    return {"clientMutationId": input.get("clientMutationId")}


def _bind() -> None:
    resolvers: dict[str, dict[str, Any]] = {
        "Query": {
            "node": _node,
            "repository": _repository,
            "organization": _organization,
            "user": _user,
            "viewer": _viewer,
        },
        "Mutation": {
            "createBranchProtectionRule": _create,
            "updateBranchProtectionRule": _update,
            "deleteBranchProtectionRule": _delete,
        },
        "Organization": {"team": _team},
        "Repository": {"branchProtectionRules": _rules},
        "BranchProtectionRule": {
            "repository": _rule_repository,
            "creator": _creator,
            **{field: _allowances(field) for field in ALLOWANCES},
        },
    }
    for kind, fields in resolvers.items():
        described = cast(GraphQLObjectType, SCHEMA.type_map[kind]).fields
        for name, resolver in fields.items():
            if name in described:
                described[name].resolve = resolver


_bind()


def answer(store: Store, who: Caller, request: Any) -> Outcome:
    """A query that the SDL does not allow is answered with its errors and reported as outside the description."""
    if not isinstance(request, dict) or not isinstance(request.get("query"), str):
        return Outcome({"message": "Problems parsing JSON"}, ["no query"])
    unknown = sorted(set(request) - {"query", "variables", "operationName"})
    try:
        document = parse(request["query"])
    except GraphQLError as error:
        return Outcome({"errors": [error.formatted]}, [error.message])
    found = validate(SCHEMA, document, RULES)
    if found or unknown:
        return Outcome({"errors": [error.formatted for error in found]}, [error.message for error in found] + unknown)
    result = execute_sync(
        SCHEMA,
        document,
        context_value=World(store, who),
        variable_values=request.get("variables"),
        operation_name=request.get("operationName"),
    )
    return _outcome(result)


def _outcome(result: ExecutionResult) -> Outcome:
    """An error of ours carries GitHub's type; any other is a variable or an answer that the SDL does not allow."""
    shown, outside = [], []
    for error in result.errors or []:
        kind = (error.extensions or {}).get("type") or getattr(error.original_error, "extensions", {}).get("type")
        if kind is None:
            outside.append(
                error.message if error.path is None else f"{error.path}: {type(error.original_error).__name__}"
            )
        shown.append({**error.formatted, **({"type": kind} if kind else {})})
    return Outcome({"data": result.data, **({"errors": shown} if shown else {})}, outside)
