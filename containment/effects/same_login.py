"""Who else gets in by a JWT that leaked: a workload that is bound to the leaked repository, or one that is bound to the
claims of what leaked. No declarations that load have the latter; those of two applies may, of which the second was cut
short after it had made the first one's identity under another name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from containment.compiled import logins
from containment.incidents.decide import second
from containment.incidents.incident import Incident
from containment.report import Outcome
from containment.run import Run, Seen
from policies.logins import agree, bound, lets_in_a_job_of
from policies.model import CiRole, Workload


def name(run: Run) -> None:
    """Each is named until it is in scope too: only what is named as leaked is shut, and proven dead. One that was
    replaced before this leaked is let in again."""

    def act(other: str, whose: str) -> Seen:
        held = [i for i in run.affected.open if f"workload:{other}" in i.scope.leaked]
        scope = f"workload:{other}"
        how = second(held[-1], run.incidents, scope) if held else f"portcullis contain --scope {scope}"
        return Outcome.FAILED, f"a JWT of {whose}, which leaked, may log in as {other} too: {how}"

    others = [one for one in logins.identities(run.estate) if not run.affected.is_shut(one)]
    found = {other.name: whose for other in others for whose in _let_in_by(other, run)}
    run.each("login of nobody else", [(other, partial(act, other, whose)) for other, whose in found.items()])


def _let_in_by(other: Workload | CiRole, run: Run) -> Iterator[str]:
    for leaked in run.affected.leaked:
        if leaked == other or not agree(bound(leaked), bound(other)) or not run.affected.is_shut(leaked):
            continue
        kind = "workload" if isinstance(leaked, Workload) else "ci"
        if not _shut_since(other, f"{kind}:{leaked.name}", run):
            yield leaked.name
    for one in run.affected.leaked_repositories:
        if lets_in_a_job_of(one.name, other) and not _shut_since(other, f"repository:{one.name}", run):
            yield f"a job of {one.name}"


def _shut_since(other: Workload | CiRole, item: str, run: Run) -> bool:
    """Whether an incident that names it too was denied no earlier than each that names `item`."""

    def naming(name: str) -> list[Incident]:
        return [i for i in run.affected.open if name in i.scope.leaked]

    last = max((i.denied_at for i in naming(item)), default=0)
    return any(i.denied_at >= last for i in naming(f"workload:{other.name}"))
