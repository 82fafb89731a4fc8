"""What only shows when everything else is done: the workloads are back, and nothing retired was used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from containment import names, proofs
from containment.scope import Affected, affected
from policies.model import SecretAccessPolicy, Workload
from rotation import retired
from rotation.work import NotProven, Step, Work

_WORKERS = 8


def steps(work: Work) -> tuple[Step, ...]:
    return (
        Step("recovery", lambda: _recovered(work), proves=proofs.RECOVERY),
        Step("audit-quiet", lambda: retired.quiet(work), proves=proofs.AUDIT_QUIET),
    )


def _recovered(work: Work) -> str:
    """Every path that each affected workload is granted and that should be open, read as the workload would."""
    impact = affected(work.estate, work.vault.incidents())
    reads = _expected(work, impact)

    def shut(read: tuple[Workload, SecretAccessPolicy]) -> str:
        workload, policy = read
        status = work.vault.try_read(work.policies(workload), names.granted_path(policy))
        return "" if status == 200 else f"{workload.name} reads {policy.name}: {status}"

    with ThreadPoolExecutor(_WORKERS) as pool:
        failed = [words for words in pool.map(shut, reads) if words]
    if failed:
        raise NotProven("; ".join(failed))
    return f"{len(reads)} reads of {len({w.name for w, _ in reads})} workloads answer 200"


def _expected(work: Work, impact: Affected) -> list[tuple[Workload, SecretAccessPolicy]]:
    shut = {p.name for p in (*impact.denied, *impact.denied_class)}
    back = [w for w in impact.workloads if w not in impact.unreplaced_workloads]
    return [
        (w, p)
        for w in back
        for p in work.estate.secrets
        if p.name not in shut and any(g.workload == w.name for g in p.grants)
    ]
