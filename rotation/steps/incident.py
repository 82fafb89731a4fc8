"""What only shows when everything else is done: the workloads are back, and nothing retired was used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from containment import names
from containment.compiled import locked
from containment.compiled.held import wrong
from containment.errors import KEEP, REFRESH
from containment.incidents import generations, proofs
from containment.incidents.incident import Incident
from containment.incidents.scope import Affected, affected
from policies.model import AuthMethod, SecretAccessPolicy, Workload
from rotation import retired
from rotation.work import NotProven, Step, Work

_WORKERS = 8


def steps(work: Work) -> tuple[Step, ...]:
    return (
        Step("recovery", lambda: _recovered(work), proves=proofs.RECOVERY),
        Step("audit-quiet", lambda: retired.quiet(work), proves=proofs.AUDIT_QUIET),
    )


def _recovered(work: Work) -> str:
    """Every path that each workload which this incident affects is granted and that should be open, read as the
    workload would. What another open incident denies is its own to prove."""
    incidents, now = work.vault.incidents(), work.vault.now()
    mine = affected(work.estate, [i for i in incidents if i.id == work.incident().id])
    reads = _expected(work, mine, affected(work.estate, incidents))

    if otherwise := _otherwise(work, {w.name: w for w, _ in reads}.values(), incidents):
        raise NotProven(otherwise)

    def shut(read: tuple[Workload, SecretAccessPolicy]) -> str:
        workload, policy = read
        status = work.vault.try_read(work.policies(workload), names.granted_path(policy))
        if status == 200:
            return ""
        until = generations.shut_until(workload, incidents, now)
        return f"{workload.name} reads {policy.name}: {status}" + ("" if until is None else _wait(until))

    with ThreadPoolExecutor(_WORKERS) as pool:
        failed = [words for words in pool.map(shut, reads) if words]
    if failed:
        raise NotProven("; ".join(failed))
    away = _away(work, mine, incidents)
    if away and not reads:
        raise NotProven(f"nothing was read, so nobody is proven to be back: {'; '.join(away)}; then run this again")
    if not reads:
        return "nothing was read: no workload of this incident is granted what is open"
    told = f"; not read: {'; '.join(away)}" if away else ""
    return f"{len(reads)} reads of {len({w.name for w, _ in reads})} workloads answer 200{told}"


def _otherwise(work: Work, workloads: Iterable[Workload], incidents: Sequence[Incident]) -> str:
    """What is read below is read with the declared policies: whose login role gives others is not back by it, nor one
    that the lock-down switched off and no update has switched on since."""
    found, off = [], []
    for workload in workloads:
        path, number = names.login_role(workload), generations.current(workload, incidents)
        held = work.vault.read(path) or {}
        wanted: dict[str, object] = {
            "token_policies": names.token_policies(workload, number),
            "token_type": workload.tokens.value,
        }
        if workload.auth is AuthMethod.JWT:
            wanted["bound_claims"] = dict(workload.bound_claims)
        if held.get("bound_claims") and not wrong(held, {"bound_claims": locked.OFF_CLAIMS}):
            off.append(path)
        elif lacks := wrong(held, wanted):
            found.append(f"{path} has not the declared {' and '.join(lacks)}")
    said = [f"{'; '.join(found)}: {REFRESH}"] if found else []
    said += [f"{' and '.join(off)} is off still, though it is replaced: {KEEP}, then run this again"] if off else []
    return "; ".join(said)


def _away(work: Work, mine: Affected, incidents: Sequence[Incident]) -> list[str]:
    """What was not read as it waits for a replacement or for another incident, with the remedy; what the lift of this
    one opens by itself is not in it."""
    closed = {p.name for p in mine.denied_class}
    granted = [(w, p) for w in mine.workloads for p in work.estate.granted.get(w.name, ()) if p.name not in closed]
    said: dict[str, None] = {}
    for one in incidents:
        impact = affected(work.estate, (one,))
        rotate, lift = f"in {one.id}: portcullis rotate run {one.id}", f"until the lift of {one.id}"
        for workload, policy in granted:
            if workload in impact.unreplaced_workloads:
                said[f"{workload.name} is shut until it is replaced {rotate}"] = None
            elif policy in impact.denied:
                said[f"{policy.name} is denied to {workload.name} until it is replaced {rotate}"] = None
            elif policy in impact.denied_class:
                said[f"{policy.name} is denied to {workload.name} {lift}"] = None
    last, of = work.vault.applied(), {w.name for w in mine.workloads}
    unended = last is not None and len(last.estates) > 1  # what another update has ended since is certain
    for policy in work.estate.secrets if unended else ():
        if who := sorted({grant.workload for grant in policy.uncertain if grant.workload in of}):
            begun = "an update changes that has not come to its end"
            said[f"whether {', '.join(who)} may read {policy.name}, {begun}: {KEEP}"] = None
    return list(said)


def _wait(until: int) -> str:
    when = f"until {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC" if until else "until an incident is contained"
    return f": its new tokens are denied {when}, since incidents followed each other within their TTL; wait, run again"


def _expected(work: Work, mine: Affected, everything: Affected) -> list[tuple[Workload, SecretAccessPolicy]]:
    shut = {p.name for p in (*everything.denied, *everything.denied_class)}
    back = [w for w in mine.workloads if w not in everything.unreplaced_workloads]
    return [(w, p) for w in back for p in work.estate.secrets if p.name not in shut and w.name in p.readers]
