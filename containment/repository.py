"""What protects a repository, in peace and in an incident. Pure; the executor and the stack both take it from here.

In an incident every branch and tag of a repository is read-only for everybody: the default branch by its protection,
all others and new ones by a ruleset without bypass, tags by a second one, since a ruleset is for either. The control
repository alone takes changes, so that policies can be tightened: reviewed merges to its default branch, and branches
to review under `incident/`, both by its named mergers only; it takes no tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policies.model import Repository

RULESET, TAG_RULESET = "portcullis-lockdown", "portcullis-lockdown-tags"
RULESETS = {"branch": RULESET, "tag": TAG_RULESET}
"""Name by target."""
INCIDENT_BRANCHES = "incident/*"
RULES = ("creation", "deletion", "non_fast_forward", "update")
"""GitHub's rule types, sorted: nobody makes, moves, rewinds or deletes a branch or a tag."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What else a rule asks for. A lock-down changes none of it, and nobody takes away what is in force.

    `checks`: contexts of status checks, `up_to_date` that they are of a branch with the newest base; `dismissals`: who
    alone may dismiss a review, named as pushers are, None whoever may write.
    """

    checks: tuple[str, ...] = ()
    up_to_date: bool = False
    code_owners: bool = False
    last_push: bool = False
    signatures: bool = False
    linear_history: bool = False
    conversations: bool = False
    dismissals: tuple[str, ...] | None = None

    def __or__(self, other: Demands) -> Demands:
        return Demands(
            tuple(sorted({*self.checks, *other.checks})),
            self.up_to_date or other.up_to_date,
            self.code_owners or other.code_owners,
            self.last_push or other.last_push,
            self.signatures or other.signatures,
            self.linear_history or other.linear_history,
            self.conversations or other.conversations,
            self.dismissals if other.dismissals is None else other.dismissals,
        )

    def beyond(self, declared: Demands, words: Mapping[str, str]) -> tuple[str, ...]:
        """In words: each check, and each of `words`, by field, that is not `declared`."""
        more = (said for name, said in words.items() if getattr(self, name) and not getattr(declared, name))
        return (*(f"check {check}" for check in self.checks if check not in declared.checks), *more)


DECLARABLE = {"code_owners": "code owners' reviews", "last_push": "approval of the last push"}
DEMANDS = DECLARABLE | {
    "up_to_date": "branches up to date",
    "signatures": "signed commits",
    "linear_history": "linear history",
    "conversations": "resolved conversations",
}
"""What a merge may wait for, beside checks."""


@dataclass(frozen=True, slots=True)
class BranchRule:
    """Protection of the branches that match `pattern`. `id` is GitHub's, empty for one that does not exist yet.

    `pushers`: who alone may push or merge, each a login, `organization/team` or `app[bot]`; None leaves it to everybody
    who may write. `dismiss_stale`: an approval ends with the next push to what was approved.
    `around`: what the rule itself lets past it, in words, each with who may. It is only read: whatever we write, nobody
    is let around it.
    """

    pattern: str
    lock: bool
    enforce_admins: bool
    approvals: int
    dismiss_stale: bool
    pushers: tuple[str, ...] | None
    creations_blocked: bool
    demands: Demands = Demands()
    around: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Ref patterns in full (`refs/heads/main`). `bypassed`: whether it lets anybody past, or a fork's sync. `target`:
    branch or tag."""

    active: bool
    exclude: tuple[str, ...]
    rules: tuple[str, ...] = RULES
    include: tuple[str, ...] = ("~ALL",)
    bypassed: bool = False
    target: str = "branch"
    id: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    branches: tuple[BranchRule, ...]
    rulesets: tuple[Ruleset, ...]
    actions: bool
    """Whether Actions may run, as far as the organization lets it."""


ORGANIZATION_ACTIONS = {False: "all", True: "none"}
"""By whether an incident is open: `enabled_repositories` of the organization's Actions permissions."""


def strictest(held: BranchRule, wanted: BranchRule) -> BranchRule:
    """What an incident asks for; a rule that asks for more reviews keeps them, and what is not ours stays."""
    return replace(
        wanted,
        id=held.id,
        approvals=max(held.approvals, wanted.approvals),
        dismiss_stale=held.dismiss_stale or wanted.dismiss_stale,
        pushers=held.pushers if wanted.pushers is None else wanted.pushers,
        creations_blocked=held.creations_blocked or wanted.creations_blocked,
        demands=held.demands | wanted.demands,
    )


def in_peace(held: BranchRule, wanted: BranchRule, control: bool) -> BranchRule:
    """What is declared, and what the rule asks for beside it. Who may push to the control repository a lock-down has
    written, so there it is what is declared."""
    kept = replace(wanted, id=held.id, demands=held.demands | wanted.demands)
    if control or wanted.pushers is not None:
        return kept
    return replace(kept, pushers=held.pushers, creations_blocked=held.creations_blocked)


def settings(repository: Repository, locked: bool) -> Settings:
    branch, approvals, asked = repository.default_branch, repository.required_approvals, repository.protection
    demands = Demands(
        tuple(sorted(asked.required_checks)), code_owners=asked.code_owner_reviews, last_push=asked.last_push_approval
    )
    admins, pushers = locked or asked.enforce_admins, tuple(sorted(asked.pushers)) or None
    tags = Ruleset(locked, (), target="tag")
    if not repository.control:
        rule = BranchRule(branch, locked, admins, approvals, approvals > 0, pushers, False, demands)
        return Settings((rule,), (Ruleset(locked, ()), tags), not locked)
    mergers = tuple(sorted(repository.mergers))
    main = BranchRule(branch, False, admins, approvals, approvals > 0, mergers if locked else pushers, False, demands)
    # The same in peace: nobody but the named people ever needs these branches.
    proposals = BranchRule(INCIDENT_BRANCHES, False, True, 0, False, mergers, True)
    exclude = (f"refs/heads/{branch}", f"refs/heads/{INCIDENT_BRANCHES}")
    return Settings((main, proposals), (Ruleset(locked, exclude), tags), True)
