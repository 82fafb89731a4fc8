"""What commands print: text that may be anybody's is made fit for a terminal here, and nowhere else is it printed."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress

import click

from policies.errors import Unreachable
from policies.plain import entry

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
"""Every command's; what it gives goes through `emit`."""


def say(text: str) -> None:
    """One entry: controls and directions as their escapes. Raises Unreachable where stdout takes nothing."""
    _print(entry(text))


def progress(text: str) -> None:
    """As `say`, on stderr, where it mixes with no document. A full disk, or a reader that went away (`| head`), takes
    no word, and stops no lock-down and no rotation."""
    with suppress(Unreachable):
        _print(entry(text), err=True)


def emit(obj: object, indent: int | None = None) -> None:
    """The one JSON document on stdout; in ASCII, so that every control is escaped. Raises as `say`."""
    _print(json.dumps(obj, indent=indent))


def verbatim(text: str) -> None:
    """For a shell or a file, not for eyes: as it is, with no line break added. Raises as `say`."""
    _print(text, nl=False)


def exports(variables: Mapping[str, str]) -> None:
    """As lines for `eval`. Raises as `say`."""
    verbatim("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


def _print(text: str, *, err: bool = False, nl: bool = True) -> None:
    try:
        click.echo(text, err=err, nl=nl)
    except OSError as error:
        stream = sys.stderr if err else sys.stdout
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), stream.fileno()
        )  # or the interpreter fails on what is left at its end
        raise Unreachable(f"{'stderr' if err else 'stdout'} takes nothing more: {error.strerror}") from error
