"""However the command line ends: one document on stdout with `--json`, the words on stderr, and the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from containment import direct
from containment.absent import Done
from containment.adapters.vault import HvacVault
from containment.incidents.incident import Incident, Scope, State
from containment.report import Effect, Outcome, Report
from policies.errors import Unreachable
from rotation import cli
from rotation.commands import contain
from sandbox.environment import REPOSITORY


def _run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    monkeypatch.setattr("sys.argv", ["portcullis", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "--json", "--no-such"], "No such option"),
        (["rotate", "run", "--json"], "Missing argument 'INCIDENT'"),
        (["rotat", "--json"], "No such command"),
        (["evidence", "report", "a\x07b", "--json"], "incident"),
        (["evidence", "report", "INC-0", "--json"], "no evidence for incident INC-0"),
    ],
)
def test_wrong_use_is_a_document(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _run(monkeypatch, capsys, *words)
    document = json.loads(out)
    assert (code, document["exit_code"]) == (2, 2)
    assert message in document["error"]
    assert message in err
    assert "\x07" not in out + err


def _leaves(command: click.Command, context: click.Context, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for word in command.list_commands(context):
        under = command.get_command(context, word)
        assert under is not None
        yield from _leaves(under, context, f"{name} {word}".strip())


def test_every_command_has_json_and_an_example() -> None:
    context = click.Context(cli.cli)
    found = dict(_leaves(cli.cli, context))
    assert {"contain", "sandbox reset", "tools env"} <= set(found)
    assert [name for name, leaf in found.items() if "as_json" not in {p.name for p in leaf.params}] == []
    assert [name for name, leaf in found.items() if "Example" not in (leaf.help or "")] == []


def test_without_json_stdout_stays_empty(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(monkeypatch, capsys, "rotate", "run")
    assert (code, out) == (2, "")
    assert err.startswith("Usage: portcullis rotate run")


@pytest.mark.parametrize(("error", "code"), [(Unreachable("vault is down\x07"), 3), (KeyboardInterrupt(), 130)])
def test_what_ends_a_command_is_a_document(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("sandbox.environment.here", fail)
    ended, out, err = _run(monkeypatch, capsys, "sandbox", "status", "--json")
    assert (ended, json.loads(out)["exit_code"]) == (code, code)
    assert "vault is down" in err or "portcullis: interrupted\n" in err
    assert "\x07" not in err


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (
            ["contain"],
            "not contained until the same command has run to its end; run it again; where no incident is named above, "
            "nothing is on record or changed",
        ),
        (["rotate", "run", "INC-1"], "run the same command again, it goes on where it stopped"),
        (["revoke", "database/creds/x"], "run the same command again, it goes on where it stopped"),
        (["secrets-issue-dynamic", "--role", "x"], "run the same command again, it goes on where it stopped"),
    ],
)
@pytest.mark.parametrize(
    ("error", "how", "code"),
    [(KeyboardInterrupt(), "interrupted", 130), (None, "interrupted", 143), (KeyError("x"), "unexpected KeyError", 1)],
    ids=["SIGINT", "SIGTERM", "defect"],
)
def test_what_is_cut_short_says_what_it_leaves(
    words: list[str],
    state: str,
    error: BaseException | None,
    how: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        if error is None:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            raise error

    monkeypatch.setenv("VAULT_TOKEN", "unused")
    for opened in ("HvacVault.for_containment", "HvacVault.from_environment"):
        monkeypatch.setattr(f"containment.adapters.vault.{opened}", fail)
    monkeypatch.setattr("containment.adapters.custodian.HvacCustodian.from_environment", fail)
    monkeypatch.setattr("rotation.issuing.roles.find", fail)
    ended, out, err = _run(monkeypatch, capsys, *words, "--json")
    assert (ended, json.loads(out)) == (code, {"error": f"{how}: {state}", "exit_code": code})
    assert err.endswith(f"portcullis: {how}: {state}\n")
    assert ("Traceback" in err) is isinstance(error, KeyError)


def test_what_is_interrupted_while_it_is_loaded_says_that_nothing_was_done(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    argv, env = [sys.executable, "-m", "rotation", "contain"], {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "portcullis: interrupted: nothing was done\n")


@pytest.mark.parametrize("words", [["--help"], *([c, "--help"] for c in cli.cli.list_commands(click.Context(cli.cli)))])
def test_help_is_no_error(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = _run(monkeypatch, capsys, *words)
    assert code == 0
    assert "Examples:" in out
    assert "\b" not in out


@pytest.mark.parametrize("blank", ["--by", "--note"])
def test_a_word_without_a_name_or_without_words_is_refused(blank: str) -> None:
    given = {"--by": "A. Roth", "--note": "ticket 4711", blank: "  "}
    argv = ["rotate", "confirm", "INC-7", "audit-quiet", *(word for pair in given.items() for word in pair)]
    done = CliRunner().invoke(cli.cli, argv)
    assert done.exit_code == 2
    assert blank in done.output
    assert "it goes on record" in done.output


@pytest.mark.parametrize(
    ("outcome", "line"), [("failed", "0 effects, not contained"), ("done", "1 effects, contained")]
)
def test_the_line_of_a_lock_down_ends_in_what_came_of_it(
    outcome: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = Effect("gate", "pc-gate", Outcome(outcome), "no answer", 1.0)
    done = Done(Report("INC-1", (effect,)), Incident("INC-1", Scope(False, ("ci:c",)), State.OPEN, 1), None)
    monkeypatch.setattr(HvacVault, "for_containment", lambda: None)
    monkeypatch.setattr(direct, "contain", lambda *_: done)
    assert f"incident INC-1: {line}" in CliRunner().invoke(contain.command, []).output.splitlines()
