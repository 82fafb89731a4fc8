"""What a lock-down can end with."""

from __future__ import annotations

from policies.errors import Finding, InputError, Unreachable

GO_ON = "to go on without lifting: pulumi up --config incident=keep"
"""Pulumi keeps `incident: false` in the stack's file, so that the next run would ask for the lift again."""

CUT_SHORT = "not contained until the same command has run to its end; run it again"
"""What is true of a lock-down that was interrupted, or that a defect of ours ended."""


class UnknownScope(InputError):
    """A name in the scope is not declared; nothing was changed."""


class NotContained(Finding):
    """At least one effect is not proven. `names` holds each of them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__("not contained: " + "; ".join(names))
        self.names = names


_DECLARE = "no `pulumi up` has declared this lock-down to its end yet: run `pulumi up --config incident=keep` first"


class LiftRefused(Finding):
    """The gate stays down; `missing` names each proof that is absent or stale."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        words = (f"{one}: {_DECLARE}" if one == "declared" else one for one in missing)
        super().__init__(f"lift refused: {'; '.join(words)}; {GO_ON}")
        self.missing = missing


class NotRestored(Finding):
    """The gate rose, but these roles still have an incident's TTLs; the incident stays open."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__("not restored: " + "; ".join(names))
        self.names = names


class TokensRefused(Unreachable):
    """The vault answers, and lets none of our tokens in."""
