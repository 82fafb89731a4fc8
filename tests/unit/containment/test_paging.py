"""Which pages are due: each once, news again, and nothing but the end for what was lifted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from containment import paging
from containment.folder import record
from containment.incidents.incident import Incident, Scope, State
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


class Told:
    def __init__(self) -> None:
        self.summaries: list[str] = []

    def trigger(self, incident_id: str, summary: str, *_: object) -> None:
        assert incident_id == "I"
        self.summaries.append(summary.removeprefix("SEV-1 secret leak I "))


@pytest.mark.parametrize("opens", [True, False])
def test_who_opens_the_incident_is_not_silenced_by_its_folder_and_who_joins_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opens: bool
) -> None:
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    for name, kind in (("_sent", dict), ("_opened", set)):
        monkeypatch.setattr(paging, name, kind())
    pager, said = Told(), list[str]()
    monkeypatch.setattr(paging, "_pager", lambda: pager)
    for stage, detail in ((OPENED, "secret:a"), (CONTAINED, "")):
        record.note("I", phase="detection", what=paging.PAGED, target=stage, detail=detail)
    if opens:
        paging.anew("I")
    paging.begin(OPEN, said.append)
    paging.tell([OPEN], {"I": ()}, said.append)
    assert pager.summaries == (["opened: secret:a", "contained"] if opens else [])
    words = "incident I: not sent to the pager again, since its folder says that it was: opened, contained"
    assert said == ([] if opens else [words])


@pytest.mark.parametrize(
    ("key", "ca", "url", "said"),
    [
        (b"k", "none.pem", "https://127.0.0.1:1", "SSL_CERT_FILE none.pem: No such file or directory"),
        (b"\xff", "", "https://127.0.0.1:1", "UnicodeDecodeError"),
        (b"k", "", "https://127.0.0.1:x", "InvalidURL"),
    ],
)
def test_a_wrong_setting_is_told_and_ends_no_lock_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: bytes, ca: str, url: str, said: str
) -> None:
    file = tmp_path / "key"
    file.write_bytes(key)
    file.chmod(0o600)
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY_FILE", str(file))
    monkeypatch.setenv("PAGERDUTY_EVENTS_URL", url)
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    monkeypatch.setattr(paging, "_sent", {})
    told: list[str] = []
    paging.tell([OPEN], {"I": ()}, told.append)
    assert told == [f"not paged for incident I, the next run tries again: {said}"]
