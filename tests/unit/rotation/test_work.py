"""Observe, act, verify: what a step does when an answer is lost, and what it never does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policies.errors import InputError, Unreachable
from policies.load import load
from rotation.engine import Ended, Rotation, _perform
from rotation.journal import Journal
from rotation.plan import Kind
from rotation.work import NotProven, Outcome, Result, Step, Waiting, perform

QUICK = (0.0, 0.0, 0.0)


class Server:
    """Makes keys. `lost`: how many answers never arrive."""

    def __init__(self, lost: int = 0) -> None:
        self.keys = 0
        self._lost = lost

    def make(self) -> None:
        self.keys += 1
        if self._lost:
            self._lost -= 1
            raise Unreachable("the answer was lost")

    def step(self) -> Step:
        return Step("create", lambda: f"{self.keys} key", lambda: self.keys > 0, self.make)


def test_a_lost_answer_is_resolved_by_observing() -> None:
    server = Server(lost=1)
    result = perform(server.step(), QUICK)
    assert (result.outcome, server.keys) == (Outcome.ALREADY, 1)


def test_what_holds_already_is_not_done_again() -> None:
    server = Server()
    assert perform(server.step(), QUICK).outcome is Outcome.DONE
    assert perform(server.step(), QUICK).outcome is Outcome.ALREADY
    assert server.keys == 1


@pytest.mark.parametrize(
    ("error", "outcome", "tries"),
    [
        (NotProven("no"), Outcome.FAILED, 3),
        (Unreachable("down"), Outcome.FAILED, 3),
        (InputError("unset"), Outcome.FAILED, 1),
        (Waiting("for a person"), Outcome.WAITING, 1),
    ],
)
def test_failures(error: Exception, outcome: Outcome, tries: int) -> None:
    tried = []

    def verify() -> str:
        tried.append(1)
        raise error

    result = perform(Step("s", verify), QUICK)
    assert (result.outcome, len(tried), result.detail) == (outcome, tries, str(error))
    assert not result.holds
    assert result.away is isinstance(error, Unreachable)
    assert Result.from_json(result.to_json()) == result


def test_a_defect_of_ours_says_where_and_never_what() -> None:
    def verify() -> str:
        raise KeyError("hunter2")

    result = perform(Step("s", verify), QUICK)
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("KeyError at test_work.py:")
    assert "hunter2" not in result.detail


@pytest.mark.parametrize(
    ("away", "code"), [((), 0), ((False,), 1), ((True,), 3), ((False, True), 3), ((True, False), 3)]
)
def test_a_system_that_is_away_outranks_what_was_found(away: tuple[bool, ...], code: int) -> None:
    ended = [Ended("secret:a", (Result("s", Outcome.DONE, ""),))]
    ended += [Ended("secret:b", (Result("s", Outcome.FAILED, "", a),)) for a in away]
    assert Rotation("I", tuple(ended), 1.0).exit_code == code


def test_a_step_of_what_was_declared_otherwise_is_named_with_the_remedy() -> None:
    """A killed run goes on with the steps that it began with."""
    credential = SimpleNamespace(item="secret:partner-api-key", name="partner-api-key", kind=Kind.MANUAL)
    work: Any = SimpleNamespace(credential=credential, incident_id="INC-1", estate=load())
    result = _perform(work, "try-new", Journal("INC-1", lambda _: None))
    assert result.outcome is Outcome.FAILED
    assert result.detail == (
        "secret:partner-api-key is rotated as manual, which has no step try-new: its declaration changed since this "
        "run began: portcullis rotate run INC-1 begins anew"
    )
