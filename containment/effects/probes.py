"""Try each denied path as a workload's new token would. A refusal counts only beside a read that is allowed. The
prober's token makes it; without that token a lock-down goes on, and what nobody tried is not contained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from containment import names
from containment.incidents import generations
from containment.incidents.incident import Incident
from containment.report import PROBE, Outcome
from containment.run import Run, Seen, Systems
from policies.errors import PortcullisError
from policies.model import Estate, KvSecret, SecretAccessPolicy

ANSWERED = "probe: "
"""How the words of one begin that was tried, whatever it saw."""
REFUSED = (403, 200)
"""What `tried` answers where the path is denied: a refusal alone proves nothing."""


def foresee(run: Run) -> None:
    """Say at the beginning what would only show at the end. Nothing waits for it."""
    if not _denied(run):
        return
    try:
        run.systems.prober().ready()
    except PortcullisError as error:
        run.progress(f"warning: nothing can be probed, so this lock-down will not count as contained: {error}")


def probe(run: Run) -> None:
    def refused(policy: SecretAccessPolicy) -> Seen:
        answers = tried(run.systems, run.estate, run.incidents, policy)
        if answers is None:
            return Outcome.ALREADY, "nobody may read it"
        path, (status, control) = names.granted_path(policy), answers
        if answers == REFUSED:
            return Outcome.ALREADY, f"{ANSWERED}{path} 403 while a control read is 200"
        return Outcome.FAILED, f"{ANSWERED}{path} answered {status}, control {control}"

    run.each(PROBE, [(policy.name, partial(refused, policy)) for policy in _denied(run)])


def tried(
    systems: Systems, estate: Estate, incidents: Sequence[Incident], policy: SecretAccessPolicy
) -> tuple[int, int] | None:
    """HTTP status that a new token of a workload gets at the secret's path, and at one that is always allowed. None
    when nobody may read it."""
    holder = next((w for w in estate.workloads if w.name in policy.readers), None)
    if holder is None:
        return None
    policies = names.token_policies(holder, generations.current(holder, incidents))
    prober = systems.prober()
    return prober.try_read(policies, names.granted_path(policy)), prober.try_read(policies, "auth/token/lookup-self")


def _denied(run: Run) -> list[SecretAccessPolicy]:
    denied = {p.name: p for p in (*run.affected.denied, *run.affected.denied_class)}
    return [policy for policy in denied.values() if isinstance(policy.secret, KvSecret)]
