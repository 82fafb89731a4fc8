"""What commands print: text that may be anybody's is made fit for a terminal here, and nowhere else is it printed."""

from __future__ import annotations

import json

import click

from policies.plain import plain


def say(text: str, err: bool = False) -> None:
    """One entry: controls and directions as their escapes. Lines after the first are indented, so that a name with a
    line break in it passes for no entry of its own."""
    first, *rest = text.rstrip().replace("\t", "    ").split("\n")
    click.echo("\n".join([plain(first), *(f"  {plain(line)}" for line in rest if line.strip())]), err=err)


def progress(text: str) -> None:
    """As `say`, on stderr, where it mixes with no document."""
    say(text, err=True)


def emit(obj: object, indent: int | None = None) -> None:
    """The one JSON document on stdout; in ASCII, so that every control is escaped."""
    click.echo(json.dumps(obj, indent=indent))


def verbatim(text: str) -> None:
    """For a shell or a file, not for eyes: as it is, with no line break added."""
    click.echo(text, nl=False)
