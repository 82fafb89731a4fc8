"""What a run writes down joins the chain; evidence that was changed is told and stops nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import policies
from containment.folder import chain, record
from containment.incidents.incident import Incident, Scope, State
from containment.report import Effect, Outcome, Report
from policies.errors import Unreachable

INCIDENT = Incident("INC-1", Scope(True), State.OPEN, opened_at=1795488701)
REPORT = Report("INC-1", (Effect("token revoked", "x", Outcome.DONE, "gone", 1795488702.5),))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    return tmp_path / "INC-1"


def test_each_run_is_appended(folder: Path) -> None:
    record.keep(REPORT, INCIDENT)
    first = chain.head(folder)
    record.note("INC-1", phase="recovery", what="login", target="x")
    record.keep(REPORT, INCIDENT)
    assert chain.verify(folder, [first or "never sealed"]) == []
    assert {f.stat().st_mode & 0o777 for f in folder.iterdir()} == {0o600}


def test_what_was_done_before_the_rest_is_noted_with_its_own_time(folder: Path) -> None:
    effects = (*REPORT.effects, Effect("gate", "pc-gate", Outcome.ALREADY, "in force", 1795488702.6))
    record.note_effects("INC-1", effects)
    assert [(e["what"], e["phase"], e["at"]) for e in record.events("INC-1")] == [
        ("token revoked", "containment", 1795488702.5)
    ]
    assert (folder / chain.EVENTS).exists()


def test_changed_evidence_stops_nothing_and_is_not_sealed_again(folder: Path) -> None:
    record.keep(REPORT, INCIDENT)
    before = chain.head(folder)
    (folder / chain.EVENTS).write_text("")
    record.keep(REPORT, INCIDENT)
    assert chain.head(folder) == before
    assert json.loads((folder / "containment.json").read_text())["contained"] is True
    assert "evidence was changed" in (folder / chain.EVENTS).read_text()


def test_what_was_lifted_here_is_seen_lifted(folder: Path) -> None:
    record.keep(REPORT, INCIDENT)
    over = replace(INCIDENT, state=State.LIFTED, lifted_at=INCIDENT.opened_at + 9)
    record.lifted(over)
    assert record.last_seen("INC-1") == (over, "")
    assert [e["what"] for e in record.events("INC-1")] == ["token revoked", "incident lifted"]
    assert (folder / "containment.json").exists()


def test_evidence_of_an_earlier_incident_by_the_same_id_is_moved_aside_whole(folder: Path) -> None:
    record.note("INC-1", phase="detection", what="found in a commit")
    assert record.make_room("INC-1") == "", "what was noted before the lock-down is this incident's"
    record.keep(REPORT, INCIDENT)
    said = record.make_room("INC-1")
    assert not folder.exists()
    (aside,) = folder.parent.iterdir()
    assert said.endswith(str(aside))
    assert chain.verify(aside / "INC-1") == []


GOOD = '{"at": 1, "phase": "lift", "what": "a", "target": "", "outcome": "done", "detail": ""}\n'


@pytest.mark.parametrize("bad", [b"\xff\xfe\n", b"[1]\n", b"{}\n", b'{"what": 1}\n', b"[" * 100_000, b'{"at": 1, "ph'])
def test_a_line_that_is_no_event_is_left_out(folder: Path, bad: bytes) -> None:
    folder.mkdir()
    (folder / chain.EVENTS).write_bytes(GOOD.encode() + bad)
    assert [e["what"] for e in record.events("INC-1")] == ["a"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_neither_read_nor_waited_for(folder: Path, kind: str) -> None:
    folder.mkdir()
    file = folder / chain.EVENTS
    if kind == "link":
        file.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    with pytest.raises(Unreachable, match=chain.EVENTS):
        record.events("INC-1")
    with pytest.raises(Unreachable, match="Too many levels of symbolic links" if kind == "link" else "INC-1: "):
        record.note("INC-1", phase="lift", what="x")


def test_a_pipe_in_place_of_another_file_is_not_waited_for(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "incident.json")
    assert record.last_seen("INC-1")[0] is None
    assert "incident.json: path refused" in record.last_seen("INC-1")[1]
    os.mkfifo(folder / chain.MANIFEST)
    record.keep(REPORT, INCIDENT)
    assert "evidence was changed" in (folder / chain.EVENTS).read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "INC-2"}, "is another incident's, or none"),
        ({"scope": {"everything": False, "leaked": [["x"]]}}, "cannot be read (ValidationError)"),
    ],
)
def test_a_record_that_somebody_sealed_anew_as_another_is_gone_by_by_nobody(
    folder: Path, change: dict[str, object], words: str
) -> None:
    folder.mkdir()
    (folder / "incident.json").write_text(json.dumps({**INCIDENT.to_json(), **change}))
    chain.seal(folder)
    assert record.last_seen("INC-1") == (None, f"incident.json {words}")


def test_a_record_that_was_put_there_is_sealed_by_no_lock_down(folder: Path) -> None:
    folder.mkdir()
    record.keep(REPORT, None)
    (folder / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    record.keep(REPORT, None)
    assert "incident.json: added" in record.last_seen("INC-1")[1]


def _deep(folder: Path) -> str:
    """Made from the inside: the path as a whole is too long for one call."""
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    return "d/d/d/d: path refused, a folder that is not looked into, deeper than 4"


def _sparse(folder: Path) -> str:
    with (folder / "letter.bin").open("wb") as file:
        file.truncate(4 << 40)
    return f"letter.bin: path refused, {4 << 40} bytes, more than 1 GiB: not read"


def _nested(folder: Path) -> str:
    (folder / "containment.json").write_text("[" * 100_000)
    return "containment.json: edited"


def _unreadable(folder: Path) -> str:
    (folder / chain.MANIFEST).unlink(missing_ok=True)
    with (folder / chain.MANIFEST).open("wb") as file:
        file.truncate(4 << 40)
    return "manifest.json: chain broken, unreadable (OSError)"


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("put", [_deep, _sparse, _nested, _unreadable])
def test_what_is_put_there_is_named_and_stops_nothing(folder: Path, put: Callable[[Path], str], sealed: bool) -> None:
    if sealed:
        record.keep(REPORT, INCIDENT)
    else:
        folder.mkdir()
    before = (folder / chain.MANIFEST).read_bytes() if sealed else None
    named = put(folder)
    if put is _nested and not sealed:
        named = ""
    record.keep(REPORT, INCIDENT)
    subprocess.run(["rm", "-rf", str(folder / "d")], check=True)  # which no other cleaning up does
    assert json.loads((folder / "containment.json").read_text())["contained"] is True
    said = [e["detail"] for e in record.events("INC-1") if e["what"] == "evidence was changed"]
    assert [named in words for words in said] == ([True] if named else [])
    if before is not None and put is not _unreadable:
        assert (folder / chain.MANIFEST).read_bytes() == before


def test_a_pipe_that_somebody_reads_takes_no_event(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / chain.EVENTS)
    reader = os.open(folder / chain.EVENTS, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(Unreachable, match="no regular file"):
            record.note("INC-1", phase="lift", what="x")
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_a_folder_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(Unreachable, match="symbolic link"):
        record.note("INC-1", phase="lift", what="x")
    with pytest.raises(Unreachable, match="symbolic link"):
        record.keep(REPORT, INCIDENT)
    assert list(elsewhere.iterdir()) == []


def test_incidents_lie_where_the_documents_say() -> None:
    checkout = Path(policies.__file__).parents[1]
    assert record.DEFAULT.relative_to(checkout).as_posix() == "reports/security/incidents"
