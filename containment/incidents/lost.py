"""Incidents that are listed, and whose record cannot be read: deleted, aged out, or written over. What such a one has
in force nobody knows, so nothing is opened until it is there again, and whatever tightens goes on."""

from __future__ import annotations

from containment.errors import RecordsLost
from containment.incidents.incident import Incident, Scope, State
from containment.ports import Vault
from containment.run import Progress
from policies.errors import Unanswered, Unreachable


def look(vault: Vault) -> tuple[tuple[Incident, ...], frozenset[str]]:
    """Those that can be read, and ids of those that cannot. Raises Unreachable."""
    try:
        return vault.incidents(), frozenset()
    except RecordsLost as error:
        return error.readable, frozenset(error.lost)


def bring_back(vault: Vault, warn: Progress) -> None:
    """Restore what is deleted or written over, so that a lock-down has its scope. Raises Unreachable where nothing can
    be listed, and for nothing else."""
    _, gone = look(vault)
    for one in sorted(gone):
        try:
            back = vault.restore_incident(one)
        except Unanswered:
            raise
        except Unreachable as error:
            warn(f"incident {one}: its record is lost, and was not brought back: {error}")
        else:
            came = "was deleted or written over, and is back" if back else "is lost, and no version of it is there"
            warn(f"incident {one}: its record {came}")


def in_force(vault: Vault) -> tuple[Incident, ...]:
    """The open ones of `tightening`. Raises Unreachable."""
    return tuple(i for i in tightening(vault) if i.state is State.OPEN)


def tightening(vault: Vault, anew: str = "") -> tuple[Incident, ...]:
    """For a run that opens nothing: a lost one counts as open, with everything in scope, but the one by the id `anew`,
    which this run puts on record again. Raises Unreachable.

    No run that knows it so is contained, since nothing can be put on its record: the quarantine stays shut, which
    denies whatever it may have denied.
    """
    readable, gone = look(vault)
    now = vault.now() if gone else 0
    everything = Scope(everything=True)
    return (*readable, *(Incident(one, everything, State.OPEN, opened_at=now) for one in sorted(gone) if one != anew))
