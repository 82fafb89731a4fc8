"""What protects a repository, in peace and in an incident. Pure; the executor and the stack both take it from here.

In an incident every branch and tag of a repository is read-only for everybody: the default branch by its protection,
all others and new ones by a ruleset without bypass, tags by a second one, since a ruleset is for either. The control
repository alone takes changes, so that policies can be tightened: reviewed merges to its default branch, and branches
to review under `incident/`, both by its named mergers only; it takes no tags.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.model import Repository

RULESET, TAG_RULESET = "portcullis-lockdown", "portcullis-lockdown-tags"
RULESETS = {"branch": RULESET, "tag": TAG_RULESET}
"""Name by target."""
INCIDENT_BRANCHES = "incident/*"
RULES = ("creation", "deletion", "non_fast_forward", "update")
"""GitHub's rule types, sorted: nobody makes, moves, rewinds or deletes a branch or a tag."""


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


def settings(repository: Repository, locked: bool) -> Settings:
    branch, approvals = repository.default_branch, repository.required_approvals
    tags = Ruleset(locked, (), target="tag")
    if not repository.control:
        rule = BranchRule(branch, locked, locked, approvals, approvals > 0, None, False)
        return Settings((rule,), (Ruleset(locked, ()), tags), not locked)
    mergers = tuple(sorted(repository.mergers))
    main = BranchRule(branch, False, locked, approvals, approvals > 0, mergers if locked else None, False)
    # The same in peace: nobody but the named people ever needs these branches.
    proposals = BranchRule(INCIDENT_BRANCHES, False, True, 0, False, mergers, True)
    exclude = (f"refs/heads/{branch}", f"refs/heads/{INCIDENT_BRANCHES}")
    return Settings((main, proposals), (Ruleset(locked, exclude), tags), True)
