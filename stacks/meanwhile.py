"""What came between the begin of an update, when all was decided, and its end: incidents that somebody else opened, and
resources that had no turn."""

from __future__ import annotations

from collections.abc import Iterable

from containment.adapters.vault import HvacVault
from containment.errors import DENIED, KEEP, REFRESH
from containment.incidents.decide import Decision
from containment.incidents.incident import Incident, State
from containment.report import few
from policies.errors import InputError, PortcullisError


def refuse(vault: HvacVault, decision: Decision) -> None:
    """Right before the gate rises. Raises InputError naming what was opened since."""
    if found := opened(vault.incidents(), decision):
        raise InputError(f"nothing was lifted: {ids(found)} was opened meanwhile; run the same command again")


def opened(now: Iterable[Incident], decision: Decision) -> list[Incident]:
    """Those of which this run knew nothing when it decided."""
    known = {i.id for i in (*decision.in_force, decision.lifting) if i is not None}
    return [i for i in now if i.state is State.OPEN and i.id not in known]


def ids(incidents: Iterable[Incident]) -> str:
    return ", ".join(f"incident {i.id}" for i in incidents)


def not_declared(missing: list[str], decision: Decision, *, lifted: bool) -> str:
    """Pulumi's state is what a lift goes by: what it does not know to be locked it leaves locked. `lifted`: whether the
    server's record says so by now."""
    if decision.lifting and not lifted:
        after, again = f"incident {decision.lifting.id} is half lifted", "the same command again"
    elif decision.lifting:
        after, again = f"incident {decision.lifting.id} is lifted, but not everything is back", REFRESH
    else:
        after, again = f"{ids(decision.in_force)} cannot be lifted yet", "pulumi up --config incident=keep"
    return (
        f"{after}: Pulumi's state does not have as declared: {few(missing)}. Without --target and --exclude: {again}; "
        f"{DENIED}"
    )


def without_repositories(error: PortcullisError, decision: Decision, *, lifted: bool) -> str:
    after = ""
    if decision.lifting and lifted:
        after = f"incident {decision.lifting.id} is lifted, but repositories may still be locked: "
    return f"{after}repositories were not declared: {error}; once that is mended: {KEEP}"


def not_back(locked: list[str], lifting: Incident, *, told: bool) -> str:
    """`locked`: what GitHub shows. `told`: what is to be done is said of the locks that could not be written."""
    how = "do what is said above of those that could not be written" if told else REFRESH
    return f"incident {lifting.id} is lifted, and GitHub still has locked: {', '.join(locked)}: {how}"


def not_ours(locked: list[str], lifting: Incident) -> str:
    """`locked`: what the servers show of other environments."""
    return (
        f"incident {lifting.id} is lifted, and what this stack does not declare is still locked: {few(locked)}: in "
        f"the stack that does: {REFRESH}"
    )
