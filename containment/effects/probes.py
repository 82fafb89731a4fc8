"""Try each denied path as a workload's new token would. A refusal counts only beside a read that is allowed."""

from __future__ import annotations

from functools import partial

from containment import generations, names
from containment.report import Outcome
from containment.run import Run, Seen
from policies.model import KvSecret, SecretAccessPolicy


def probe(run: Run) -> None:
    vault = run.systems.vault

    def refused(policy: SecretAccessPolicy) -> Seen:
        holder = next((w for w in run.estate.workloads if any(g.workload == w.name for g in policy.grants)), None)
        if holder is None:
            return Outcome.ALREADY, "nobody is granted it"
        policies = names.token_policies(holder, generations.current(holder, run.estate, run.incidents))
        path = names.granted_path(policy)
        status = vault.try_read(policies, path)
        control = vault.try_read(policies, "auth/token/lookup-self")
        if status == 403 and control == 200:
            return Outcome.ALREADY, f"probe: {path} 403 while a control read is 200"
        return Outcome.FAILED, f"probe: {path} answered {status}, control {control}"

    denied = {p.name: p for p in (*run.affected.denied, *run.affected.denied_class)}
    run.each("probe", [(name, partial(refused, p)) for name, p in denied.items() if isinstance(p.secret, KvSecret)])
