"""How much a widening matters, and why. The words stand beside the line that is graded."""

from __future__ import annotations

from access.diff.change import Risk
from access.difference import Difference
from access.pattern import Pattern
from access.rule import Capability

_WRITES = {Capability.CREATE, Capability.UPDATE, Capability.PATCH, Capability.DELETE}
_POWERS = tuple(Pattern.of(f"{area}/*") for area in ("sys", "auth", "identity"))

_GIVEN = ("SQL statements", "database connection", "connection", "groups", "new, in reach", "login", "tokens")

_STAYS = "the copy stays at GitHub until it is removed or replaced there, or the secret is rotated"

_MEANING = {
    "name": "what goes by the name, incidents too, means another",
    "declaration": "no lock-down knows it, and whoever declares it anew names its owner",
    "identity": "somebody new may log in",
    "left copy": _STAYS,
}
"""High in production, medium elsewhere."""

LONG_TTL = 86_400
"""Seconds: a day. What lives longer outlasts the shift that watches it."""


def of_paths(one: Difference, production: bool) -> tuple[Risk, str]:
    """By all that can be asked for there, not by the witness alone."""
    gained, loosened, powers = one.gained, one.loosened, any(map(one.reaches, _POWERS))
    if not one.widens:
        return Risk.NARROWER, "nothing is gained"
    if Capability.SUDO in gained:
        return Risk.CRITICAL, "sudo"
    if powers and gained & _WRITES:
        return Risk.CRITICAL, "writes what decides who may do what"
    reasons = [
        word
        for word, holds in (
            ("wildcard", not one.single),
            ("write in production", production and bool(gained & _WRITES)),
            ("reads what decides who may do what", powers),
        )
        if holds
    ]
    if one.freed:
        reasons.append("a deny is gone: whoever has another policy that grants it now may")
    if reasons:
        return Risk.HIGH, ", ".join(reasons)
    if loosened and not gained:
        return Risk.MEDIUM, "less must be met"
    return (Risk.MEDIUM, "production") if production else (Risk.LOW, "staging")


def of_aspect(aspect: str, value: object, production: bool) -> tuple[Risk, str]:
    """Of what widened beside paths."""
    if aspect == "environment":
        return Risk.HIGH, "production's rules hold no more"
    if aspect in _MEANING:
        return Risk.HIGH if production else Risk.MEDIUM, _MEANING[aspect]
    if aspect.startswith("copy of"):
        return Risk.HIGH if production else Risk.MEDIUM, "whoever writes its workflows has the secret"
    if aspect.startswith(("protect", "approvals", "claims", "who merges", "in an incident", "secrets of", "deploy")):
        return Risk.HIGH, "a protection is weakened"
    if aspect in (*_GIVEN, "access in an incident"):
        return Risk.HIGH if production else Risk.MEDIUM, "what is given, or to whom, is another"
    if aspect.startswith("TTL") and isinstance(value, int) and value > LONG_TTL:
        return Risk.HIGH, "lives longer than a day"
    return (Risk.MEDIUM, "production") if production else (Risk.LOW, "staging")


def of_less(aspect: str) -> tuple[Risk, str]:
    """Of what narrowed beside paths."""
    return Risk.NARROWER, _STAYS if aspect.startswith("secrets of") else "narrower"
