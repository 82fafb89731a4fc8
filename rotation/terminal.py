"""What commands print: text that may be anybody's is made fit for a terminal here, and nowhere else is it printed."""

from __future__ import annotations

import json

import click

from policies.plain import entry


def say(text: str, err: bool = False) -> None:
    """One entry: controls and directions as their escapes."""
    click.echo(entry(text), err=err)


def progress(text: str) -> None:
    """As `say`, on stderr, where it mixes with no document."""
    say(text, err=True)


def emit(obj: object, indent: int | None = None) -> None:
    """The one JSON document on stdout; in ASCII, so that every control is escaped."""
    click.echo(json.dumps(obj, indent=indent))


def verbatim(text: str) -> None:
    """For a shell or a file, not for eyes: as it is, with no line break added."""
    click.echo(text, nl=False)
