"""`portcullis` and `python -m rotation`: the commands under `rotation/commands`."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from policies.errors import PortcullisError
from rotation.commands import Commands
from rotation.terminal import emit, progress


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
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
        progress("Aborted!")
        _fail("aborted", 1)
    except PortcullisError as error:
        progress(f"portcullis: {error}")
        _fail(str(error), error.exit_code)
    sys.exit(code)


def _fail(message: str, code: int) -> NoReturn:
    """With `--json` there is a document on stdout however a command ends."""
    if "--json" in sys.argv:
        emit({"error": message, "exit_code": code})
    sys.exit(code)
