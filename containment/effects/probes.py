"""Try each denied path as a workload's new token would. A refusal counts only beside a read that is allowed. The
prober's token makes it; without that token a lock-down goes on, and what nobody tried is not contained."""

from __future__ import annotations

from functools import partial

from containment import generations, names
from containment.report import PROBE, Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError
from policies.model import KvSecret, SecretAccessPolicy


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
        holder = next((w for w in run.estate.workloads if any(g.workload == w.name for g in policy.grants)), None)
        if holder is None:
            return Outcome.ALREADY, "nobody is granted it"
        policies = names.token_policies(holder, generations.current(holder, run.estate, run.incidents))
        path, prober = names.granted_path(policy), run.systems.prober()
        status = prober.try_read(policies, path)
        control = prober.try_read(policies, "auth/token/lookup-self")
        if status == 403 and control == 200:
            return Outcome.ALREADY, f"probe: {path} 403 while a control read is 200"
        return Outcome.FAILED, f"probe: {path} answered {status}, control {control}"

    run.each(PROBE, [(policy.name, partial(refused, policy)) for policy in _denied(run)])


def _denied(run: Run) -> list[SecretAccessPolicy]:
    denied = {p.name: p for p in (*run.affected.denied, *run.affected.denied_class)}
    return [policy for policy in denied.values() if isinstance(policy.secret, KvSecret)]
