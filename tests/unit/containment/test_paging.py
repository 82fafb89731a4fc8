"""Which pages are due: each once, news again, and nothing but the end for what was lifted."""

from __future__ import annotations

from dataclasses import replace

from containment.incident import Incident, Scope, State
from containment.paging import CONTAINED, LIFTED, NOT_CONTAINED, OPENED, Page, due

OPEN = Incident("I", Scope(False, ("secret:a",)), State.OPEN, opened_at=1)
FIRST = Page(OPENED, "secret:a")


def test_opened_once() -> None:
    assert due(OPEN, None, []) == [FIRST]
    assert due(OPEN, None, [FIRST]) == []


def test_the_outcome_follows() -> None:
    assert due(OPEN, (), []) == [FIRST, Page(CONTAINED, "")]
    assert due(OPEN, (), [FIRST, Page(CONTAINED, "")]) == []
    assert due(OPEN, ("x", "y"), [FIRST]) == [Page(NOT_CONTAINED, "x; y")]
    assert due(OPEN, ("x",), [FIRST, Page(NOT_CONTAINED, "x; y")]) == [Page(NOT_CONTAINED, "x")]


def test_what_turned_back_is_news() -> None:
    sent = [FIRST, Page(CONTAINED, ""), Page(NOT_CONTAINED, "x")]
    assert due(OPEN, (), sent) == [Page(CONTAINED, "")]
    assert due(OPEN, ("x",), [*sent, Page(CONTAINED, "")]) == [Page(NOT_CONTAINED, "x")]


def test_a_lifted_incident_is_resolved_and_never_triggered() -> None:
    lifted = replace(OPEN, state=State.LIFTED)
    assert due(lifted, (), []) == [Page(LIFTED, "")]
    assert due(lifted, None, [FIRST, Page(LIFTED, "")]) == []
