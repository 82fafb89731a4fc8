"""Whether the token that declares is one for what it declares, by the server's word."""

from __future__ import annotations

import os
from pathlib import Path

from containment.adapters.vault import HvacVault
from containment.incidents import approved
from containment.incidents.approved import Unapproved
from policies.digest import digest, of_file
from policies.errors import InputError, Unanswered, Unreachable
from policies.load import default_folder
from stacks import told

PLAN = "PORTCULLIS_PLAN"
"""Names the saved plan that `pulumi up --plan` is given. Pulumi does not tell the program which it is."""


def require(*, required: bool, dry: bool) -> None:
    """Before anything changes; a preview only says it. Raises Unapproved, InputError for a plan that cannot be read,
    and Unreachable when the token does not live any more."""
    try:
        approved.require(_metadata(), digest(default_folder()), _plan(), required=required)
    except Unapproved as refusal:
        if not dry:
            raise
        told.warn(f"an update would be refused: {refusal}")


def _metadata() -> dict[str, str]:
    try:
        return dict(HvacVault.from_environment().metadata())
    except Unanswered:
        raise
    except Unreachable as error:
        raise Unreachable(f"{error}; has the token ended? One for an approved apply lives half an hour") from error


def _plan() -> str | None:
    name = os.environ.get(PLAN)
    if not name:
        return None
    try:
        return of_file(Path(name))
    except OSError as error:
        raise InputError(f"{PLAN}: {name}: {error.strerror}") from error
