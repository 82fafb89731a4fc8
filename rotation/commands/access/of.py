"""`portcullis access of`: what one of them reaches."""

from __future__ import annotations

from pathlib import Path

import click

from rotation.asking.sources import asked_of
from rotation.terminal import emit


@click.command("of")
@click.argument("name")
@asked_of
def command(name: str, folder: Path | None, live: bool, as_json: bool) -> None:
    """Say what NAME has: every path with its capabilities, what it stands for, through what, and where it is written.

    NAME is a workload or anybody else that `who` names: by its name, or by kind and name where that is ambiguous.

    \b
    Examples:
      portcullis access of settlement
      portcullis access of "CI role cicd" --json
      portcullis access of "entity ops" --live
    """
    from access.questions import named, of
    from rotation.asking import documents, sources, tables

    held = sources.snapshot(folder, live)
    found = [(principal, of(held, principal)) for principal in named(held, name)]
    if as_json:
        document = {"name": name, "principals": [documents.held(*f) for f in found], "unread": list(held.unread)}
        emit(document)
    else:
        for principal, grants in found:
            tables.held(principal, grants)
    sources.end(held)
