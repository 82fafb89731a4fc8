"""Who else gets in by a JWT that leaked: a workload that is bound to the leaked repository, or one that is bound to the
claims of what leaked. No declarations that load have the latter; those of two applies may, of which the second was cut
short after it had made the first one's identity under another name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from containment.compiled import logins
from containment.report import Outcome
from containment.run import Run, Seen
from policies.logins import agree, bound, lets_in_a_job_of
from policies.model import CiRole, Workload


def name(run: Run) -> None:
    """Each is named until it is in scope too: only what is named as leaked is shut, and proven dead."""

    def act(other: str, whose: str) -> Seen:
        again = f"portcullis contain --scope workload:{other}"
        return Outcome.FAILED, f"a JWT of {whose}, which leaked, may log in as {other} too: {again}"

    named = {(type(one), one.name) for one in (*run.affected.leaked, *run.affected.shut)}
    others = [one for one in logins.identities(run.estate) if (type(one), one.name) not in named]
    found = {other.name: whose for other in others for whose in _let_in_by(other, run)}
    run.each("login of nobody else", [(other, partial(act, other, whose)) for other, whose in found.items()])


def _let_in_by(other: Workload | CiRole, run: Run) -> Iterator[str]:
    for leaked in run.affected.leaked:
        if run.affected.is_shut(leaked) and agree(bound(leaked), bound(other)):
            yield leaked.name
    for one in run.affected.leaked_repositories:
        if lets_in_a_job_of(one.name, other):
            yield f"a job of {one.name}"
