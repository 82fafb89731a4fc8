"""No run that was cut short leaves a better word than what it has seen."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from containment.adapters.vault import HvacVault
from containment.errors import DENIED
from containment.incidents.decide import Asked, Decision
from containment.incidents.incident import Incident, Mode, Scope, State
from policies.errors import InputError, PortcullisError, Unanswered, Unreachable
from stacks import before, first, outputs, settings
from stacks.outputs import Standing

OPEN = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
LOCKED, PEACE = Decision((OPEN,), OPEN, None), Decision((), None, None)


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.log, "info", lambda _: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize(
    ("decision", "proven", "word"),
    [
        (LOCKED, True, Standing.LOCKED),
        (LOCKED, False, Standing.NOT_CONTAINED),
        (PEACE, True, Standing.OPEN),
        (PEACE, False, Standing.UNKNOWN),
    ],
)
def test_only_what_was_seen_is_told(exported: dict[str, Any], decision: Decision, proven: bool, word: Standing) -> None:
    outputs.tell(decision, proven=proven)
    assert exported["mode"] == word


@pytest.mark.parametrize(("proven", "left"), [(True, []), (False, ["A"])])
def test_what_is_being_lifted_is_open_until_it_is_on_record(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any], proven: bool, left: list[str]
) -> None:
    nothing = SimpleNamespace(apply=lambda f: f([]))
    monkeypatch.setattr(before, "unknown_to", lambda _: nothing)
    outputs.tell(Decision((replace(OPEN, state=State.LIFTED),), None, OPEN), proven=proven)
    assert exported["openIncidents"] == left


def _failing(monkeypatch: pytest.MonkeyPatch, mode: Mode, words: str) -> None:
    """A server that fails in these words whatever it is asked."""

    class Server:
        def compiled(self, *_: object) -> None:
            raise Unreachable(words)

        capabilities = compiled

    monkeypatch.setattr(settings, "read", lambda: settings.Settings(Asked(mode, "A", ""), "all", approval=False))
    monkeypatch.setattr(HvacVault, "from_environment", Server)
    monkeypatch.setattr(HvacVault, "for_containment", Server)
    monkeypatch.setattr(first, "_verdict", lambda _: "")


@pytest.mark.parametrize(
    ("mode", "word"), [(Mode.LOCK, "not contained"), (Mode.KEEP, "unknown"), (Mode.LIFT, "unknown")]
)
def test_a_server_that_is_killed_at_once_leaves_no_word_of_an_earlier_run(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any], mode: Mode, word: str
) -> None:
    _failing(monkeypatch, mode, "vault: read: ConnectionError")
    with pytest.raises(pulumi.RunError, match="ConnectionError"):
        first.deny()
    assert exported["mode"] == word


@pytest.mark.parametrize(
    ("mode", "words"),
    [(Mode.LOCK, "by `portcullis contain`"), (Mode.KEEP, "`bao token lookup` says"), (Mode.LIFT, "bao")],
)
def test_tokens_that_are_refused_are_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any], mode: Mode, words: str
) -> None:
    del exported

    _failing(monkeypatch, mode, "vault: read: Forbidden: permission denied")
    with pytest.raises(pulumi.RunError, match=f"permission denied: .*{words}"):
        first.deny()


@pytest.mark.parametrize("mode", [Mode.KEEP, Mode.LIFT])
def test_a_vault_that_does_not_answer_is_told_with_what_to_do(mode: Mode) -> None:
    vault: Any = SimpleNamespace()
    with pytest.raises(
        Unanswered, match=r"^vault: away: the vault gives no answer.*Start or unseal.*portcullis contain"
    ):
        first.without_vault(vault, Asked(mode, "A", ""), None, Unanswered("vault: away"), dry=False)


CONTAINED = replace(OPEN, contained_at=20)


@pytest.mark.parametrize(
    ("held", "word", "named"),
    [
        ((), "open", ["A", "GONE"]),
        ((replace(OPEN, state=State.LIFTED),), "open", ["GONE"]),
        ((OPEN,), "not contained", ["A", "GONE"]),
        ((CONTAINED, replace(OPEN, id="B")), "not contained", ["A", "B", "GONE"]),
        ((CONTAINED,), "unknown", ["A", "GONE"]),
        (Unreachable("vault: read: ConnectionError"), "unknown", ["A", "GONE"]),
    ],
)
def test_what_is_refused_leaves_the_word_of_the_servers(
    monkeypatch: pytest.MonkeyPatch,
    exported: dict[str, Any],
    last: dict[str, Any],
    held: tuple[Incident, ...] | PortcullisError,
    word: str,
    named: list[str],
) -> None:
    """And what the update before left open, as far as no server knows better."""
    last["openIncidents"] = ["A", "GONE"]

    class Server:
        def incidents(self) -> tuple[Incident, ...]:
            if isinstance(held, PortcullisError):
                raise held
            return held

    def mistyped() -> None:
        raise InputError("config incident: 'True'; one of keep, true, false")

    monkeypatch.setattr(settings, "read", mistyped)
    monkeypatch.setattr(HvacVault, "from_environment", Server)
    monkeypatch.setattr(first, "_verdict", lambda _: "")
    with pytest.raises(pulumi.RunError, match="one of keep, true, false"):
        first.deny()
    assert exported["mode"] == word
    assert exported["openIncidents"] == named


INTERRUPTED = [
    (True, "true", "touches nothing"),
    (False, "true", "not contained until the same command"),
    (False, "keep", "named above): run the same command again"),
    (False, "false", "named above): nothing was lifted; run the same command again"),
]


@pytest.mark.parametrize(("dry", "incident", "says"), INTERRUPTED)
def test_an_interrupt_ends_the_program_with_a_word(
    monkeypatch: pytest.MonkeyPatch, dry: bool, incident: str, says: str
) -> None:
    told = list[str]()
    monkeypatch.setattr(pulumi.log, "error", told.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: dry)
    monkeypatch.setattr(pulumi.Config, "get", lambda *_: incident)
    with pytest.raises(SystemExit) as ended:
        first._interrupted(signal.SIGINT, None)
    assert ended.value.code == 32, "Pulumi's host would print that the program failed"
    assert len(told) == 1
    assert told[0].startswith("cut short, by ^C ")
    assert says in told[0]


@pytest.mark.parametrize(("goes_on", "said"), [("", True), ("false", True), ("true", False), ("1", False)])
def test_a_run_that_a_failure_ends_says_how_one_goes_on_past_it(
    monkeypatch: pytest.MonkeyPatch, goes_on: str, said: bool
) -> None:
    told = list[str]()
    monkeypatch.setattr(pulumi.log, "error", told.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(pulumi.Config, "get", lambda *_: "keep")
    monkeypatch.setenv("PULUMI_CONTINUE_ON_ERROR", goes_on)
    with pytest.raises(SystemExit):
        first._interrupted(signal.SIGINT, None)
    assert told[0].endswith("with PULUMI_CONTINUE_ON_ERROR=true, which goes on past it") == said


def test_what_the_same_command_never_gets_past_names_the_administrators_part(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    monkeypatch.setattr(pulumi.log, "error", told.append)
    monkeypatch.setattr(pulumi.Config, "get", lambda *_: "keep")
    for dry in (False, True):
        monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda dry=dry: dry)
        with pytest.raises(SystemExit):
            first._interrupted(signal.SIGINT, None)
    assert [DENIED in words for words in told] == [True, False], "a preview is refused nothing"


def test_a_lift_that_has_begun_is_not_said_to_have_lifted_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    monkeypatch.setattr(pulumi.log, "error", told.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(pulumi.Config, "get", lambda *_: "false")
    monkeypatch.setattr(first, "lift_begun", begun := threading.Event())
    begun.set()
    with pytest.raises(SystemExit):
        first._interrupted(signal.SIGINT, None)
    assert "named above): run the same command again" in told[0]


def test_a_defect_says_to_run_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    monkeypatch.setattr(pulumi.log, "error", told.append)
    with pytest.raises(KeyError), first.refusals():
        raise KeyError("x")
    assert told == ["unexpected KeyError: not contained until the same command has run to its end; run it again"]
