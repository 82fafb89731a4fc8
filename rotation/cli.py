"""`portcullis` and `python -m rotation`: the commands under `rotation/commands`."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import click

from containment.errors import CUT_SHORT
from policies.errors import PortcullisError, Unreachable
from rotation.commands import Commands
from rotation.terminal import emit, progress

INTERRUPTED, TERMINATED = 130, 143
"""As a shell has them: 128 and the number of SIGINT or SIGTERM."""
_GOES_ON = "run the same command again, it goes on where it stopped"
_CUT_SHORT = {
    "contain": f"{CUT_SHORT}; where no incident is named above, nothing is on record or changed",
    **dict.fromkeys(("rotate", "revoke", "secrets-issue-dynamic"), _GOES_ON),
}
"""What is true of a command that changes the servers, when it is cut short."""


class Terminated(KeyboardInterrupt):
    """By SIGTERM: a command ends as by Ctrl-C, and says what that leaves."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def cli() -> None:
    """Contain a leaked secret with one switch, rotate it, prove it, lift.

    \b
    Exit codes: 0 holds; 1 a finding (denied, not contained, drift);
                2 wrong use or bad input; 3 a system could not be reached or refused, whatever was found beside it;
                130 interrupted, 143 terminated.

    \b
    Examples:
      portcullis doctor
      portcullis sandbox up
      portcullis contain --scope exchange-trading-key
    """


def main() -> None:
    """Run the command line; the one place where errors become exit codes."""
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(100_000, 20, 20)  # thousands of declarations are kept to the end: looking for garbage finds none
    try:
        code = cli(prog_name="portcullis", standalone_mode=False)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        _fail(error.format_message(), error.exit_code)
    except click.Abort as error:
        code = TERMINATED if isinstance(error.__cause__, Terminated) else INTERRUPTED
        _end(_cut_short("interrupted"), code)
    except PortcullisError as error:
        _end(str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - a defect of ours: it is shown whole, and what it leaves is said
        progress(traceback.format_exc())
        _end(_cut_short(f"unexpected {type(error).__name__}"), 1)
    sys.exit(code)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's signature
    raise Terminated


def _cut_short(how: str) -> str:
    name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"{how}: {_CUT_SHORT[name]}" if name in _CUT_SHORT else how


def _end(message: str, code: int) -> NoReturn:
    progress(f"portcullis: {message}")
    _fail(message, code)


def _fail(message: str, code: int) -> NoReturn:
    """With `--json` there is a document on stdout however a command ends."""
    if "--json" in sys.argv:
        with suppress(Unreachable):  # stdout itself may be what is away
            emit({"error": message, "exit_code": code})
    sys.exit(code)
