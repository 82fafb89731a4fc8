"""Actions off, then every run that was queued or under way cancelled and seen ended.

The control repository's own switch is left alone, since the run that locks down may be one of its own; the
organization's switch keeps new ones from starting there too. Its other runs end where it is what leaked.
"""

from __future__ import annotations

import os
import shlex
import time
from functools import partial
from itertools import chain, repeat

from containment.incidents.scope import Affected
from containment.ports import CodeHost
from containment.report import Outcome
from containment.repository import ORGANIZATION_ACTIONS
from containment.run import Run, Seen
from containment.undeclared import seen
from policies.errors import Unreachable
from policies.model import Repository

ORGANIZATION = "the organization"
CANCEL_SECONDS = 10.0
"""How long a run may take to end before it is cancelled by force, and again until it is given up."""
_PAUSES = (0.2, 0.4, 0.8, 1.6)
"""Seconds between two looks, the last again and again: each costs a request for each status, of 900 in a minute that
GitHub gives one token for all repositories (GitHub docs, rate limits of the REST API)."""


def stop(run: Run, repositories: tuple[Repository, ...]) -> None:
    switch_off(run, repositories)
    narrow(run)
    end_runs(run)


def switch_off(run: Run, repositories: tuple[Repository, ...]) -> None:
    off = [(n, run.on_host(partial(_stop_actions, repository=n))) for n in shut(repositories)]
    run.each("Actions off", off)


def narrow(run: Run) -> None:
    run.effect("Actions off everywhere", ORGANIZATION, run.on_host(_narrow))


def end_runs(run: Run) -> None:
    ended = [(n, run.on_host(partial(_end_runs, run=run, repository=n))) for n in cancelled(run.affected)]
    run.each("workflow runs ended", ended)


def shut(repositories: tuple[Repository, ...]) -> list[str]:
    """Names of those whose own switch is put off."""
    return [r.name for r in repositories if not r.control]


def cancelled(affected: Affected) -> list[str]:
    """Names of those whose runs are ended."""
    leaked = {r.name for r in affected.leaked_repositories}
    return [*shut(affected.repositories), *(r.name for r in affected.repositories if r.control and r.name in leaked)]


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


def _end_runs(host: CodeHost, run: Run, repository: str) -> Seen:
    """All but the run that this is, and those that somebody has said no runner has: GitHub keeps some as queued for
    weeks and ends them by no request."""
    meant = {what for incident in run.affected.open for what in incident.meant}
    why: dict[int, str] = {}

    def others() -> list[int]:
        live = [one for one in host.live_runs(repository) if str(one) != os.environ.get("GITHUB_RUN_ID")]
        return [one for one in live if seen.workflow_run(repository, one) not in meant]

    first = live = others()
    for force in (False, True):
        for one in live:
            try:
                host.cancel_run(repository, one, force)
            except Unreachable as error:  # of one, and the next may be the attacker's
                why[one] = f" ({error})"
        deadline, pauses = time.monotonic() + CANCEL_SECONDS, chain(_PAUSES, repeat(_PAUSES[-1]))
        while live and time.monotonic() < deadline:
            time.sleep(next(pauses))
            live = others()
    if live:
        word = f"portcullis rotate confirm {run.incident.id} {shlex.quote(seen.workflow_run(repository, live[0]))}"
        named = ", ".join(f"{one}{why.get(one, '')}" for one in live)
        return Outcome.FAILED, (
            f"cancelled, but still not ended: {named}; where GitHub ends one by no request, and its page shows that no "
            f"runner has it: {word} --by NAME --note WHAT; then lock down again"
        )
    return (Outcome.DONE, f"{len(first)} cancelled and ended") if first else (Outcome.ALREADY, "none")
