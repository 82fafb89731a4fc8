"""Repositories on GitHub as components: what protects them in peace, and what an incident makes of it.

Each takes its values from `containment.repository`, as the executor does, so that what one writes the other finds.
Token, address and organization come from the environment (GITHUB_TOKEN, GITHUB_BASE_URL, GITHUB_OWNER); the token is
never an argument, so that it is never in the state. Nothing is deleted on GitHub when a declaration goes: deleting the
provider's Actions permissions would switch Actions on, deleting a protection would open the branch.

The provider writes every setting of a protection whenever one changes. What is in force is read first and passed
along, or a lock-down would take away what a branch asked for beyond its declaration.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_github as github

from containment.adapters.github import GithubHost
from containment.errors import REFRESH
from containment.repository import ORGANIZATION_ACTIONS, RULESETS, BranchRule, Ruleset, in_peace, settings, strictest
from containment.run import WORKERS
from policies.model import Repository
from stacks.registration import registered

ORGANIZATION = "Actions of the organization"


@dataclass(frozen=True, slots=True)
class Held:
    """Protection in force, by repository, and the actions that the organization allows; `host` is where it was read."""

    host: GithubHost
    rules: dict[str, list[BranchRule]]
    allowed_actions: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class RepositoryArgs:
    """`locked`: whether an incident is open."""

    repository: Repository
    locked: bool
    held: Held


class ProtectedRepository(pulumi.ComponentResource):
    """Branch protection and the lock-down's rulesets, disabled in peace (`locks`), and whether Actions run
    (`actions`)."""

    def __init__(self, args: RepositoryArgs, provider: github.Provider) -> None:
        name = args.repository.name
        super().__init__("portcullis:github:Repository", name)
        opts = pulumi.ResourceOptions(parent=self, provider=provider, retain_on_delete=True)
        wanted = settings(args.repository, args.locked)
        self.locks: list[pulumi.CustomResource] = [
            *(_protection(args, rule, opts) for rule in wanted.branches),
            *(_ruleset(name, ruleset, opts) for ruleset in wanted.rulesets),
        ]
        self.actions = github.ActionsRepositoryPermissions(
            name,
            repository=name,
            enabled=wanted.actions,
            # GitHub shows none while Actions is off, so naming one would be drift.
            allowed_actions="all" if wanted.actions else None,
            opts=opts,
        )


class OrganizationActions(pulumi.ComponentResource):
    """Whether any repository of the organization, declared or not, may run Actions."""

    def __init__(self, locked: bool, held: Held, provider: github.Provider) -> None:
        super().__init__("portcullis:github:OrganizationActions", "actions")
        self.actions = github.ActionsOrganizationPermissions(
            "actions",
            enabled_repositories=ORGANIZATION_ACTIONS[locked],
            allowed_actions=held.allowed_actions,
            sha_pinning_required=held.pinned or None,
            opts=pulumi.ResourceOptions(parent=self, provider=provider, retain_on_delete=True),
        )


def _protection(args: RepositoryArgs, wanted: BranchRule, opts: pulumi.ResourceOptions) -> github.BranchProtection:
    name = args.repository.name
    held = next((rule for rule in args.held.rules[name] if rule.pattern == wanted.pattern), None)
    rule = wanted
    if held is not None:
        rule = strictest(held, wanted) if args.locked else in_peace(held, wanted, args.repository.control)
    asked, host = rule.demands, args.held.host
    reviews = github.BranchProtectionRequiredPullRequestReviewArgs(
        required_approving_review_count=rule.approvals,
        dismiss_stale_reviews=rule.dismiss_stale,
        require_code_owner_reviews=asked.code_owners,
        require_last_push_approval=asked.last_push,
        restrict_dismissals=asked.dismissals is not None,
        dismissal_restrictions=_allowances(host, asked.dismissals),
    )
    checks = github.BranchProtectionRequiredStatusCheckArgs(contexts=list(asked.checks), strict=asked.up_to_date)
    pushes = github.BranchProtectionRestrictPushArgs(
        blocks_creations=rule.creations_blocked, push_allowances=_allowances(host, rule.pushers)
    )
    return github.BranchProtection(
        f"{name}-{rule.pattern}",
        repository_id=name,
        pattern=rule.pattern,
        lock_branch=rule.lock,
        enforce_admins=rule.enforce_admins,
        require_signed_commits=asked.signatures,
        required_linear_history=asked.linear_history,
        require_conversation_resolution=asked.conversations,
        required_pull_request_reviews=[reviews] if rule.approvals else None,
        required_status_checks=[checks] if asked.checks or asked.up_to_date else None,
        restrict_pushes=[pushes] if rule.pushers is not None else None,
        # One that was imported has the repository's node id, by which another would be made first, and refused.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["repositoryId"])),
    )


def _allowances(host: GithubHost, names: tuple[str, ...] | None) -> list[str]:
    """As the provider names actors: `/login`, `organization/team`, an app by its node id."""
    return [host.node_id(n) if n.endswith("[bot]") else n if "/" in n else f"/{n}" for n in names or ()]


def _ruleset(repository: str, ruleset: Ruleset, opts: pulumi.ResourceOptions) -> github.RepositoryRuleset:
    return github.RepositoryRuleset(
        repository if ruleset.target == "branch" else f"{repository}-{ruleset.target}",
        name=RULESETS[ruleset.target],
        repository=repository,
        target=ruleset.target,
        enforcement="active" if ruleset.active else "disabled",
        conditions=github.RepositoryRulesetConditionsArgs(
            ref_name=github.RepositoryRulesetConditionsRefNameArgs(
                includes=list(ruleset.include), excludes=list(ruleset.exclude)
            )
        ),
        rules=github.RepositoryRulesetRulesArgs(
            creation="creation" in ruleset.rules,
            deletion="deletion" in ruleset.rules,
            non_fast_forward="non_fast_forward" in ruleset.rules,
            update="update" in ruleset.rules,
        ),
        opts=opts,
    )


def read(repositories: tuple[Repository, ...]) -> Held | None:
    """None where no repository is declared. Raises InputError or Unreachable when GitHub would not take the
    declarations: a provider that cannot be configured ends the whole program instead of its own resources. The caller
    then fails the update, so that what is in the state stays."""
    if not repositories:
        return None
    host = GithubHost.from_environment()
    allowed, pinned = host.organization_allows()
    names = [repository.name for repository in repositories]
    with ThreadPoolExecutor(WORKERS) as pool:
        rules = dict(zip(names, pool.map(partial(_rules, host), names), strict=True))
    return Held(host, rules, allowed, pinned)


def _rules(host: GithubHost, name: str) -> list[BranchRule]:
    """None of a repository that is not there: the provider says so of each of its resources."""
    return [] if host.repository_id(name) is None else host.branch_rules(name)


async def declare(repositories: tuple[Repository, ...], locked: bool, held: Held) -> list[pulumi.CustomResource]:
    """Returns the locks that could not be written: somebody deleted them behind Pulumi's back."""
    # The provider waits a second after each write unless told otherwise; it obeys GitHub's own limits all the same.
    provider = github.Provider("github", write_delay_ms=0, read_delay_ms=0)
    # A repository cannot override its organization: it is switched off before it, and on after it. Waited for rather
    # than depended on: what depends on a resource that failed ends the whole program.
    if not locked:
        await registered([OrganizationActions(locked, held, provider).actions])
    declared = [ProtectedRepository(RepositoryArgs(r, locked, held), provider) for r in repositories]
    if locked:
        await registered([repository.actions for repository in declared])
        OrganizationActions(locked, held, provider)
    return await registered([lock for repository in declared for lock in repository.locks])


def still_locked(repositories: tuple[Repository, ...], host: GithubHost) -> list[str]:
    """In peace: what GitHub still has as a lock-down left it. Pulumi takes nothing back of which its state does not
    know. Raises Unreachable."""
    found = [] if host.organization_actions() != ORGANIZATION_ACTIONS[True] else [ORGANIZATION]
    for repository in repositories:
        name, wanted = repository.name, {rule.pattern for rule in settings(repository, locked=False).branches}
        found += [f"{name} {rule.pattern}" for rule in _rules(host, name) if rule.lock and rule.pattern in wanted]
        for target, ruleset in RULESETS.items():
            held = host.ruleset(name, ruleset, target)
            found += [f"{name} {ruleset}"] if held is not None and held.active else []
        found += [] if host.actions_enabled(name) else [f"Actions of {name}"]
    return found


def lost(failed: list[pulumi.CustomResource]) -> str:
    """What to do about locks that Pulumi could not write."""
    locks = ", ".join(lock.pulumi_resource_name for lock in failed)
    return (
        f"not declared on GitHub: {locks}. Where GitHub says above `Name already protected`, it was there before: the "
        "`pulumi import` in README takes it into the state. Where it says that it could not resolve to a node, or 404, "
        "somebody deleted it behind Pulumi's back. In peace, first delete on GitHub what a lock-down has made anew in "
        f"its place, or there will be two; then run `{REFRESH}`"
    )
