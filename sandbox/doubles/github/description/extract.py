"""Cut the served part out of GitHub's description: `python -m sandbox.doubles.github.description.extract REST SDL`.

REST is `generated/api.github.com.json` of npm `@octokit/openapi`; SDL is `schema.graphql` of npm
`@octokit/graphql-schema` (both MIT). Run it by hand when a route is added; the result is committed, so that the
double needs no Node.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from graphql import parse, print_ast
from graphql.language import ast

HERE = Path(__file__).parent
REPO = "/repos/{owner}/{repo}"
PROTECTION = f"{REPO}/branches/{{branch}}/protection"
OPERATIONS: dict[str, str] = {
    "/": "get",
    "/meta": "get",
    "/rate_limit": "get",
    "/user": "get",
    "/users/{username}": "get",
    "/credentials/revoke": "post",
    "/orgs/{org}": "get",
    "/orgs/{org}/repos": "get post",
    "/orgs/{org}/members": "get",
    "/orgs/{org}/teams": "get",
    "/orgs/{org}/teams/{team_slug}": "get",
    "/orgs/{org}/teams/{team_slug}/members": "get",
    "/orgs/{org}/rulesets": "get post",
    "/orgs/{org}/rulesets/{ruleset_id}": "get put delete",
    "/orgs/{org}/actions/permissions": "get put",
    "/orgs/{org}/actions/permissions/repositories": "get put",
    "/orgs/{org}/actions/permissions/repositories/{repository_id}": "put delete",
    "/orgs/{org}/actions/permissions/selected-actions": "get put",
    "/orgs/{org}/actions/permissions/workflow": "get put",
    "/orgs/{org}/actions/secrets": "get",
    "/orgs/{org}/actions/secrets/public-key": "get",
    "/orgs/{org}/actions/secrets/{secret_name}": "get put delete",
    REPO: "get patch delete",
    f"{REPO}/topics": "get put",
    f"{REPO}/vulnerability-alerts": "get put delete",
    f"{REPO}/collaborators/{{username}}/permission": "get",
    f"{REPO}/branches": "get",
    f"{REPO}/branches/{{branch}}": "get",
    PROTECTION: "get put delete",
    f"{PROTECTION}/enforce_admins": "get post delete",
    f"{PROTECTION}/required_signatures": "get post delete",
    f"{PROTECTION}/required_pull_request_reviews": "get patch delete",
    f"{PROTECTION}/restrictions": "get delete",
    f"{REPO}/rules/branches/{{branch}}": "get",
    f"{REPO}/rulesets": "get post",
    f"{REPO}/rulesets/{{ruleset_id}}": "get put delete",
    f"{REPO}/actions/permissions": "get put",
    f"{REPO}/actions/permissions/selected-actions": "get put",
    f"{REPO}/actions/permissions/workflow": "get put",
    f"{REPO}/actions/secrets": "get",
    f"{REPO}/actions/secrets/public-key": "get",
    f"{REPO}/actions/secrets/{{secret_name}}": "get put delete",
    f"{REPO}/environments": "get",
    f"{REPO}/environments/{{environment_name}}": "get put",
    f"{REPO}/environments/{{environment_name}}/deployment-branch-policies": "get post",
    f"{REPO}/environments/{{environment_name}}/secrets": "get",
    f"{REPO}/environments/{{environment_name}}/secrets/public-key": "get",
    f"{REPO}/environments/{{environment_name}}/secrets/{{secret_name}}": "get put delete",
    f"{REPO}/actions/runs": "get",
    f"{REPO}/actions/runs/{{run_id}}": "get",
    f"{REPO}/actions/runs/{{run_id}}/cancel": "post",
    f"{REPO}/actions/runs/{{run_id}}/force-cancel": "post",
    f"{REPO}/actions/workflows/{{workflow_id}}/dispatches": "post",
    f"{REPO}/keys": "get post",
    f"{REPO}/keys/{{key_id}}": "get delete",
    f"{REPO}/git/ref/{{ref}}": "get",
    f"{REPO}/git/matching-refs/{{ref}}": "get",
    f"{REPO}/git/refs": "post",
    f"{REPO}/git/refs/{{ref}}": "patch delete",
    f"{REPO}/commits": "get",
    f"{REPO}/commits/{{ref}}": "get",
    f"{REPO}/statuses/{{sha}}": "post",
    f"{REPO}/contents/{{path}}": "get put",
    f"{REPO}/issues/{{issue_number}}/comments": "get post",
    f"{REPO}/issues/comments/{{comment_id}}": "patch",
    f"{REPO}/pulls": "get post",
    f"{REPO}/pulls/{{pull_number}}": "get",
    f"{REPO}/pulls/{{pull_number}}/commits": "get",
    f"{REPO}/pulls/{{pull_number}}/reviews": "get post",
    f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals": "put",
    f"{REPO}/pulls/{{pull_number}}/merge": "put",
}
# What the description says of a page in prose alone: "The number of results per page (max 100)".
PAGES: dict[str, dict[str, int]] = {"per_page": {"minimum": 1, "maximum": 100}, "page": {"minimum": 1}}
DROPPED = {"description", "example", "examples", "externalDocs", "summary", "tags", "title", "default", "deprecated"}
# Fields of the large GraphQL types that the double answers; None keeps every field whose type is kept.
GRAPHQL: dict[str, set[str] | None] = {
    "Query": {"id", "node", "repository", "organization", "user", "viewer"},
    "Mutation": {"createBranchProtectionRule", "updateBranchProtectionRule", "deleteBranchProtectionRule"},
    "Repository": {"id", "databaseId", "name", "nameWithOwner", "isPrivate", "isArchived", "branchProtectionRules"},
    "Organization": {"id", "databaseId", "login", "name", "team"},
    "User": {"id", "databaseId", "login", "name"},
    "Team": {"id", "databaseId", "name", "slug"},
    "App": {"id", "databaseId", "name", "slug"},
    "BranchProtectionRule": None,
    "BranchProtectionRuleConnection": {"nodes", "pageInfo", "totalCount"},
    "PageInfo": None,
    "PushAllowance": {"actor", "id", "branchProtectionRule"},
    "PushAllowanceConnection": {"nodes", "pageInfo", "totalCount"},
    "ReviewDismissalAllowance": {"actor", "id", "branchProtectionRule"},
    "ReviewDismissalAllowanceConnection": {"nodes", "pageInfo", "totalCount"},
    "BypassForcePushAllowance": {"actor", "id", "branchProtectionRule"},
    "BypassForcePushAllowanceConnection": {"nodes", "pageInfo", "totalCount"},
    "BypassPullRequestAllowance": {"actor", "id", "branchProtectionRule"},
    "BypassPullRequestAllowanceConnection": {"nodes", "pageInfo", "totalCount"},
    "CreateBranchProtectionRulePayload": {"branchProtectionRule", "clientMutationId"},
    "UpdateBranchProtectionRulePayload": {"branchProtectionRule", "clientMutationId"},
    "DeleteBranchProtectionRulePayload": {"clientMutationId"},
    "Node": None,
    "PushAllowanceActor": None,
    "ReviewDismissalAllowanceActor": None,
    "BranchActorAllowanceActor": None,
}


def clean(node: Any, in_properties: bool = False) -> Any:
    """OpenAPI 3.0 schema to JSON Schema: prose dropped, `nullable` written as a null type."""
    if isinstance(node, list):
        return [clean(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: clean(value, key == "properties" and not in_properties)
        for key, value in node.items()
        if in_properties or not (key in DROPPED or key.startswith("x-"))
    }
    if in_properties or kept.pop("nullable", False) is not True:
        return kept
    if isinstance(kept.get("type"), str) and "enum" not in kept:
        return kept | {"type": [kept["type"], "null"]}
    return {"anyOf": [kept, {"type": "null"}]}


def media(holder: dict[str, Any] | None) -> Any:
    content = (holder or {}).get("content", {})
    chosen: dict[str, Any] = content.get("application/json") or next(iter(content.values()), {})
    return clean(chosen.get("schema")) if "schema" in chosen else None


def parameters(items: list[dict[str, Any]], place: str) -> dict[str, Any]:
    found = {item["name"]: clean(item["schema"]) for item in items if item["in"] == place}
    return {name: schema | PAGES.get(name, {}) for name, schema in found.items()}


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].rsplit("/", 1)[1]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values())) if node else own


def rest(document: dict[str, Any]) -> dict[str, Any]:
    components = document["components"]

    def resolve(item: Any) -> Any:
        if "$ref" not in item:
            return item
        kind, name = item["$ref"].split("/")[-2:]
        return components[kind][name]

    operations: dict[str, Any] = {}
    for path, methods in OPERATIONS.items():
        for method in methods.split():
            described = document["paths"][path][method]
            items = [resolve(item) for item in described.get("parameters", [])]
            operations[f"{method.upper()} {path}"] = {
                "path": parameters(items, "path"),
                "query": parameters(items, "query"),
                "request": media(resolve(described["requestBody"])) if "requestBody" in described else None,
                "required": described.get("requestBody", {}).get("required", False),
                "responses": {status: media(resolve(item)) for status, item in described["responses"].items()},
            }
    schemas: dict[str, Any] = {}
    wanted = references(operations) | {"basic-error"}
    while missing := wanted - schemas.keys():
        for name in missing:
            schemas[name] = clean(components["schemas"][name])
            wanted |= references(schemas[name])
    return {"operations": operations, "components": {"schemas": dict(sorted(schemas.items()))}}


def base(node: ast.TypeNode) -> str:
    while not isinstance(node, ast.NamedTypeNode):
        node = node.type  # type: ignore[attr-defined]
    return node.name.value


def bare(node: Any, **changes: Any) -> Any:
    """The node without its prose and its server-side directives."""
    return dataclasses.replace(node, description=None, directives=(), **changes)


def trimmed(node: Any, known: set[str]) -> Any:
    name = node.name.value
    changes: dict[str, Any] = {}
    if isinstance(node, ast.UnionTypeDefinitionNode):
        changes["types"] = tuple(t for t in node.types or () if t.name.value in GRAPHQL)
    if isinstance(node, ast.EnumTypeDefinitionNode):
        changes["values"] = tuple(bare(value) for value in node.values or ())
    if isinstance(node, ast.InputObjectTypeDefinitionNode):
        changes["fields"] = tuple(bare(field) for field in node.fields or ())
    if isinstance(node, ast.ObjectTypeDefinitionNode | ast.InterfaceTypeDefinitionNode):
        allowed = GRAPHQL[name]
        changes["interfaces"] = tuple(i for i in node.interfaces or () if i.name.value in GRAPHQL)
        changes["fields"] = tuple(
            bare(f, arguments=tuple(bare(argument) for argument in f.arguments or ()))
            for f in node.fields or ()
            if base(f.type) in known and (allowed is None or f.name.value in allowed)
        )
    return bare(node, **changes)


def sdl(text: str) -> str:
    definitions = {
        d.name.value: d for d in parse(text, no_location=True).definitions if isinstance(d, ast.TypeDefinitionNode)
    }
    leaves = (ast.ScalarTypeDefinitionNode, ast.EnumTypeDefinitionNode, ast.InputObjectTypeDefinitionNode)
    known = (
        set(GRAPHQL) | {n for n, d in definitions.items() if isinstance(d, leaves)} | {"String", "Int", "Boolean", "ID"}
    )
    kept: dict[str, Any] = {}
    queue = list(GRAPHQL)
    while queue:
        name = queue.pop()
        if name in kept or name not in definitions:
            continue
        kept[name] = trimmed(definitions[name], known)
        for field in getattr(kept[name], "fields", None) or ():
            queue.append(base(field.type))
            queue.extend(base(argument.type) for argument in getattr(field, "arguments", None) or ())
    return "\n\n".join(print_ast(kept[name]) for name in sorted(kept)) + "\n"


def main(rest_file: Path, sdl_file: Path) -> None:
    document = json.loads(rest_file.read_text())
    (HERE / "rest.json").write_text(json.dumps(rest(document), separators=(",", ":"), sort_keys=True) + "\n")
    (HERE / "schema.graphql").write_text(sdl(sdl_file.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
