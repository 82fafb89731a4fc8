"""Nothing that somebody else wrote moves the cursor, and no command prints past the one place that sees to it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rotation import terminal

ROOT = Path(__file__).resolve().parents[3] / "rotation"
VERBATIM = {
    "commands/access/diff.py",
    "commands/tighten.py",
    "commands/secrets_issue_dynamic.py",
}
"""Lines for a shell, a patch, and the credential that somebody asked to see."""


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b2J", "\x07", "\x7f", "\r", "\u202e", "\x08", "\x85"])
def test_controls_are_shown_not_sent(evil: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(f"a{evil}b")
    terminal.progress(f"a{evil}b")
    terminal.emit({"note": f"a{evil}b"})
    told = capsys.readouterr()
    assert evil not in told.out + told.err
    assert told.err == f"a{evil.encode('unicode_escape').decode()}b\n"
    assert json.loads(told.out.splitlines()[1]) == {"note": f"a{evil}b"}


def test_a_line_break_in_a_name_makes_no_entry(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("MISSING  secret:a\nproven   secret:b\n\n\t* denied\n")
    assert capsys.readouterr().out == "MISSING  secret:a\n  proven   secret:b\n      * denied\n"


@pytest.mark.parametrize("text", ["", "plain", "é – 漢", "export A='x'"])
def test_what_is_harmless_stays(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_a_stderr_that_takes_no_word_stops_nothing() -> None:
    code = "from rotation.terminal import *; progress('a'); progress('b'); say('contained')"
    with Path("/dev/full").open("wb") as full:
        argv = [sys.executable, "-c", code]
        done = subprocess.run(argv, cwd=ROOT.parent, check=False, stdout=subprocess.PIPE, stderr=full)
    assert (done.returncode, done.stdout) == (0, b"contained\n")


def test_a_stdout_that_takes_no_word_ends_with_the_reason() -> None:
    with Path("/dev/full").open("wb") as full:
        argv = [sys.executable, "-m", "rotation", "check", "--explain", "sharing"]
        done = subprocess.run(argv, cwd=ROOT.parent, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (3, "portcullis: stdout takes nothing more: No space left on device\n")


def _printed(file: Path) -> set[str]:
    """Functions by which the file prints, whatever it calls them by."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in ("echo", "secho", "echo_via_pager", "stdout", "stderr"):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and node.id in ("print", "echo", "secho", "verbatim"):
            found.add(node.id)
    return found


@pytest.mark.parametrize("name", sorted(str(f.relative_to(ROOT)) for f in ROOT.rglob("*.py")))
def test_nothing_prints_by_itself(name: str) -> None:
    allowed = (
        {"echo", "stdout", "stderr", "verbatim"}
        if name == "terminal.py"
        else {"verbatim"}
        if name in VERBATIM
        else set()
    )
    beside = {"drift/compare.py": {"stdout", "stderr"}, "__main__.py": {"print", "stderr"}}  # its one line is fixed
    assert _printed(ROOT / name) <= allowed | beside.get(name, set())
