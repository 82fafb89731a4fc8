"""The stack's configuration, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from containment.decide import Asked
from containment.incident import Mode
from policies.errors import InputError

KEYS = frozenset({"incident", "incidentId", "incidentScope", "environment", "approvalRequired"})
"""As Pulumi.yaml has them."""
ENVIRONMENTS = ("all", "production", "staging")


@dataclass(frozen=True, slots=True)
class Settings:
    asked: Asked
    environment: str
    approval: bool
    """Whether only what was approved is applied."""


def _require_known(project: str, given: Iterable[str]) -> None:
    """A key that is misspelt would be a lock-down that nobody made."""
    keys = [key.removeprefix(f"{project}:") for key in given if key.startswith(f"{project}:")]
    unknown = sorted(set(keys) - KEYS)
    if unknown:
        raise InputError(f"config {', '.join(unknown)}: no such key; one of {', '.join(sorted(KEYS))}")


def read() -> Settings:
    """Raises InputError naming the key and what it may be."""
    config = pulumi.Config()
    _require_known(config.name, pulumi.runtime.config.CONFIG.get())
    mode, environment = config.get("incident") or "keep", config.get("environment") or "all"
    if mode not in tuple(Mode):
        raise InputError(f"config incident: {mode!r}; one of keep, true, false")
    if environment not in ENVIRONMENTS:
        raise InputError(f"config environment: {environment!r}; one of {', '.join(ENVIRONMENTS)}")
    asked = Asked(
        Mode(mode),
        config.get("incidentId") or "",
        config.get("incidentScope") or "",
        file=f"Pulumi.{pulumi.get_stack()}.yaml",
    )
    approval = config.get("approvalRequired") or "false"
    if approval not in ("true", "false"):
        raise InputError(f"config approvalRequired: {approval!r}; true or false")
    return Settings(asked, environment, approval == "true")
