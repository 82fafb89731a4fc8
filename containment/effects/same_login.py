"""Who else is logged in by the JWT of one that leaked. No declarations that load have such a pair; those of two applies
may, of which the second was cut short after it had made the first one's identity under another name."""

from __future__ import annotations

from functools import partial

from containment.compiled import logins
from containment.report import Outcome
from containment.run import Run, Seen
from policies.logins import agree, bound


def name(run: Run) -> None:
    """Each is named, until it is in an incident of its own: only what leaked is shut."""
    leaked = [(identity.name, bound(identity)) for identity in run.affected.leaked if run.affected.is_shut(identity)]
    both = {
        other.name: whose
        for other in logins.identities(run.estate)
        for whose, claims in leaked
        if not run.affected.is_shut(other) and agree(claims, bound(other))
    }

    def act(other: str, whose: str) -> Seen:
        again = f"portcullis contain --scope workload:{other}"
        return Outcome.FAILED, f"the JWT of {whose}, which leaked, logs in as {other} too: {again}"

    run.each("login of nobody else", [(other, partial(act, other, whose)) for other, whose in both.items()])
