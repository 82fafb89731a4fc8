"""From the options of a command to a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from policies.errors import InputError
from rotation.terminal import JSON, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from access.snapshot import Principal, Snapshot

FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Declarations [PORTCULLIS_DECLARATIONS; default: policies/access], or .hcl and .json policies.",
)
LIVE = click.option("--live", is_flag=True, help="Ask the server (VAULT_ADDR, VAULT_TOKEN) instead.")


def asked_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every question has."""
    return FOLDER(LIVE(JSON(function)))


def snapshot(folder: Path | None, live: bool) -> Snapshot:
    """Of declarations, of a folder without declarations but with policies, or of the server.

    Raises InputError, DeclarationError, Unreachable.
    """
    from policies.load import load

    if live:
        return _of_server(folder)
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if folder is not None and not any(folder.rglob("*.y*ml")) and _holds_policies(folder):
        from access.sources import files

        return files.snapshot(folder, datetime.now(UTC))
    from access.sources import declared

    return declared.snapshot(load(folder))


def mounts(held: Snapshot) -> Mapping[str, str]:
    """Those that are known, else those that the rules show."""
    from access.paths import mounts_of

    rules = (rule for p in held.principals for a in p.attached for rule in a.policy.rules)
    return held.mounts or mounts_of(rules)


def from_server(policies: Sequence[str], entity: str | None) -> Principal:
    """Raises InputError for a name that is not there, Unreachable, also when a part may not be read."""
    from access.sources import live
    from containment.adapters.vault import HvacVault

    return live.chosen(HvacVault.from_environment(), policies, entity)


def from_files(policies: Sequence[str], entity: str | None) -> Principal:
    """Raises InputError."""
    from access.snapshot import Attached, Principal, PrincipalKind
    from access.sources import files
    from rotation.asking import entities

    now = datetime.now(UTC)
    found = files.policies(map(Path, policies), now)
    attached = tuple(Attached(policy, f"file {policy.source}") for policy in found)
    name = ", ".join(policy.name for policy in found)
    return Principal(PrincipalKind.POLICY, name, attached, entities.read(Path(entity)) if entity else None, asked=now)


def end(held: Snapshot) -> None:
    """Exit 3 when a part of it could not be read, each on stderr."""
    for reason in held.unread:
        progress(f"not read: {reason}")
    if held.unread:
        progress(f"the answer is not the whole one: {len(held.unread)} paths were not read")
        raise SystemExit(3)


def _of_server(folder: Path | None) -> Snapshot:
    """Declarations name who is known; without any, roles go by their paths."""
    from access.sources import live
    from containment.adapters.vault import HvacVault
    from policies.load import load

    vault = HvacVault.from_environment()
    progress("reading policies, roles, entities and groups of the server")
    return live.snapshot(vault, load(folder))


def _holds_policies(folder: Path) -> bool:
    return any(folder.rglob("*.hcl")) or any(folder.rglob("*.json"))
