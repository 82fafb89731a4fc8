"""Stored protection and rulesets as the values that the decision takes, and the refusal in GitHub's words."""

from fnmatch import fnmatchcase
from typing import Any

from .auth import Caller, actor
from .protection import BranchRule, Bypass, BypassActor, Decision, Ruleset, Update, decide
from .store import Record, Store

EMPTY_RULE: Record = {
    "allowsDeletions": False,
    "allowsForcePushes": False,
    "blocksCreations": False,
    "dismissesStaleReviews": False,
    "isAdminEnforced": False,
    "lockAllowsFetchAndMerge": False,
    "lockBranch": False,
    "requireLastPushApproval": False,
    "requiredApprovingReviewCount": None,
    "requiredStatusCheckContexts": [],
    "requiredDeploymentEnvironments": [],
    "requiresApprovingReviews": False,
    "requiresCodeOwnerReviews": False,
    "requiresCommitSignatures": False,
    "requiresConversationResolution": False,
    "requiresDeployments": False,
    "requiresLinearHistory": False,
    "requiresStatusChecks": False,
    "requiresStrictStatusChecks": False,
    "restrictsPushes": False,
    "restrictsReviewDismissals": False,
    "pushActorIds": [],
    "reviewDismissalActorIds": [],
    "bypassForcePushActorIds": [],
    "bypassPullRequestActorIds": [],
}


def branch_rule(rule: Record) -> BranchRule:
    return BranchRule(
        pattern=rule["pattern"],
        lock_branch=rule["lockBranch"],
        is_admin_enforced=rule["isAdminEnforced"],
        allows_force_pushes=rule["allowsForcePushes"],
        allows_deletions=rule["allowsDeletions"],
        blocks_creations=rule["blocksCreations"],
        restricts_pushes=rule["restrictsPushes"],
        requires_reviews=rule["requiresApprovingReviews"],
        review_count=rule["requiredApprovingReviewCount"] or 0,
        checks=frozenset(rule["requiredStatusCheckContexts"] if rule["requiresStatusChecks"] else ()),
        requires_linear_history=rule["requiresLinearHistory"],
        push_actors=frozenset(rule["pushActorIds"]),
        bypass_force_push_actors=frozenset(rule["bypassForcePushActorIds"]),
        bypass_pull_request_actors=frozenset(rule["bypassPullRequestActorIds"]),
    )


def _parameters(ruleset: Record, kind: str) -> dict[str, Any]:
    return next((rule.get("parameters", {}) for rule in ruleset["rules"] if rule["type"] == kind), {})


def ruleset(item: Record) -> Ruleset:
    names = item["conditions"].get("ref_name", {})
    checks = _parameters(item, "required_status_checks").get("required_status_checks", [])
    return Ruleset(
        name=item["name"],
        active=item["enforcement"] == "active",
        target=item["target"],
        include=tuple(names.get("include", ())),
        exclude=tuple(names.get("exclude", ())),
        rules=frozenset(rule["type"] for rule in item["rules"]),
        review_count=_parameters(item, "pull_request").get("required_approving_review_count", 0),
        checks=frozenset(check["context"] for check in checks),
        bypass=tuple(
            BypassActor(entry["actor_type"], entry.get("actor_id"), Bypass(entry.get("bypass_mode", "always")))
            for entry in item["bypass_actors"]
        ),
    )


def reaches(item: Record, repo: Record) -> bool:
    """Does this ruleset speak of the repository: its own, or the organization's whose conditions match it?"""
    if item["repo_id"] is not None:
        return bool(item["repo_id"] == repo["id"])
    conditions = item["conditions"]
    if "repository_id" in conditions:
        return repo["id"] in conditions["repository_id"].get("repository_ids", [])
    if "repository_name" in conditions:

        def hit(patterns: list[str]) -> bool:
            return any(pattern == "~ALL" or fnmatchcase(repo["name"], pattern) for pattern in patterns)

        names = conditions["repository_name"]
        return hit(names.get("include", [])) and not hit(names.get("exclude", []))
    return True


def rulesets_for(store: Store, repo: Record) -> list[Record]:
    return [item for item in store.data["rulesets"].values() if reaches(item, repo)]


def judge(store: Store, repo: Record, who: Caller, update: Update) -> Decision:
    return decide(
        actor(repo, who),
        update,
        repo["default_branch"],
        [branch_rule(rule) for rule in store.rules_of(repo["id"])],
        [ruleset(item) for item in rulesets_for(store, repo)],
    )


def refusal(decision: Decision, ref: str) -> str:
    """What git's client shows after `remote:`; the first words are GitHub's codes."""
    if decision.code == "403":
        return "error: 403: " + " ".join(decision.reasons)
    head = "Protected branch update failed" if decision.code == "GH006" else "Repository rule violations found"
    return "\n".join([f"error: {decision.code}: {head} for {ref}.", *(f"- {reason}" for reason in decision.reasons)])
