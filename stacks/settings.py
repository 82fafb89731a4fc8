"""The stack's configuration, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import pulumi

from containment.incidents.decide import Asked
from containment.incidents.incident import Mode
from policies.errors import InputError
from stacks import told

KEYS = frozenset({"incident", "incidentId", "incidentScope", "environment", "approvalRequired"})
"""As Pulumi.yaml has them."""
EVERY_ENVIRONMENT = "all"
ENVIRONMENTS = (EVERY_ENVIRONMENT, "production", "staging")
_SWITCHES = (*Mode, *ENVIRONMENTS)
"""Values that name no incident and nothing that leaked."""


@dataclass(frozen=True, slots=True)
class Settings:
    asked: Asked
    environment: str
    approval: bool
    """Whether only what was approved is applied."""


def _left_out(asked: Asked, given: Mapping[str, str]) -> str:
    """A warning of the keys that are none, or "": one that was misspelt once stays in the stack's file, and a lock-down
    goes on beside it. Where none is asked for it may be one that nobody made: raises InputError. No value is told."""
    unknown = sorted(set(given) - KEYS)
    if not unknown:
        return ""
    known = {"", *_SWITCHES, asked.incident_id, asked.scope_text}
    naming = [key for key in unknown if given[key] not in known and _names(key)]
    remove = " && ".join(f"pulumi config rm {key}" for key in unknown)
    said = f"config {', '.join(unknown)}: no such key; one of {', '.join(sorted(KEYS))}"
    said += f"; it stays in {asked.file} until: {remove}"
    if asked.mode is not Mode.LOCK:
        raise InputError(f"{said}; nothing was changed. A lock-down that reads no stack file: portcullis contain")
    if naming:
        # Left out, everything would be locked down, or what an older question names: contained, and the leak is open.
        raise InputError(
            f"{said}; {', '.join(naming)} may say what leaked, so nothing was changed. Or lock down without the stack "
            "file: portcullis contain --scope NAME"
        )
    return f"{said}; the lock-down goes on without it"


def _redirected(everything: Mapping[str, str]) -> None:
    """Pulumi gives its Vault provider what a stack file says of it: another server would get the operator's token, and
    none of the policies. Raises InputError, for a lock-down too. No value is told."""
    found = sorted(key for key in everything if key.startswith("vault:"))
    if found:
        remove = " && ".join(f"pulumi config rm {key}" for key in found)
        raise InputError(
            f"config {', '.join(found)}: Pulumi's resources must go where all else goes, which VAULT_ADDR, VAULT_TOKEN "
            f"and VAULT_CACERT say; nothing was changed. {remove}. A lock-down that reads no stack file: portcullis "
            "contain"
        )


def _names(key: str) -> bool:
    """Whether it may have been meant for one of those that name a lock-down."""
    said, naming = key.lower(), ("incidentid", "incidentscope")
    return any(known.endswith(said) for known in naming) or bool(get_close_matches(said, naming, cutoff=0.5))


def read() -> Settings:
    """Raises InputError naming the key and what it may be."""
    config, everything = pulumi.Config(), pulumi.runtime.config.CONFIG.get()
    _redirected(everything)
    mode, environment = config.get("incident") or "keep", config.get("environment") or EVERY_ENVIRONMENT
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
    prefix = f"{config.name}:"
    given = {k.removeprefix(prefix): v for k, v in everything.items() if k.startswith(prefix)}
    if warning := _left_out(asked, given):
        told.warn(warning)
    approval = config.get("approvalRequired") or "false"
    if approval not in ("true", "false"):
        raise InputError(f"config approvalRequired: {approval!r}; true or false")
    return Settings(asked, environment, approval == "true")
