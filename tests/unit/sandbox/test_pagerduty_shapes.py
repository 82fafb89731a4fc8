"""The double's shapes: start from an event that holds, break one thing."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.doubles.pagerduty.shapes import ACCEPTED, EVENT, REFUSED, wrong

PAYLOAD: dict[str, Any] = {"summary": "s", "source": "portcullis", "severity": "critical"}
TRIGGER: dict[str, Any] = {"routing_key": "0" * 32, "event_action": "trigger", "dedup_key": "I", "payload": PAYLOAD}
RESOLVE: dict[str, Any] = {"routing_key": "0" * 32, "event_action": "resolve", "dedup_key": "I"}


def test_what_holds() -> None:
    assert wrong(EVENT, TRIGGER) == wrong(EVENT, RESOLVE) == []
    assert wrong(EVENT, {k: v for k, v in TRIGGER.items() if k != "dedup_key"}) == []


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {**TRIGGER, "event_action": "open"},
        {**TRIGGER, "tags": ["secret-leak"]},
        {**TRIGGER, "routing_key": "short"},
        {**TRIGGER, "dedup_key": "x" * 256},
        {**TRIGGER, "payload": {**PAYLOAD, "severity": "SEV-1"}},
        {**TRIGGER, "payload": {**PAYLOAD, "summary": "x" * 1025}},
        {**TRIGGER, "payload": {**PAYLOAD, "custom_details": "text"}},
        {**TRIGGER, "payload": {"summary": "s", "severity": "info"}},
        {**TRIGGER, "links": [{"text": "no address"}]},
        {**RESOLVE, "payload": PAYLOAD},
        {k: v for k, v in RESOLVE.items() if k != "dedup_key"},
    ],
)
def test_what_does_not(event: object) -> None:
    assert wrong(EVENT, event)


def test_answers() -> None:
    assert wrong(ACCEPTED, {"status": "success", "message": "Event processed", "dedup_key": "I"}) == []
    assert wrong(ACCEPTED, {"status": "success", "message": "Event processed"})
    assert wrong(REFUSED, {"status": "invalid event", "message": "m", "errors": []})
