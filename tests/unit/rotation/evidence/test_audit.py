"""The audit records of an incident: those that belong, and from when on they are all there are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containment.folder.chain import seal
from containment.incidents.incident import Incident, Scope, State
from policies.errors import Finding
from policies.load import load
from rotation.evidence import audit
from rotation.evidence.belonging import Belonging, belonging
from tests.unit.rotation.evidence.server import INCIDENT, OPENED, Server, collected, line, when, written


def test_the_audit_records_that_belong_and_no_others(folder: Path, log: Path) -> None:
    collected(folder, log, Server())
    records = json.loads((folder / "audit.json").read_text())["records"]
    assert [(r["path"], r["policies"]) for r in records] == [
        ("portcullis/data/incidents/INC-1", None),
        ("secret/data/trading/exchange", ["pc-w-execution-engine"]),
        ("secret/data/reporting/treasury", ["default", "pc-w-risk-engine"]),
        ("auth/token/revoke-accessor", []),
        ("sys/policies/acl/pc-gate", []),
    ]


def test_everything_in_scope_means_every_secret(folder: Path) -> None:
    del folder
    everything = Incident("INC-2", Scope(True), State.OPEN, opened_at=OPENED)
    ours = belonging(load(), everything)
    assert {"secret/data/trading/exchange", "secret/metadata/partners/api"} <= set(ours.paths)
    assert ours.policies == (), "nothing is known as leaked, so nobody's every step belongs"


def test_what_belongs_to_an_incident_still_does_when_it_is_lifted() -> None:
    named = Incident("INC-1", Scope(everything=False, leaked=("secret:exchange-trading-key",)), State.OPEN, OPENED)
    whole = belonging(load(), named)
    assert "secret/data/trading/exchange" in whole.paths
    assert belonging(load(), replace(named, state=State.LIFTED, lifted_at=OPENED + 9)) == whole


def _audit(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "audit.json").read_text())
    return data


def _paths(folder: Path) -> list[str]:
    return [r["path"] for r in _audit(folder)["records"]]


def test_a_whole_log_is_said_to_be(folder: Path, log: Path) -> None:
    done = collected(folder, log, Server())
    assert done.missing == ()
    assert (_audit(folder)["judged"], _audit(folder)["lacking"], _audit(folder)["gone"]) == (True, [], 0)
    assert "the log goes on from one collection to the next and has every write" in (folder / "report.html").read_text()


def test_rotated_parts_are_read_oldest_first(folder: Path, log: Path) -> None:
    text = log.read_text().splitlines(keepends=True)
    log.with_name("audit.log.2").write_text("".join(text[:2]))
    log.with_name("audit.log.1").write_text("".join(text[2:4]) + '{"torn')
    log.write_text("".join(text[4:]))
    done = collected(folder, log, Server())
    assert done.missing == ()
    assert _audit(folder)["files"] == ["audit.log.2", "audit.log.1", "audit.log"]
    assert [(t["file"], t["line"]) for t in _audit(folder)["torn"]] == [("audit.log.1", 3)]
    assert len(_paths(folder)) == 5
    times = [r["time"] for r in _audit(folder)["records"]]
    assert times == sorted(times)


def test_a_log_that_begins_too_late_is_named(folder: Path, log: Path) -> None:
    """Two writes; the first of them was rotated away."""
    text = log.read_text().splitlines(keepends=True)
    log.write_text("".join(text[2:]) + written(2, OPENED + 4) + "\n")
    server = Server()
    server.writes = 2
    done = collected(folder, log, server)
    assert len(done.missing) == 1
    assert "audit.json: the log begins at 2026-11-24T0" in done.missing[0]
    assert "1 writes of the incident's record (1) are not in it" in done.missing[0]
    assert (_audit(folder)["lacking"], _audit(folder)["complete_since"]) == ([1], when(OPENED + 4))
    assert f"Complete since {when(OPENED + 4)} only" in (folder / "report.html").read_text()


def test_what_was_cut_out_is_named(folder: Path, log: Path) -> None:
    log.write_text(log.read_text() + written(3, OPENED + 4) + "\n")
    server = Server()
    server.writes = 3
    assert "does not hold 1 writes of the incident's record (2)" in collected(folder, log, server).missing[0]


@pytest.mark.parametrize("left", [0, 3])
def test_no_poorer_export_replaces_a_fuller_one(folder: Path, log: Path, left: int) -> None:
    server, text = Server(), log.read_text().splitlines(keepends=True)
    collected(folder, log, server)
    before = _audit(folder)["records"]
    new = line(OPENED + 9, "auth/token/revoke-accessor")
    log.write_text("".join(text[len(text) - left :]) + new + "\n")
    done = collected(folder, log, server)
    if left:
        assert done.missing == (), "an earlier look saw every write, and the log goes on from there"
    else:
        assert ["what came after" in one and "is not known" in one for one in done.missing] == [True]
    records = _audit(folder)["records"]
    assert len(records) == len(before) + 1
    kept = len(before) - left
    assert records == [*({**r, "in_log": False} for r in before[:kept]), *before[kept:], records[-1]]
    assert _audit(folder)["gone"] == kept > 0
    assert f"{kept} of which the log does not hold any more" in (folder / "report.html").read_text()
    assert collected(folder, log, server).head == done.head, "nothing new, nothing sealed"
    log.write_text("".join(text) + new + "\n")
    collected(folder, log, server)
    assert _audit(folder)["records"] == [*before, records[-1]], "the log is back"
    assert collected(folder, log, server).missing == ()


def test_what_came_between_two_collections_and_was_rotated_away_is_a_gap(folder: Path, log: Path) -> None:
    """Every write of the record was seen, and a use was not: nothing numbers those."""
    collected(folder, log, Server())
    old, use = log.read_text(), line(OPENED + 20, "secret/data/trading/exchange", policies=["pc-w-execution-engine"])
    log.write_text(line(OPENED + 30, "auth/token/revoke-accessor") + "\n")
    for _ in range(2):  # it stays one until the log is there
        done = collected(folder, log, Server())
        assert len(done.missing) == 1
        assert "audit.log was rotated or cut" in done.missing[0]
        assert f"after {when(OPENED + 3)} and before {when(OPENED + 30)}" in done.missing[0]
        assert "audit.log.1" in done.missing[0]
        assert _audit(folder)["complete_since"] == when(OPENED + 30)
        assert f"Complete since {when(OPENED + 30)} only" in (folder / "report.html").read_text()
    log.with_name("audit.log.1").write_text(old + use + "\n")
    assert collected(folder, log, Server()).missing == ()
    assert (_audit(folder)["lacking"], _audit(folder)["gaps"]) == ([], [])
    assert len(_paths(folder)) == 7


def test_a_record_that_was_altered_in_the_log_stays_as_it_was_sealed(folder: Path, log: Path) -> None:
    collected(folder, log, Server())
    before = _audit(folder)["records"]
    text = log.read_text()
    at = text.index('"w1"')
    assert at
    log.write_text(text.replace('"path":"portcullis/data/incidents/INC-1"', '"path":"sys/health"'))
    server = Server()
    done = collected(folder, log, server)
    assert any("holds 1 records otherwise than they were sealed" in one for one in done.missing)
    assert _audit(folder)["altered"] == 1
    assert _audit(folder)["records"] == [{**before[0], "in_log": False}, *before[1:]]


def test_what_stands_in_two_parts_is_one_record(folder: Path, log: Path) -> None:
    log.with_name("audit.log.1").write_text(log.read_text())
    collected(folder, log, Server())
    assert len(_paths(folder)) == 5


def test_what_came_after_the_lift_is_no_gap(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log goes on for years; the window ends a second after the lift."""
    lifted = replace(INCIDENT, state=State.LIFTED, lifted_at=OPENED + 2)
    monkeypatch.setattr(Server, "incidents", lambda _: (lifted,))
    collected(folder, log, Server())
    assert when(OPENED + 3) in [r["time"] for r in _audit(folder)["records"]]
    log.write_text(log.read_text() + line(OPENED + 9, "auth/token/revoke-accessor") + "\n")
    assert collected(folder, log, Server()).missing == ()
    assert len(_paths(folder)) == 5, "it came after the lift"
    log.write_text(line(OPENED + 99, "auth/token/revoke-accessor") + "\n")
    assert collected(folder, log, Server()).missing == ()


def test_a_record_stays_when_it_belongs_no_more(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its secret is no longer declared, say; the log still has it."""
    collected(folder, log, Server())
    before = _paths(folder)
    monkeypatch.setattr(audit, "belonging", lambda *_: Belonging(("nothing",), ()))
    collected(folder, log, Server())
    assert _paths(folder) == before
    assert _audit(folder)["gone"] == 0


def test_what_was_put_there_before_the_first_seal_is_no_evidence(folder: Path, log: Path) -> None:
    planted = {"records": [{"time": when(OPENED + 1), "path": "planted"}], "writes": {"1": when(OPENED)}}
    (folder / "audit.json").write_text(json.dumps(planted))
    collected(folder, log, Server())
    assert "planted" not in _paths(folder)
    log.write_text("")
    assert "writes of the incident's record" not in "".join(collected(folder, log, Server()).missing)


@pytest.mark.parametrize(
    "planted", ["[]", '{"records": [{}]}', '{"writes": {"a": 1}}', '{"records": 1}', "{", "[" * 9000]
)
def test_what_a_lock_down_sealed_unseen_stops_no_collection(folder: Path, log: Path, planted: str) -> None:
    (folder / "audit.json").write_text(planted)
    seal(folder)
    done = collected(folder, log, Server())
    assert ["none of ours" in one for one in done.missing] == [True]
    assert len(_paths(folder)) == 5
    assert collected(folder, log, Server()).missing == ()


def test_an_audit_json_that_was_changed_is_not_built_upon(folder: Path, log: Path) -> None:
    collected(folder, log, Server())
    data = {**_audit(folder), "records": []}
    (folder / "audit.json").write_text(json.dumps(data))
    with pytest.raises(Finding, match=r"audit\.json"):
        collected(folder, log, Server())
    assert _audit(folder) == data, "left as it was found"


@pytest.mark.parametrize("server", [None, Server(down=True)], ids=["not-named", "down"])
def test_without_the_server_nobody_judges(folder: Path, log: Path, server: Server | None) -> None:
    collected(folder, log, Server())
    done = collected(folder, log, server)
    assert any("whether the log is whole could not be judged" in one for one in done.missing)
    assert _audit(folder)["judged"] is False
    assert "was not judged" in (folder / "report.html").read_text()
