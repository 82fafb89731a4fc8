"""What a run says of itself: the last word on a target counts, and a failure is named once."""

from __future__ import annotations

import time
from threading import Event
from typing import Any

import pytest

from containment.absent import Done
from containment.errors import LastApplyUsed
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.report import Outcome, Report, exit_code
from containment.run import Act, Run, Seen
from policies.errors import InputError, PortcullisError, TimedOut, Unreachable
from policies.load import load

OPEN = Incident("I", Scope(everything=True), State.OPEN, opened_at=10)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def run(told: list[str]) -> Run:
    no: Any = None
    return Run(no, load(), (OPEN,), OPEN, told.append, affected(load(), [OPEN]))


def _saw(outcome: Outcome, detail: str = "") -> Act:
    return lambda: (outcome, detail)


def _report(run: Run) -> Report:
    return Report("I", tuple(run.effects))


def test_what_fails_once_a_sweep_is_named_once_and_in_order(run: Run) -> None:
    for sweep in range(3):
        run.fail("leases revoked", "b", Unreachable("down"))
        run.fail("leases revoked", "a", Unreachable("down"))
        run.effect("token revoked", "c", _saw(Outcome.FAILED, f"sweep {sweep}"))
    assert _report(run).not_contained == ("b, a (leases revoked: down)", "c (token revoked: sweep 2)")
    assert not run.clean
    assert len(run.effects) == 9, "each try stays in the report"


@pytest.mark.parametrize("later", [Outcome.DONE, Outcome.ALREADY])
def test_what_a_later_sweep_saw_done_is_contained(run: Run, later: Outcome) -> None:
    run.each("lease revoked", [("a", _saw(Outcome.FAILED)), ("b", _saw(Outcome.DONE))])
    assert not run.clean
    run.each("lease revoked", [("a", _saw(later))])
    assert run.clean
    assert _report(run).not_contained == ()


def test_what_was_done_first_and_fails_later_is_not_contained(run: Run) -> None:
    run.effect("gate", "a", _saw(Outcome.DONE))
    run.effect("gate", "a", _saw(Outcome.FAILED, "lost"))
    assert not run.clean
    assert _report(run).not_contained == ("a (gate: lost)",)


@pytest.mark.parametrize("other", [("lease revoked", "b"), ("token revoked", "a")])
def test_another_target_or_effect_cures_nothing(run: Run, other: tuple[str, str]) -> None:
    run.effect("lease revoked", "a", _saw(Outcome.FAILED))
    run.effect(*other, _saw(Outcome.DONE))
    assert not run.clean


def test_of_two_of_one_name_in_one_go_the_failure_counts(run: Run) -> None:
    """A secret and a workload may have one name: `role restored` is said of both."""
    failed = Event()

    def fail() -> tuple[Outcome, str]:
        failed.set()
        return Outcome.FAILED, "down"

    def do() -> tuple[Outcome, str]:
        failed.wait()
        time.sleep(0.05)  # it ends after the other, and would have the last word
        return Outcome.DONE, ""

    run.each("role restored", [("a", fail), ("a", do)])
    assert _report(run).not_contained == ("a (role restored: down)",)


def test_one_reason_is_told_once_with_what_it_stands_for(run: Run, told: list[str]) -> None:
    leases = [f"{role} id{number}" for role in ("one", "two") for number in range(3)]
    for _ in range(3):
        run.each("lease revoked", [(lease, _saw(Outcome.FAILED, "refused")) for lease in leases])
        run.fail("leases revoked", "three", Unreachable("down"))
    run.each("lease revoked", [("two id9", _saw(Outcome.FAILED, "no such lease"))])
    assert [line.startswith(("failed: lease revoked one id", "failed: lease revoked two id")) for line in told] == [
        True,
        False,
        False,
        True,
    ]
    assert told[0].endswith(": refused")
    assert told[1].startswith("failed: lease revoked: for a reason told above: 5: ")
    assert told[2:] == ["failed: leases revoked three: down", "failed: lease revoked two id9: no such lease"]
    first, *others = _report(run).not_contained
    assert first in ("6: one (3), two (3) (lease revoked: refused)", "6: two (3), one (3) (lease revoked: refused)")
    assert others == ["three (leases revoked: down)", "two id9 (lease revoked: no such lease)"]
    assert len(run.effects) == 22, "each try stays in the report"


def test_a_defect_of_one_effect_stops_no_other(run: Run) -> None:
    def broken() -> Seen:
        raise KeyError("a secret value")

    run.each("x", [("a", broken), ("b", lambda: (Outcome.DONE, "gone"))])
    assert not run.effect("y", "c", broken)
    failed = [e for e in run.effects if e.outcome is Outcome.FAILED]
    assert [(e.target, e.detail.partition(" in ")[0]) for e in failed] == [
        ("a", "unexpected KeyError"),
        ("c", "unexpected KeyError"),
    ]
    assert all("a secret value" not in e.detail and "test_run.py:" in e.detail for e in failed)
    assert [e.target for e in run.effects if e.outcome is Outcome.DONE] == ["b"]


def test_words_of_others_come_in_as_one_line_that_shows_what_it_holds(run: Run, told: list[str]) -> None:
    evil, shown = "k\x1b[8m\n    done: contained INC-F", "k\\x1b[8m\\n    done: contained INC-F"
    run.effect("deploy keys removed", evil, _saw(Outcome.DONE, evil))
    run.each("token revoked", [(evil, _saw(Outcome.DONE, evil))])
    run.fail("token revoked", evil, Unreachable(evil))
    assert {(e.target, e.detail) for e in run.effects} == {(shown, shown)}
    assert told == [
        f"done: deploy keys removed {shown}: {shown}",
        f"done: token revoked {shown}: {shown}",
        f"failed: token revoked {shown}: {shown}",
    ]


def test_who_timed_out_is_not_asked_again(run: Run) -> None:
    asked: list[str] = []

    def wait() -> Seen:
        with run.asking("db"):
            asked.append("db")
            raise TimedOut("no answer in time")

    run.each("lease revoked", [("a", wait)])
    run.each("lease revoked", [("b", wait)])
    assert asked == ["db"]
    why = "no answer in time: db does not answer, and is not asked again in this run"
    assert _report(run).not_contained == (f"2: a (1), b (1) (lease revoked: {why})",)
    with pytest.raises(Unreachable), run.asking("other"):
        raise Unreachable("refused")
    with run.asking("other"):
        asked.append("other")
    assert asked == ["db", "other"], "a refusal is an answer"


def test_a_system_that_is_away_outranks_what_was_found(run: Run) -> None:
    assert exit_code(run.effects) == 0
    run.effect("probe", "a", _saw(Outcome.FAILED, "answered 200"))
    assert exit_code(run.effects) == 1
    run.fail("leases revoked", "b", Unreachable("down"))
    assert exit_code(run.effects) == 3
    run.effect("leases revoked", "b", _saw(Outcome.DONE))
    assert exit_code(run.effects) == 1, "it came back"


@pytest.mark.parametrize(("why", "code"), [(Unreachable("opa is down"), 3), (InputError("does not load"), 1)])
def test_declarations_that_do_not_serve(why: PortcullisError, code: int) -> None:
    incident = Incident("I", Scope(everything=True), State.OPEN, opened_at=1)
    assert Done(Report("I", ()), incident, LastApplyUsed(why)).exit_code == code
    assert Done(Report("I", ()), incident, None).exit_code == 0
    assert Done(Report("I", ()), incident, None, "the vault is away").exit_code == 3
