"""Repositories locked, Actions off, runs ended, deploy keys of leaked ones removed: each read back, since GitHub has
answered 200 and left a setting as it was.

The control repository is not locked and its runs are not cancelled, the run that locks down may be one of them; there
only the named mergers get anything in. An Actions secret of a leaked repository is not removed: nothing runs that could
read it, its value stays good elsewhere until it is rotated, and a lift is refused until then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from containment.ports import CodeHost
from containment.report import Outcome
from containment.repository import ORGANIZATION_ACTIONS, RULESET, BranchRule, Ruleset, settings
from containment.run import Run, Seen
from policies.model import Repository

CANCEL_SECONDS = 10.0
"""How long a run may take to end before it is cancelled by force, and again until it is given up."""


def lock(run: Run) -> None:
    repositories = run.affected.repositories
    if not repositories:
        return
    on_host = partial(_on_host, run)
    wanted = {r.name: settings(r, locked=True) for r in repositories}
    shut = [r for r in repositories if not r.control]
    run.each(
        "branch protected",
        [
            (f"{r.name} {rule.pattern}", on_host(partial(_protect, repository=r.name, wanted=rule)))
            for r in repositories
            for rule in wanted[r.name].branches
        ],
    )
    run.each(
        "branches locked",
        [(r.name, on_host(partial(_rule, repository=r.name, wanted=wanted[r.name].ruleset))) for r in repositories],
    )
    run.each("Actions off", [(r.name, on_host(partial(_stop_actions, repository=r.name))) for r in shut])
    run.effect("Actions off", "the organization", on_host(_narrow))
    run.each("workflow runs ended", [(r.name, on_host(partial(_end_runs, repository=r.name))) for r in shut])
    leaked: tuple[Repository, ...] = run.affected.leaked_repositories
    run.each("deploy keys removed", [(r.name, on_host(partial(_remove_keys, repository=r.name))) for r in leaked])


def _on_host(run: Run, act: Callable[[CodeHost], Seen]) -> Callable[[], Seen]:
    """Opened within the effect, so that a host that is down or not configured fails it by name."""
    return lambda: act(run.systems.code_host())


def _protect(host: CodeHost, repository: str, wanted: BranchRule) -> Seen:
    def held() -> BranchRule | None:
        return next((rule for rule in host.branch_rules(repository) if rule.pattern == wanted.pattern), None)

    before = held()
    goal = wanted if before is None else _strictest(before, wanted)
    if before == goal:
        return Outcome.ALREADY, "in force"
    host.write_branch_rule(repository, goal)
    after = held()
    if after is None or replace(after, id="") != replace(goal, id=""):
        return Outcome.FAILED, f"written, but {_difference(after, goal)}"
    return (
        Outcome.DONE,
        "read-only for everybody" if goal.lock else f"reviewed merges by {', '.join(goal.pushers or ())}",
    )


def _strictest(before: BranchRule, wanted: BranchRule) -> BranchRule:
    """What an incident asks for; a rule that asks for more reviews keeps them, and what is not ours stays."""
    return replace(
        wanted,
        id=before.id,
        approvals=max(before.approvals, wanted.approvals),
        pushers=before.pushers if wanted.pushers is None else wanted.pushers,
        creations_blocked=before.creations_blocked or wanted.creations_blocked,
    )


def _difference(after: BranchRule | None, goal: BranchRule) -> str:
    if after is None:
        return "there is no such rule"
    fields = ("lock", "enforce_admins", "approvals", "pushers", "creations_blocked")
    return "not in force: " + ", ".join(f for f in fields if getattr(after, f) != getattr(goal, f))


def _rule(host: CodeHost, repository: str, wanted: Ruleset) -> Seen:
    before = host.ruleset(repository, RULESET)
    goal = wanted if before is None else replace(wanted, id=before.id)
    if before == goal:
        return Outcome.ALREADY, "in force"
    host.write_ruleset(repository, RULESET, goal)
    after = host.ruleset(repository, RULESET)
    if after is None or replace(after, id=0) != replace(goal, id=0):
        return Outcome.FAILED, "written, but the ruleset that is read back differs"
    beside = f" beside {', '.join(goal.exclude)}" if goal.exclude else ""
    return Outcome.DONE, f"all branches{beside}, nobody bypasses"


def _stop_actions(host: CodeHost, repository: str) -> Seen:
    if not host.actions_enabled(repository):
        return Outcome.ALREADY, "off"
    host.enable_actions(repository, False)
    return (Outcome.FAILED, "written, but still on") if host.actions_enabled(repository) else (Outcome.DONE, "off")


def _narrow(host: CodeHost) -> Seen:
    wanted = ORGANIZATION_ACTIONS[True]
    if host.organization_actions() == wanted:
        return Outcome.ALREADY, "off in every repository"
    host.set_organization_actions(wanted)
    after = host.organization_actions()
    if after != wanted:
        return Outcome.FAILED, f"written, but enabled for: {after}"
    return Outcome.DONE, "off in every repository"


def _end_runs(host: CodeHost, repository: str) -> Seen:
    first = live = host.live_runs(repository)
    for force in (False, True):
        for run in live:
            host.cancel_run(repository, run, force)
        deadline = time.monotonic() + CANCEL_SECONDS
        while live and time.monotonic() < deadline:
            time.sleep(0.2)
            live = host.live_runs(repository)
    if live:
        return Outcome.FAILED, f"cancelled, but still not ended: {', '.join(map(str, live))}"
    return (Outcome.DONE, f"{len(first)} cancelled and ended") if first else (Outcome.ALREADY, "none")


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
