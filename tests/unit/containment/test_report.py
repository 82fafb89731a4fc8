"""What to run again after a lock-down that did not hold."""

from __future__ import annotations

import pytest

from containment.report import NAMED_AGAIN, Effect, Outcome, Report

ALONE, NAMED = "keep", "true with the names"


@pytest.mark.parametrize(
    ("failed", "command"),
    [((), ""), ((NAMED_AGAIN,), ""), (("gate",), ALONE), (("gate", NAMED_AGAIN), NAMED)],
)
def test_what_was_named_again_is_lost_by_no_command_that_is_printed(failed: tuple[str, ...], command: str) -> None:
    """By `keep` the next run would call it contained."""
    report = Report("A", tuple(Effect(what, "x", Outcome.FAILED, "why", 1.0) for what in failed))
    assert report.to_go_on(ALONE, NAMED) == command
