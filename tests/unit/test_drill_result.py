"""What a drill says: never better than the worst that was seen."""

from __future__ import annotations

from drill.result import RECOVERED, STEPS, Probe, missing_steps, timeline, verdict

HELD = Probe("read", "a token", "refused", "refused")
LOOSE = Probe("read", "a token", "refused", "succeeded")


def test_everything_held() -> None:
    assert verdict([HELD], [], []) == RECOVERED


def test_one_probe_that_succeeds_is_not_contained() -> None:
    assert verdict([HELD, LOOSE], [], []) == "not contained: read: succeeded"


def test_a_lock_down_that_was_not_contained_is_not_although_every_probe_held() -> None:
    assert verdict([HELD], ["gate: no"], []) == "not contained: gate: no"
    assert verdict([HELD, LOOSE], ["gate: no"], ["x is still out"]) == "not contained: gate: no; read: succeeded"


def test_a_service_that_is_out_is_not_recovered() -> None:
    assert verdict([HELD], [], ["x is still out"]) == "contained, not recovered: x is still out"


def test_a_step_without_a_trace_was_not_taken() -> None:
    assert missing_steps(STEPS) == []
    assert missing_steps(STEPS[1:]) == [f"no sign of this step: {STEPS[0]}"]


def test_the_longest_bar_is_the_last_milestone_and_what_was_not_reached_says_so() -> None:
    lines = timeline({"to_deny": 1.0, "to_revoked": 2.0, "lockdown": 4.0, "to_rotated": None, "to_lifted": None})
    assert "━" * 40 in lines[2]
    assert "not reached" in lines[4]
