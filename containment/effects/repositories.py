"""Repositories locked, and deploy keys of leaked ones removed: each read back, since GitHub has answered 200 and left a
setting as it was.

The control repository is not locked; there only the named mergers get anything in. An Actions secret of a leaked
repository is not removed: nothing runs that could read it, but its value stays good elsewhere until it is rotated. What
is no copy of ours, in the repository and its environments, is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from containment.effects import namesakes, workflows
from containment.errors import REFRESH
from containment.ports import CodeHost
from containment.report import Outcome
from containment.repository import (
    DEMANDS,
    INCIDENT_BRANCHES,
    RULESETS,
    BranchRule,
    Ruleset,
    Settings,
    settings,
    strictest,
)
from containment.run import Progress, Run, Seen
from policies.model import Repository


def lock(run: Run) -> None:
    """Three chains at once, each ordered: what is queued is cancelled only when nothing new can start."""
    repositories = run.affected.repositories
    if not repositories:
        return
    with ThreadPoolExecutor(3) as pool:
        for chain in [pool.submit(act, run, repositories) for act in (_lock_branches, workflows.stop, _retire_keys)]:
            chain.result()


def _lock_branches(run: Run, repositories: tuple[Repository, ...]) -> None:
    wanted = {r.name: settings(r, locked=True) for r in repositories}
    protect(run, wanted)
    protect_others(run, wanted)
    for what, target in (("branches locked", "branch"), ("tags locked", "tag")):
        run.each(
            what,
            [
                (name, run.on_host(partial(_rule, repository=name, wanted=ruleset)))
                for name, found in wanted.items()
                for ruleset in found.rulesets
                if ruleset.target == target
            ],
        )
    namesakes.compare(run, repositories)


def protect(run: Run, wanted: Mapping[str, Settings]) -> None:
    run.each(
        "branch protected",
        [
            (f"{name} {rule.pattern}", run.on_host(partial(_protect, repository=name, wanted=rule, warn=run.progress)))
            for name, found in wanted.items()
            for rule in found.branches
        ],
    )


def protect_others(run: Run, wanted: Mapping[str, Settings]) -> None:
    run.each(
        "other rules as strict",
        [
            (
                f"{name} {INCIDENT_BRANCHES}",
                run.on_host(partial(_protect_others, repository=name, ours=rule, known=found.branches)),
            )
            for name, found in wanted.items()
            for rule in found.branches
            if rule.pattern == INCIDENT_BRANCHES
        ],
    )


def _retire_keys(run: Run, _repositories: tuple[Repository, ...]) -> None:
    leaked = run.affected.leaked_repositories
    run.each("deploy keys removed", [(r.name, run.on_host(partial(_remove_keys, repository=r.name))) for r in leaked])
    run.each("Actions secrets of others", [(r.name, run.on_host(partial(_others, run.progress, r))) for r in leaked])
    environments = [(r.name, run.on_host(partial(_of_environments, run.progress, r))) for r in leaked]
    run.each("environments' secrets", environments)


def _others(warn: Progress, repository: Repository, host: CodeHost) -> Seen:
    """What its workflows could read too, and no rotation replaces. Their values are good elsewhere, whatever is locked
    here."""
    copies = {copy.name.upper() for copy in repository.actions_secrets}
    left = sorted(name for name in host.actions_secrets(repository.name) if name.upper() not in copies)
    none = "of its own it holds copies of declared secrets only; the organization's are not looked at"
    return _replaced_by_hand(warn, repository, left, none)


def _of_environments(warn: Progress, repository: Repository, host: CodeHost) -> Seen:
    """Apart, since to see them is a right of its own. No copy of ours is ever there."""
    held = {name: host.environment_secrets(repository.name, name) for name in host.environment_names(repository.name)}
    left = sorted(f"{environment}/{name}" for environment, found in held.items() for name in found)
    return _replaced_by_hand(warn, repository, left, "none")


def _replaced_by_hand(warn: Progress, repository: Repository, left: list[str], none: str) -> Seen:
    if not left:
        return Outcome.ALREADY, none
    words = (
        f"nothing here replaces {', '.join(left)}, no copy of a declared secret: do it by hand, where it is from, "
        "and so with the organization's, which are not looked at"
    )
    warn(f"warning: {repository.name}: {words}")
    return Outcome.ALREADY, words


def _protect(host: CodeHost, repository: str, wanted: BranchRule, warn: Progress) -> Seen:
    def held() -> BranchRule | None:
        return next((rule for rule in host.branch_rules(repository) if rule.pattern == wanted.pattern), None)

    before = held()
    goal = wanted if before is None else strictest(before, wanted)
    waits = _waits(goal, wanted)
    if waits:
        warn(f"warning: {repository} {goal.pattern}: {waits}")
    if before == goal:
        return Outcome.ALREADY, "; ".join(filter(None, ("in force", waits)))
    host.write_branch_rule(repository, goal)
    after = held()
    if after is None or replace(after, id="") != replace(goal, id=""):
        return Outcome.FAILED, f"written, but {_difference(after, goal)}"
    if before is None:
        return Outcome.DONE, f"made; {_ADOPT}"
    now = "read-only for everybody" if goal.lock else f"reviewed merges by {', '.join(goal.pushers or ())}"
    shut = f"nobody gets around it any more, it let by: {'; '.join(before.around)}" if before.around else ""
    return Outcome.DONE, "; ".join(filter(None, (now, shut, waits)))


def _waits(goal: BranchRule, declared: BranchRule) -> str:
    """What a rule that takes merges asks of them and nobody declared. It stays, since it may be meant; who leaked an
    owner's token may have put it there, so that no policy can be tightened."""
    more = goal.demands.beyond(declared.demands, DEMANDS)
    if goal.approvals > declared.approvals:
        more = (f"{goal.approvals} approvals", *more)
    return f"asks for {', '.join(more)}: declared nowhere, so merges may wait for it" if more and not goal.lock else ""


def _protect_others(host: CodeHost, repository: str, ours: BranchRule, known: tuple[BranchRule, ...]) -> Seen:
    """GitHub goes by one rule for a branch: an exact name comes before ours, and so does a pattern that is older. Each
    of somebody's that a branch to review may fall under is as strict as ours from now on."""

    def weaker() -> list[BranchRule]:
        others = [r for r in host.branch_rules(repository) if r.pattern not in {k.pattern for k in known}]
        goals = [(r, strictest(r, replace(ours, pattern=r.pattern, lock=r.lock))) for r in others if _may_apply(r)]
        return [goal for rule, goal in goals if rule != goal]

    found = weaker()
    for goal in found:
        host.write_branch_rule(repository, goal)
    if left := weaker():
        return Outcome.FAILED, f"written, but not in force: {', '.join(r.pattern for r in left)}"
    if not found:
        return Outcome.ALREADY, "none that is weaker"
    return Outcome.DONE, f"{', '.join(r.pattern for r in found)}: declared nowhere, as strict as ours now: delete it"


def _may_apply(rule: BranchRule) -> bool:
    folder, _, name = rule.pattern.partition("/")
    return bool(name) and fnmatchcase(INCIDENT_BRANCHES.partition("/")[0], folder)


_ADOPT = (
    "Pulumi does not know it, and fails to make it or makes a second one: when the incident is over, first delete it "
    f"on GitHub, then run `{REFRESH}`"
)


def _difference(after: BranchRule | None, goal: BranchRule) -> str:
    if after is None:
        return "there is no such rule"
    fields = (
        "lock",
        "enforce_admins",
        "approvals",
        "dismiss_stale",
        "pushers",
        "creations_blocked",
        "demands",
        "around",
    )
    return "not in force: " + ", ".join(f for f in fields if getattr(after, f) != getattr(goal, f))


def _rule(host: CodeHost, repository: str, wanted: Ruleset) -> Seen:
    name = RULESETS[wanted.target]
    held = partial(host.ruleset, repository, name, wanted.target)
    before = held()
    goal = wanted if before is None else replace(wanted, id=before.id)
    if before == goal:
        return Outcome.ALREADY, "in force"
    host.write_ruleset(repository, name, goal)
    after = held()
    if after is None or replace(after, id=0) != replace(goal, id=0):
        return Outcome.FAILED, "written, but the ruleset that is read back differs"
    if before is None:
        return Outcome.DONE, f"made; {_ADOPT}"
    beside = f" beside {', '.join(goal.exclude)}" if goal.exclude else ""
    return Outcome.DONE, f"every {goal.target}{beside}, nobody bypasses"


def _remove_keys(host: CodeHost, repository: str) -> Seen:
    keys = host.deploy_keys(repository)
    for key in keys:
        host.delete_deploy_key(repository, key.id)
    left = host.deploy_keys(repository)
    if left:
        return Outcome.FAILED, f"still there: {', '.join(key.title for key in left)}"
    if not keys:
        return Outcome.ALREADY, "none"
    return Outcome.DONE, f"removed: {', '.join(key.title for key in keys)}; add new ones after the incident"
