"""`portcullis` and `python -m rotation`: one command a file under `rotation/commands`, loaded when it is asked for."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import NoReturn, cast

import click

from policies.errors import PortcullisError

_COMMANDS = Path(__file__).resolve().parent / "commands"


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(f.stem.replace("_", "-") for f in _COMMANDS.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"rotation.commands.{name.replace('-', '_')}").command
        return cast(click.Command, command)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def cli() -> None:
    """Contain a leaked secret with one switch, rotate it, prove it, lift.

    \b
    Exit codes: 0 holds; 1 a finding (denied, not contained, drift);
                2 wrong use or bad input; 3 a system could not be reached or refused.
    \b
    Examples:
      portcullis doctor
      portcullis sandbox up
      portcullis contain --scope exchange-trading-key
    """


def main() -> None:
    """Run the command line; the one place where errors become exit codes."""
    try:
        code = cli(prog_name="portcullis", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _fail(error.format_message(), error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        _fail("aborted", 1)
    except PortcullisError as error:
        click.echo(f"portcullis: {error}", err=True)
        _fail(str(error), error.exit_code)
    sys.exit(code)


def _fail(message: str, code: int) -> NoReturn:
    """With `--json` there is a document on stdout however a command ends."""
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": message, "exit_code": code}))
    sys.exit(code)
