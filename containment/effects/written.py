"""What an identity that leaked may have written: the lock-down stops it and takes nothing back, and a rotation replaces
no value but those that leaked."""

from __future__ import annotations

from functools import partial

from containment.report import Outcome
from containment.run import Run, Seen
from policies.model import Capability, KvSecret

_WRITES = {Capability.CREATE, Capability.UPDATE}
_WHAT = "may be the leaker's"


def tell(run: Run) -> None:
    """A warning for each secret that is not itself replaced, until the identity is."""
    leaked = {workload.name for workload in run.affected.unreplaced_workloads}

    def act(name: str, who: str) -> Seen:
        words = (
            f"{who} may have written it: the audit log says who wrote its versions; where that was not the workload, "
            f"it leaked too: portcullis contain --scope secret:{name}"
        )
        run.progress(f"warning: secret:{name}: {words}")
        return Outcome.ALREADY, words

    writers = {
        policy.name: ", ".join(sorted({g.workload for g in policy.grants if _WRITES & {*g.capabilities}} & leaked))
        for policy in run.estate.secrets
        if isinstance(policy.secret, KvSecret) and not run.affected.is_denied(policy)
    }
    run.each(_WHAT, [(name, partial(act, name, who)) for name, who in writers.items() if who])
