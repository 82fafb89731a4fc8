"""`portcullis access`: who reaches what, and why."""

from __future__ import annotations

import click

from rotation.commands import Commands


@click.group("access", cls=Commands, package=__name__)
def command() -> None:
    """Say who can reach a path, what one of them can reach, and which rule decides.

    \b
    Examples:
      portcullis access who exchange-trading-key
      portcullis access of settlement
      portcullis access explain --policy app.hcl secret/data/app
    """
