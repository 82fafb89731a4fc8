"""Why a policy text is not read. A wrong answer about access is worse than none, so whoever asks gets one of these."""

from __future__ import annotations

from policies.errors import InputError


class PolicyError(InputError):
    """A policy text cannot be read. `source`, `line` (from 1) and `reason` say where and why."""

    def __init__(self, source: str, line: int, reason: str) -> None:
        super().__init__(f"{source}:{line}: {reason}")
        self.source, self.line, self.reason = source, line, reason


class RefusedPolicyError(PolicyError):
    """The server refuses this text too."""


class UnsupportedPolicyError(PolicyError):
    """The server may accept this text, with a meaning that is rarely what was wanted; the reason says what to write."""
