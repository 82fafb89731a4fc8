"""What to run again after a lock-down that did not hold."""

from __future__ import annotations

import pytest

from containment.report import NAMED_AGAIN, Effect, Outcome, Report


@pytest.mark.parametrize("failed", [(), (NAMED_AGAIN,), ("gate",), ("gate", NAMED_AGAIN)])
def test_what_was_named_again_is_no_reason_to_run_it_again(failed: tuple[str, ...]) -> None:
    report = Report("A", tuple(Effect(what, "x", Outcome.FAILED, "why", 1.0) for what in failed))
    assert report.named_again == (NAMED_AGAIN in failed)
    assert report.goes_on == ("gate" in failed)
