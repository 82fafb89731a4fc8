"""Deny before anything else is even imported: neither the declarations nor the provider's library is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import pulumi

from containment import absent, opening, way_out
from containment.adapters.vault import HvacVault
from containment.decide import Asked
from containment.errors import NotContained
from containment.incident import Mode
from policies.errors import PortcullisError, Unanswered, Unreachable
from policies.model import Estate
from stacks import outputs, settings


@dataclass(frozen=True, slots=True)
class Begun:
    """What the rest of the run works on. `asked` names the incident; `stored` is the estate of the last apply."""

    vault: HvacVault
    asked: Asked
    environment: str
    stored: Estate | None
    dry: bool


@contextmanager
def refusals() -> Iterator[None]:
    """Ours to Pulumi's: raises pulumi.RunError with the reason, which Pulumi prints without a traceback."""
    try:
        yield
    except PortcullisError as error:
        raise pulumi.RunError(f"{_verdict(error)}{error}") from error


def _verdict(error: PortcullisError) -> str:
    """A lock-down that a server cut short is not contained, however far it came."""
    locking = pulumi.Config().get("incident") == Mode.LOCK and not pulumi.runtime.is_dry_run()
    return "not contained: " if locking and isinstance(error, Unreachable) else ""


@refusals()
def deny() -> Begun:
    """Nothing is done in a preview, in peace, or before the first apply.

    Raises pulumi.RunError before anything changes: a token that could not undo what it locks.
    """
    config, dry = settings.read(), pulumi.runtime.is_dry_run()
    outputs.begin(config.asked.mode, dry=dry)
    declaring, vault = HvacVault.from_environment(), HvacVault.for_containment()
    asked, stored = config.asked, None
    try:
        stored = vault.compiled()
        if stored is not None and asked.mode is Mode.LOCK and not dry:
            way_out.require(declaring)  # it raises the gate again; `deny_first` proves the token that denies
            asked = opening.deny_first(vault, asked, stored, pulumi.log.info, pulumi.log.warn)
    except Unanswered as error:
        without_vault(asked, stored, error, dry=dry)
    return Begun(vault, asked, config.environment, stored, dry)


def without_vault(asked: Asked, stored: Estate | None, error: Unanswered, *, dry: bool) -> NoReturn:
    """Before any resource is declared: a lock-down does what does not need the vault. Raises pulumi.RunError naming the
    rest, and `error` itself when nothing is to be locked."""
    if asked.mode is not Mode.LOCK or dry:
        raise error
    done = absent.contain(asked, stored, error, pulumi.log.info, pulumi.log.warn)
    words = (str(NotContained(done.report.not_contained)), done.complaint, done.absent)
    raise pulumi.RunError("\n".join(filter(None, words))) from error
