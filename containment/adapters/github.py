"""GitHub: branch protection, rulesets, Actions, deploy keys and Actions secrets of one organization's repositories.

REST follows GitHub's description of API version 2022-11-28. Branch protection goes over GraphQL, where an update leaves
alone what it does not name; REST replaces everything.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from containment.adapters.github_api import GithubApi, Settings
from containment.ports import DeployKey, WorkflowToken
from containment.repository import BranchRule, Demands, Ruleset
from policies.errors import Unreachable

_GUARDS = ("deployment_branch_policy", "protection_rules", "can_admins_bypass")
"""Of an environment. GitHub tells the last, and its description does not."""
_LIVE = ("queued", "in_progress", "waiting", "requested", "pending")

_WAYS = {
    "allowsForcePushes": "force pushes",
    "allowsDeletions": "its deletion",
    "lockAllowsFetchAndMerge": "a fork's sync while it is locked",
}
_LET_AROUND = {
    ("bypassForcePushAllowances", "bypassForcePushActorIds"): "force pushes",
    ("bypassPullRequestAllowances", "bypassPullRequestActorIds"): "pushes without a pull request",
}
"""What a rule lets around itself: everybody by a setting of GraphQL, the named by a list, which is read and written
under two names."""
_CLOSED: dict[str, Any] = {**dict.fromkeys(_WAYS, False), **{written: [] for _, written in _LET_AROUND}}

_ACTORS = """(first: 100) { nodes { actor { __typename ... on App { id slug } ... on User { id login }
 ... on Team { id slug } } } }"""
_RULE = f"""id pattern lockBranch isAdminEnforced requiresApprovingReviews requiredApprovingReviewCount
 dismissesStaleReviews restrictsPushes blocksCreations pushAllowances{_ACTORS} requiresStatusChecks
 requiresStrictStatusChecks requiredStatusCheckContexts requiresCodeOwnerReviews requireLastPushApproval
 requiresCommitSignatures requiresLinearHistory requiresConversationResolution restrictsReviewDismissals
 reviewDismissalAllowances{_ACTORS} {" ".join(_WAYS)}
 {" ".join(f"{read}{_ACTORS}" for read, _ in _LET_AROUND)}"""
_RULES = f"""query($owner: String!, $name: String!, $after: String) {{ repository(owner: $owner, name: $name) {{
 id branchProtectionRules(first: 100, after: $after) {{ nodes {{ {_RULE} }}
 pageInfo {{ hasNextPage endCursor }} }} }} }}"""
_USER = "query($login: String!) { user(login: $login) { id } }"
_TEAM = "query($login: String!, $slug: String!) { organization(login: $login) { team(slug: $slug) { id } } }"
_CREATE = """mutation($input: CreateBranchProtectionRuleInput!) { createBranchProtectionRule(input: $input) {
 branchProtectionRule { id } } }"""
_UPDATE = """mutation($input: UpdateBranchProtectionRuleInput!) { updateBranchProtectionRule(input: $input) {
 branchProtectionRule { id } } }"""


class GithubHost:
    """Implements `containment.ports.CodeHost`. Raises Unreachable for every refusal and failure."""

    def __init__(self, base_url: str, organization: str, token: str, ca: str | None) -> None:
        self._owner = organization
        self._api = GithubApi(base_url, token, ca)
        self._node_ids: dict[str, str] = {}
        """Of actors that were read, by name: there is no query for an app's."""
        self._held: dict[str, BranchRule] = {}
        """Rules that were read, by id."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> GithubHost:
        """Raises InputError naming what is not set."""
        found = Settings.from_environment(environ)
        return cls(found.url, found.owner, found.token, found.ca)

    def _path(self, repository: str, rest: str = "") -> str:
        return f"/repos/{quote(self._owner, safe='')}/{quote(repository, safe='')}/{rest}".removesuffix("/")

    def repository_id(self, repository: str) -> int | None:
        """GitHub's id, which a repository keeps when it is renamed. None when there is no repository of this name."""
        found = self._api.call("GET", self._path(repository), absent=404)
        return None if found is None else int(found["id"])

    def repository_node_id(self, repository: str) -> str:
        """GitHub's id of the same in GraphQL. Raises Unreachable where there is none of this name."""
        return self._rules(repository)[0]

    def default_branch(self, repository: str) -> str:
        return str(self._api.call("GET", self._path(repository))["default_branch"])

    def openness(self, repository: str) -> dict[str, Any]:
        """Who may see and fork it."""
        found = self._api.call("GET", self._path(repository))
        return {of: found.get(of) for of in ("private", "visibility", "allow_forking")}

    def environments(self, repository: str) -> dict[str, dict[str, Any]]:
        """By name which branches and whose word its jobs need, as GitHub has it, and of its own patterns which. To read
        them is a right of its own (Actions: read)."""
        found = self._environments(repository)
        return {str(e["name"]): {**{of: e.get(of) for of in _GUARDS}, **self._patterns(repository, e)} for e in found}

    def environment_names(self, repository: str) -> list[str]:
        """Without what only a right of its own shows."""
        return [str(e["name"]) for e in self._environments(repository)]

    def _environments(self, repository: str) -> list[dict[str, Any]]:
        return list(self._api.pages(self._path(repository, "environments"), "environments"))

    def _patterns(self, repository: str, environment: Mapping[str, Any]) -> dict[str, list[str]]:
        if not (environment.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            return {}
        name = quote(str(environment["name"]), safe="")
        path = self._path(repository, f"environments/{name}/deployment-branch-policies")
        found = self._api.pages(path, "branch_policies")
        return {"branch_policies": sorted(f"{one.get('type', 'branch')} {one['name']}" for one in found)}

    def repository_names(self) -> dict[int, str]:
        """Present name by id, of all in the organization that this token sees."""
        found = self._api.pages(f"/orgs/{quote(self._owner, safe='')}/repos")
        return {int(r["id"]): str(r["name"]) for r in found}

    def _rules(self, repository: str) -> tuple[str, list[dict[str, Any]]]:
        """The repository's node id and its protection rules."""
        nodes: list[dict[str, Any]] = []
        after = None
        while True:
            variables = {"owner": self._owner, "name": repository, "after": after}
            found = self._api.graphql(f"branch protection of {repository}", _RULES, variables)["repository"]
            nodes += found["branchProtectionRules"]["nodes"]
            page = found["branchProtectionRules"]["pageInfo"]
            if not page["hasNextPage"]:
                return str(found["id"]), nodes
            after = page["endCursor"]

    def branch_rules(self, repository: str) -> list[BranchRule]:
        found = [self._rule(node) for node in self._rules(repository)[1]]
        self._held |= {rule.id: rule for rule in found}
        return found

    def _rule(self, node: dict[str, Any]) -> BranchRule:
        ways = [what for setting, what in _WAYS.items() if node[setting]]
        named = {what: self._actors(node[read]) for (read, _), what in _LET_AROUND.items()}
        return BranchRule(
            pattern=node["pattern"],
            lock=node["lockBranch"],
            enforce_admins=node["isAdminEnforced"],
            approvals=(node["requiredApprovingReviewCount"] or 0) if node["requiresApprovingReviews"] else 0,
            dismiss_stale=node["requiresApprovingReviews"] and node["dismissesStaleReviews"],
            pushers=self._actors(node["pushAllowances"]) if node["restrictsPushes"] else None,
            creations_blocked=node["blocksCreations"],
            demands=self._demands(node),
            around=(*ways, *(f"{what} by {', '.join(actors)}" for what, actors in named.items() if actors)),
            id=node["id"],
        )

    def _demands(self, node: dict[str, Any]) -> Demands:
        reviews, checks = node["requiresApprovingReviews"], node["requiresStatusChecks"]
        restricted = reviews and node["restrictsReviewDismissals"]
        return Demands(
            checks=tuple(sorted(node["requiredStatusCheckContexts"] or ())) if checks else (),
            up_to_date=checks and node["requiresStrictStatusChecks"],
            code_owners=reviews and node["requiresCodeOwnerReviews"],
            last_push=reviews and node["requireLastPushApproval"],
            signatures=node["requiresCommitSignatures"],
            linear_history=node["requiresLinearHistory"],
            conversations=node["requiresConversationResolution"],
            dismissals=self._actors(node["reviewDismissalAllowances"]) if restricted else None,
        )

    def _demanded(self, demands: Demands) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "requiresStatusChecks": bool(demands.checks) or demands.up_to_date,
            "requiresStrictStatusChecks": demands.up_to_date,
            "requiredStatusCheckContexts": list(demands.checks),
            "requiresCodeOwnerReviews": demands.code_owners,
            "requireLastPushApproval": demands.last_push,
            "requiresCommitSignatures": demands.signatures,
            "requiresLinearHistory": demands.linear_history,
            "requiresConversationResolution": demands.conversations,
            "restrictsReviewDismissals": demands.dismissals is not None,
        }
        if demands.dismissals is not None:
            fields["reviewDismissalActorIds"] = [self.node_id(name) for name in demands.dismissals]
        return fields

    def _actors(self, allowances: dict[str, Any]) -> tuple[str, ...]:
        found = {self._name(item["actor"]).lower(): item["actor"] for item in allowances["nodes"]}
        self._node_ids |= {name: actor["id"] for name, actor in found.items() if actor}
        return tuple(sorted(found))

    def _name(self, actor: dict[str, str] | None) -> str:
        """As declarations have it, but for case: a login, or `organization/team`; an app's account is `slug[bot]`."""
        match actor:
            case {"login": login}:
                return login
            case {"__typename": "Team", "slug": slug}:
                return f"{self._owner}/{slug}"
            case {"slug": slug}:
                return f"{slug}[bot]"
            case _:
                return "?"

    def write_branch_rule(self, repository: str, rule: BranchRule) -> None:
        """Create the rule, or change exactly these settings of the one with this id; nobody is let around it."""
        fields: dict[str, Any] = {
            "pattern": rule.pattern,
            "lockBranch": rule.lock,
            "isAdminEnforced": rule.enforce_admins,
            "requiresApprovingReviews": rule.approvals > 0,
            "restrictsPushes": rule.pushers is not None,
            "blocksCreations": rule.creations_blocked,
            **_CLOSED,
        }
        held = self._held.get(rule.id)
        if held is None or held.pushers != rule.pushers:
            fields["pushActorIds"] = [self.node_id(name) for name in rule.pushers or ()]
        if rule.demands != (held.demands if held else Demands()):
            fields |= self._demanded(rule.demands)
        if rule.approvals:
            fields |= {"requiredApprovingReviewCount": rule.approvals, "dismissesStaleReviews": rule.dismiss_stale}
        what = f"branch protection of {repository} {rule.pattern}"
        if rule.id:
            self._api.graphql(what, _UPDATE, {"input": {**fields, "branchProtectionRuleId": rule.id}})
        else:
            node_id, _ = self._rules(repository)
            self._api.graphql(what, _CREATE, {"input": {**fields, "repositoryId": node_id}})

    def node_id(self, name: str) -> str:
        """Of a login, `organization/team`, or of an app that was read. Raises Unreachable for one that is none."""
        if known := self._node_ids.get(name):
            return known
        if "/" not in name:
            return str(self._api.graphql(f"user {name}", _USER, {"login": name})["user"]["id"])
        owner, slug = name.split("/", 1)
        team = self._api.graphql(f"team {name}", _TEAM, {"login": owner, "slug": slug})["organization"]["team"]
        if team is None:
            raise Unreachable(f"github: no team {name}")
        return str(team["id"])

    def rulesets(self, repository: str) -> list[str]:
        """Names of all that rule the repository, the organization's too; one name twice stands twice."""
        return [str(r["name"]) for r in self._api.pages(self._path(repository, "rulesets"))]

    def ruleset(self, repository: str, name: str, target: str = "branch") -> Ruleset | None:
        """The repository's own ruleset of this name and target."""
        path = self._path(repository, "rulesets")
        own = {"includes_parents": "false"}
        found = next((r for r in self._api.pages(path, query=own) if r["name"] == name and r["target"] == target), None)
        if found is None:
            return None
        full = self._api.call("GET", f"{path}/{found['id']}", query=own)
        names = full["conditions"].get("ref_name", {})
        return Ruleset(
            active=full["enforcement"] == "active",
            exclude=tuple(names.get("exclude", ())),
            rules=tuple(sorted(rule["type"] for rule in full["rules"])),
            include=tuple(names.get("include", ())),
            bypassed=bool(full.get("bypass_actors")) or any(map(_syncs_forks, full["rules"])),
            target=full["target"],
            id=full["id"],
        )

    def write_ruleset(self, repository: str, name: str, ruleset: Ruleset) -> None:
        body = {
            "name": name,
            "target": ruleset.target,
            "enforcement": "active" if ruleset.active else "disabled",
            "conditions": {"ref_name": {"include": list(ruleset.include), "exclude": list(ruleset.exclude)}},
            "rules": [{"type": rule} for rule in ruleset.rules],
            "bypass_actors": [],
        }
        path = self._path(repository, "rulesets")
        self._api.call("PUT", f"{path}/{ruleset.id}", body) if ruleset.id else self._api.call("POST", path, body)

    def actions_enabled(self, repository: str) -> bool:
        return bool(self._api.call("GET", self._path(repository, "actions/permissions"))["enabled"])

    def enable_actions(self, repository: str, enabled: bool) -> None:
        self._api.call("PUT", self._path(repository, "actions/permissions"), {"enabled": enabled})

    def organization_actions(self) -> str:
        """`all`, `none` or `selected`: which repositories may run Actions."""
        return str(self._organization_permissions()["enabled_repositories"])

    def organization_allows(self) -> tuple[str, bool]:
        """Which actions may run (`all`, `local_only` or `selected`), and whether each must be pinned to a commit."""
        found = self._organization_permissions()
        return str(found.get("allowed_actions") or "all"), bool(found.get("sha_pinning_required"))

    def organization_rules(self) -> dict[str, Any]:
        """Of which actions may run, what GitHub tells: it may leave that out while none does."""
        found = self._organization_permissions()
        return {of: found[of] for of in ("allowed_actions", "sha_pinning_required") if of in found}

    def _organization_permissions(self) -> Any:
        return self._api.call("GET", f"/orgs/{self._owner}/actions/permissions")

    def set_organization_actions(self, enabled_repositories: str) -> None:
        self._api.call(
            "PUT", f"/orgs/{self._owner}/actions/permissions", {"enabled_repositories": enabled_repositories}
        )

    def workflow_token(self, repository: str = "") -> WorkflowToken:
        """Of a repository, or what the organization lets every new one have."""
        of = self._path(repository) if repository else f"/orgs/{quote(self._owner, safe='')}"
        found = self._api.call("GET", f"{of}/actions/permissions/workflow")
        return WorkflowToken(
            found["default_workflow_permissions"] == "write", bool(found["can_approve_pull_request_reviews"])
        )

    def live_runs(self, repository: str) -> list[int]:
        """Ids of the workflow runs that have not ended."""
        path = self._path(repository, "actions/runs")
        return sorted(
            {int(r["id"]) for status in _LIVE for r in self._api.pages(path, "workflow_runs", {"status": status})}
        )

    def cancel_run(self, repository: str, run: int, force: bool = False) -> None:
        """Ask for it; that it ended is for the caller to see. 409 is a run that has ended."""
        how = "force-cancel" if force else "cancel"
        self._api.call("POST", self._path(repository, f"actions/runs/{run}/{how}"), absent=409)

    def deploy_keys(self, repository: str) -> list[DeployKey]:
        found = self._api.pages(self._path(repository, "keys"))
        return [DeployKey(int(k["id"]), k["title"], bool(k["read_only"]), k["created_at"]) for k in found]

    def add_deploy_key(self, repository: str, title: str, key: str, read_only: bool = True) -> int:
        """`key` is the public half. Returns GitHub's id for it."""
        body = {"title": title, "key": key, "read_only": read_only}
        return int(self._api.call("POST", self._path(repository, "keys"), body)["id"])

    def delete_deploy_key(self, repository: str, key: int) -> None:
        self._api.call("DELETE", self._path(repository, f"keys/{key}"), absent=404)

    def put_actions_secret(self, repository: str, name: str, value: str) -> None:
        """Create or replace; the value leaves this process only in a box sealed with the repository's public key."""
        from nacl.public import PublicKey, SealedBox

        path = self._path(repository, "actions/secrets")
        key = self._api.call("GET", f"{path}/public-key")
        sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
        body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
        self._api.call("PUT", f"{path}/{quote(name, safe='')}", body)

    def actions_secrets(self, repository: str) -> list[str]:
        """Names of the repository's own, in capitals; not of its environments' or the organization's."""
        found = self._api.pages(self._path(repository, "actions/secrets"), "secrets")
        return [str(secret["name"]) for secret in found]

    def environment_secrets(self, repository: str, environment: str) -> list[str]:
        """Names, in capitals. To read them is a right of its own (Environments: read)."""
        path = self._path(repository, f"environments/{quote(environment, safe='')}/secrets")
        return [str(secret["name"]) for secret in self._api.pages(path, "secrets")]

    def actions_secret_updated(self, repository: str, name: str) -> str | None:
        """When it was last written, as GitHub says it (RFC 3339, whole seconds); None when there is none."""
        found = self._api.call("GET", self._path(repository, f"actions/secrets/{quote(name, safe='')}"), absent=404)
        return None if found is None else str(found["updated_at"])


def _syncs_forks(rule: dict[str, Any]) -> bool:
    return bool(rule.get("parameters", {}).get("update_allows_fetch_and_merge"))
