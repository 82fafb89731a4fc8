"""What a lock-down can end with."""

from __future__ import annotations

from collections.abc import Mapping

from containment.incidents.incident import Incident
from policies.errors import Finding, InputError, PortcullisError, Unreachable

KEEP = "pulumi up --config incident=keep"
REFRESH = "pulumi up --refresh --config incident=keep"
"""Where Pulumi's state does not say what the servers have."""
GO_ON = f"to go on without lifting: {KEEP}"
"""Pulumi keeps `incident: false` in the stack's file, so that the next run would ask for the lift again."""

DENIED = (
    "where the server said `permission denied`, what is declared is new to the operator's policy: the administrator's "
    "part again (README), with the declaration there; one that was taken out since an incident began comes back until "
    "its lift"
)
"""Of a resource that failed: the same command fails each time until then."""

GOES_ON = "bring back what is named above, then run it again, which goes on where it stopped"
"""After what is not contained; the command follows."""

CUT_SHORT = "not contained until the same command has run to its end; run it again"
"""What is true of a lock-down that was interrupted, or that a defect of ours ended."""


class UnknownScope(InputError):
    """A name in the scope is not declared; nothing was changed. `why`: each one, in words. `known`: the names that are,
    as `Scope` has them."""

    def __init__(self, why: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(f"incidentScope: {why}; nothing was changed")
        self.why = why
        self.known = known


class NotContained(Finding):
    """At least one effect is not proven. `names` holds each of them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__("not contained: " + "; ".join(names))
        self.names = names


class LastApplyUsed(PortcullisError):
    """The declarations do not serve, so that the estate of the last apply did. A system that could not judge them is
    away; what is wrong with them is a finding, for the run did work. `then`: the command for when they serve, "" where
    whoever ends the run says it."""

    def __init__(self, why: PortcullisError, then: str = "") -> None:
        mended = f"\nonce the declarations serve again: {then}" if then else ""
        super().__init__(f"the estate of the last apply was used: {why}{mended}")
        self.exit_code = Unreachable.exit_code if isinstance(why, Unreachable) else Finding.exit_code


class LiftRefused(Finding):
    """The gate stays down; `missing` names each proof that is absent, stale or taken back (`proofs.lacking`). `prove`:
    the command that brings those that can be had, "" for none."""

    def __init__(self, missing: tuple[str, ...], prove: str) -> None:
        then = f"to prove what can be: {prove}; " if prove else ""
        super().__init__(f"lift refused: {'; '.join(missing)}; {then}{GO_ON}")
        self.missing = missing


class NotRestored(Finding):
    """The gate rose, but these roles and mounts still have an incident's TTLs; the incident stays open."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__("not restored: " + "; ".join(names))
        self.names = names


class NotWritten(PortcullisError):
    """The servers hold what the message says they do; the evidence of it is not on the disk. `not_contained` names each
    effect that is not proven."""

    def __init__(self, not_contained: tuple[str, ...], error: PortcullisError) -> None:
        held = NotContained(not_contained) if not_contained else "everything in scope is contained"
        super().__init__(f"{held}; the evidence of it is not written: {error}")
        self.not_contained = not_contained


class RecordsLost(Unreachable):
    """Incidents that are listed cannot be read: what they hold in force is not known, so nothing may be opened. `lost`:
    how to bring each back, by id. `readable`: all others."""

    def __init__(self, lost: Mapping[str, str], readable: tuple[Incident, ...]) -> None:
        super().__init__("; ".join(f"incident {one} is listed, and {how}" for one, how in lost.items()))
        self.lost = lost
        self.readable = readable


class TokensRefused(Unreachable):
    """The vault answers, and lets none of our tokens in. `tried`: the variables that hold them, in words."""

    def __init__(self, tried: str, error: Unreachable) -> None:
        super().__init__(f"no token of ours is accepted, tried {tried}: {error}")
        self.tried = tried
