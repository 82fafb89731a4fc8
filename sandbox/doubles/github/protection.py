"""May this actor move this ref? One pure decision over branch protection and rulesets; no I/O.

Rules follow GitHub's published behaviour of protected branches and rulesets. Not modelled: signatures (nothing here
signs), code owners, conversations, deployments, and rule types that are not evaluated here (they restrict nothing).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import assert_never


class Level(Enum):
    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    def allows(self, wanted: "Level") -> bool:
        return self.value >= wanted.value


class Change(Enum):
    CREATE = "create"
    UPDATE = "update"
    FORCE = "force"
    DELETE = "delete"


class Way(Enum):
    PUSH = "push"
    MERGE = "merge"


class Bypass(Enum):
    ALWAYS = "always"
    PULL_REQUEST = "pull_request"
    EXEMPT = "exempt"


@dataclass(frozen=True)
class Actor:
    """`ids` are the node ids of the user and of its teams, as branch protection names its actors."""

    user_id: int
    team_ids: frozenset[int]
    ids: frozenset[str]
    level: Level
    organization_admin: bool = False


@dataclass(frozen=True)
class Update:
    """`ref` is full (refs/heads/main); approvals and checks speak of the commit that is to land."""

    ref: str
    change: Change
    way: Way = Way.PUSH
    approvals: int = 0
    checks: frozenset[str] = frozenset()
    merge_commit: bool = False


@dataclass(frozen=True)
class BranchRule:
    pattern: str
    lock_branch: bool = False
    is_admin_enforced: bool = False
    allows_force_pushes: bool = False
    allows_deletions: bool = False
    blocks_creations: bool = False
    restricts_pushes: bool = False
    requires_reviews: bool = False
    review_count: int = 0
    checks: frozenset[str] = frozenset()
    requires_linear_history: bool = False
    push_actors: frozenset[str] = frozenset()
    bypass_force_push_actors: frozenset[str] = frozenset()
    bypass_pull_request_actors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BypassActor:
    kind: str
    actor_id: int | None
    mode: Bypass


@dataclass(frozen=True)
class Ruleset:
    """`rules` are rule types; only an active ruleset whose conditions match the ref is asked."""

    name: str
    active: bool
    target: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    rules: frozenset[str]
    review_count: int = 0
    checks: frozenset[str] = frozenset()
    bypass: tuple[BypassActor, ...] = ()


@dataclass(frozen=True)
class Decision:
    allowed: bool
    code: str = ""
    reasons: tuple[str, ...] = field(default=())


_ROLES = {5: Level.ADMIN, 4: Level.WRITE, 2: Level.WRITE}  # GitHub's ids of the repository roles admin, write, maintain


def matching_rule(rules: Iterable[BranchRule], branch: str) -> BranchRule | None:
    """The exact pattern wins over wildcards; of those the oldest does."""
    candidates = [rule for rule in rules if rule.pattern == branch or fnmatchcase(branch, rule.pattern)]
    return next((rule for rule in candidates if rule.pattern == branch), candidates[0] if candidates else None)


def covers(ruleset: Ruleset, ref: str, default_branch: str) -> bool:
    if not ref.startswith({"branch": "refs/heads/", "tag": "refs/tags/"}.get(ruleset.target, "\0")):
        return False

    def hit(patterns: tuple[str, ...]) -> bool:
        for pattern in patterns:
            if pattern == "~ALL" or (pattern == "~DEFAULT_BRANCH" and ref == f"refs/heads/{default_branch}"):
                return True
            if fnmatchcase(ref, pattern):
                return True
        return False

    return hit(ruleset.include) and not hit(ruleset.exclude)


def bypasses(ruleset: Ruleset, actor: Actor, way: Way) -> bool:
    for entry in ruleset.bypass:
        if entry.mode is Bypass.PULL_REQUEST and way is not Way.MERGE:
            continue
        match entry.kind:
            case "User":
                held = entry.actor_id == actor.user_id
            case "Team":
                held = entry.actor_id in actor.team_ids
            case "OrganizationAdmin":
                held = actor.organization_admin
            case "RepositoryRole":
                wanted = _ROLES.get(entry.actor_id or 0)
                held = wanted is not None and actor.level.allows(wanted)
            case _:
                held = False
        if held:
            return True
    return False


def _checks(wanted: frozenset[str], seen: frozenset[str]) -> list[str]:
    missing = wanted - seen
    return [f"{len(missing)} of {len(wanted)} required status checks are expected."] if missing else []


def _reviews(count: int, update: Update) -> list[str]:
    if update.way is Way.PUSH:
        return ["Changes must be made through a pull request."]
    if update.approvals < count:
        return [f"At least {count} approving review is required by reviewers with write access."]
    return []


def _branch_reasons(rule: BranchRule, actor: Actor, update: Update) -> list[str]:
    exempt = actor.level is Level.ADMIN and not rule.is_admin_enforced
    locked = ["Branch is locked: this branch is read-only."] if rule.lock_branch and not exempt else []
    match update.change:
        case Change.CREATE:
            shut = rule.restricts_pushes and rule.blocks_creations and not exempt
            return ["You're not authorized to create this branch."] if shut and not rule.push_actors & actor.ids else []
        case Change.DELETE:
            return locked + ([] if rule.allows_deletions else ["Cannot delete this branch."])
        case Change.FORCE | Change.UPDATE:
            reasons = list(locked)
        case _:
            assert_never(update.change)
    forced = update.change is Change.FORCE
    if forced and not (rule.allows_force_pushes or rule.bypass_force_push_actors & actor.ids):
        reasons.append("Cannot force-push to this branch.")
    if exempt:
        return reasons
    if rule.restricts_pushes and not rule.push_actors & actor.ids:
        reasons.append("You're not authorized to push to this branch.")
    if rule.requires_reviews and not rule.bypass_pull_request_actors & actor.ids:
        reasons += _reviews(rule.review_count, update)
    if rule.requires_linear_history and update.merge_commit:
        reasons.append("This branch must not contain merge commits.")
    return reasons + _checks(rule.checks, update.checks)


def _ruleset_reasons(ruleset: Ruleset, update: Update) -> list[str]:
    rules = ruleset.rules
    match update.change:
        case Change.CREATE:
            return ["Cannot create ref due to creations being restricted."] if "creation" in rules else []
        case Change.DELETE:
            return ["Cannot delete this branch."] if "deletion" in rules else []
        case Change.UPDATE | Change.FORCE:
            reasons = ["Cannot update this protected ref."] if "update" in rules else []
        case _:
            assert_never(update.change)
    if update.change is Change.FORCE and "non_fast_forward" in rules:
        reasons.append("Cannot force-push to this branch.")
    if "pull_request" in rules:
        reasons += _reviews(ruleset.review_count, update)
    if "required_linear_history" in rules and update.merge_commit:
        reasons.append("This branch must not contain merge commits.")
    return reasons + (_checks(ruleset.checks, update.checks) if "required_status_checks" in rules else [])


def decide(
    actor: Actor, update: Update, default_branch: str, rules: Iterable[BranchRule], rulesets: Iterable[Ruleset]
) -> Decision:
    """The first layer that refuses names the reasons: access, then branch protection (GH006), then rulesets (GH013)."""
    if not actor.level.allows(Level.WRITE):
        return Decision(False, "403", ("Write access to repository not granted.",))
    if update.ref.startswith("refs/heads/"):
        rule = matching_rule(rules, update.ref.removeprefix("refs/heads/"))
        reasons = _branch_reasons(rule, actor, update) if rule else []
        if reasons:
            return Decision(False, "GH006", tuple(reasons))
    found: list[str] = []
    for ruleset in rulesets:
        if ruleset.active and covers(ruleset, update.ref, default_branch) and not bypasses(ruleset, actor, update.way):
            found += [reason for reason in _ruleset_reasons(ruleset, update) if reason not in found]
    return Decision(False, "GH013", tuple(found)) if found else Decision(True)
