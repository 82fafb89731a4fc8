"""What is collected is whole or names what it lacks; the chain grows and is never replaced unseen."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from containment.folder import files, heads
from containment.folder.chain import EVENTS, MANIFEST, extended, seal, verify
from containment.folder.contents import Kind
from policies.errors import Finding, InputError, Unreachable
from rotation.commands.evidence import command
from rotation.evidence import audit, chronicle
from rotation.evidence.audit_export import export_audit
from rotation.evidence.collect import collect
from rotation.evidence.folder import Evidence
from rotation.journal import JOURNAL
from tests.unit.rotation.evidence.server import EFFECT, INCIDENT, OPENED, Server, collected, line, vault


def test_everything_is_there_and_the_server_keeps_the_head(folder: Path, log: Path) -> None:
    server = Server()
    done = collected(folder, log, server)
    assert done.missing == ()
    assert verify(folder, [v for v in server.versions if v]) == []
    assert server.versions == [done.head]
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names >= {"incident.json", "timeline.json", "audit.json", "manifest.json", "report.html"}
    acts = json.loads((folder / "commands" / "containment-token-revoked.json").read_text())
    assert [(a["target"], a["outcome"]) for a in acts] == [("risk-engine a1b2c3…", "done")]


def test_what_was_sealed_after_the_newest_head_is_vouched_for_by_nobody(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    newest = heads.kept(vault(server), "INC-1").heads[-1]
    assert verify(folder, [newest], newest) == []
    (folder / "audit.json").write_text("[]")
    seal(folder)
    (problem,) = verify(folder, [newest], newest)
    assert (problem.path, problem.kind) == (MANIFEST, Kind.CHAIN)
    assert ": audit.json. A run of yours" in problem.detail


def test_what_cannot_be_had_is_named_and_the_rest_is_sealed(folder: Path, tmp_path: Path) -> None:
    (folder / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    done = collected(folder, tmp_path / "no.log", Server(down=True))
    assert [m.partition(":")[0] for m in done.missing] == [
        "the server's record of the incident",
        "audit.json",
        "audit.json",
        "the chain's head is not kept on the server",
    ]
    assert verify(folder) == []


def test_an_incident_that_the_server_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known: INC-1"):
        collect("INC-9", tmp_path / "INC-9", vault(Server()), None)
    assert not (tmp_path / "INC-9").exists(), "a folder was made for an incident that nobody knows"


@pytest.mark.parametrize("server", [None, Server(down=True)])
def test_without_the_servers_record_what_is_here_is_sealed_and_the_record_is_named(
    folder: Path, log: Path, server: Server | None
) -> None:
    with pytest.raises(InputError, match="no server that knows it"):
        collected(folder, log, server)
    _append(folder, what="incident opened", phase="detection", target="secret:exchange-trading-key", outcome="failed")
    done = collected(folder, log, server)
    assert chronicle.UNRECORDED in done.missing
    assert (verify(folder), done.audit_records > 0) == ([], True)
    assert "The server's record is missing" in (folder / "report.html").read_text()
    assert not (folder / "incident.json").exists(), "it is the server's record, and the next run's scope goes by that"


def test_what_the_server_never_had_on_record_is_collected_where_it_was_asked_for(folder: Path, log: Path) -> None:
    elsewhere = folder.rename(folder.with_name("INC-9"))
    _append(elsewhere, what="incident opened", phase="detection", target="everything", outcome="failed")
    done = collect("INC-9", elsewhere, vault(Server()), log)
    assert "the server has no incident 'INC-9'; known: INC-1" in done.missing
    assert chronicle.UNRECORDED in done.missing
    (elsewhere / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    with pytest.raises(InputError, match="known: INC-1"):
        collect("INC-9", elsewhere, vault(Server()), log)


def test_a_folder_that_takes_nothing_is_told_with_what_to_do(
    folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path, __: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "chmod", refused)
    with pytest.raises(Unreachable, match=r"evidence of INC-1: Read-only file system; mend that, then run the same"):
        collected(folder, log, Server())


def test_more_evidence_is_appended_and_every_earlier_head_stays_a_link(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    with log.open("a") as more:
        more.write(line(OPENED + 9, "auth/approle/login") + "\n")
    (folder / "siem.txt").write_text("from the SIEM")
    collected(folder, log, server)
    assert len(server.versions) == 2
    assert verify(folder, [v for v in server.versions if v]) == []
    entries = json.loads((folder / "manifest.json").read_text())["entries"]
    assert [e["path"] for e in entries].count("audit.json") == 2
    assert [e["path"] for e in entries].count("siem.txt") == 1


def test_collected_twice_with_nothing_new_changes_nothing(folder: Path, log: Path) -> None:
    server = Server()
    first = collected(folder, log, server)
    assert collected(folder, log, server).head == first.head
    assert len(server.versions) == 1


def test_a_manifest_rewritten_as_a_whole_is_caught_by_the_server(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    (folder / "manifest.json").unlink()
    (folder / "audit.json").write_text("{}")
    seal(folder)
    assert verify(folder) == [], "the folder alone cannot show it"
    found = verify(folder, heads.kept(vault(server), "INC-1").heads)
    assert [p.kind for p in found] == [Kind.CHAIN]
    heads.keep(vault(server), "INC-1", json.loads((folder / "manifest.json").read_text())["head"])
    found = verify(folder, heads.kept(vault(server), "INC-1").heads)
    assert [p.kind for p in found] == [Kind.CHAIN], "a newer head on the server must not hide the older one"


def test_a_head_that_was_taken_away_is_told(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    server.versions[0] = None
    assert heads.kept(vault(server), "INC-1").gone == (1,)


def test_changed_evidence_is_left_as_found_and_not_sealed_again(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    (folder / "incident.json").write_text('{"id": "INC-1", "state": "lifted"}')
    (folder / "report.html").unlink()
    before = {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    with pytest.raises(Finding, match=r"incident\.json: edited"):
        collected(folder, log, server)
    assert json.loads((folder / "incident.json").read_text())["state"] == "lifted"
    assert len(server.versions) == 1
    assert {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()} == before, "something was written"


def test_what_cannot_be_read_leaves_what_was_sealed(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    decided = folder.parent / "decisions.jsonl"
    decided.mkdir()
    found = collected(folder, log, server)
    assert "decision log decisions.jsonl: Is a directory" in found.missing
    (folder / "containment.json").unlink(missing_ok=True)
    os.mkfifo(folder / "containment.json")
    before = (folder / "incident.json").read_bytes()
    with pytest.raises((Finding, InputError), match=r"containment\.json"):
        collected(folder, log, server)
    assert (folder / "incident.json").read_bytes() == before


def _append(folder: Path, **event: Any) -> None:
    with (folder / EVENTS).open("a") as out:
        out.write(json.dumps({"at": OPENED, "phase": "containment", "what": "x", "outcome": "done"} | event) + "\n")


def test_events_may_grow_after_the_seal_but_what_was_sealed_stays(folder: Path) -> None:
    _append(folder, what="first")
    seal(folder)
    _append(folder, what="second")
    assert verify(folder) == []
    text = (folder / EVENTS).read_text()
    (folder / EVENTS).write_text(text.replace("first", "fir5t"))
    assert [(p.path, p.kind) for p in verify(folder)] == [(EVENTS, Kind.EDITED)]
    with pytest.raises(Finding, match=EVENTS):
        seal(folder)
    (folder / EVENTS).write_text(text[:10])
    assert [(p.path, p.kind) for p in verify(folder)] == [(EVENTS, Kind.EDITED)]


def test_timeline_has_each_event_once_in_order(folder: Path) -> None:
    _append(folder, at=OPENED, phase="detection", what="incident opened")
    _append(folder, **EFFECT)
    (folder / EVENTS).write_text((folder / EVENTS).read_text() + '{"at": 17, "phase"')
    events, torn = chronicle.read_events(folder / EVENTS)
    assert torn == 1
    failed = EFFECT | {"target": "cicd", "outcome": "failed", "at": OPENED + 3}
    already = EFFECT | {"target": "other", "outcome": "already"}
    line = chronicle.timeline(events, INCIDENT.to_json(), [EFFECT, failed, already])
    assert [(e["what"], e["target"]) for e in line] == [
        ("incident opened", ""),
        ("leaked paths denied", ""),
        ("token revoked", "risk-engine a1b2c3…"),
        ("evidence torn", ""),
        ("token revoked", "cicd"),
    ]
    assert "the evidence has a gap" in line[1]["detail"], "no run noted what it denied"


def test_a_torn_line_is_named_with_what_it_means(folder: Path, log: Path) -> None:
    with (folder / EVENTS).open("a") as events:
        events.write('{"at": 17, "phase"')
    (missing,) = collected(folder, log, Server()).missing
    assert missing.startswith(f"{EVENTS}: 1 line is torn: a run was killed, or the disk was full")
    assert "what the run did after it may be too: audit.json has the server's own records of that" in missing


@pytest.mark.parametrize(("noted", "torn", "whole"), [(True, False, True), (True, True, False), (False, False, False)])
def test_of_a_record_with_a_gap_nothing_is_concluded_from_what_it_lacks(
    folder: Path, log: Path, noted: bool, torn: bool, whole: bool
) -> None:
    """The disk was full: what that run revoked nobody wrote down, and the next one finds nothing left."""
    (folder / "containment.json").write_text(json.dumps({"contained": True, "effects": [], "not_contained": []}))
    if noted:
        _append(folder, what="leaked paths denied")
    if torn:
        with (folder / EVENTS).open("a") as events:
            events.write('{"at": 17, "phase"')
        files.append(folder / EVENTS, [{"at": OPENED + 3, "what": "later"}])
    collected(folder, log, Server())
    page = (folder / "report.html").read_text()
    assert ("its tokens that are listed: none was out<" in page) is whole
    assert ("the evidence has a gap, and may lack some that were" in page) is not whole
    assert ("The timeline is not complete" in page) is not whole
    told = [e["what"] for e in json.loads((folder / "timeline.json").read_text())]
    assert ("evidence torn" in told, told[-1] == "later") == (torn, torn)


def test_a_disk_that_takes_a_part_is_told_and_the_rest_is_written_again(folder: Path) -> None:
    file = folder / EVENTS
    entries = [{"at": OPENED + n, "what": "a" * 100} for n in range(3)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            files.append(file, entries)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.stat().st_size == 200
    files.append(file, entries)
    events, torn = chronicle.read_events(file)
    assert ([e["at"] - OPENED for e in events if e["what"] != "evidence torn"], torn) == ([0, 1, 2], 1)


def _many(folder: Path, log: Path) -> None:
    for _ in range(5):
        collected(folder, log, Server())


def test_two_collectors_at_once_leave_one_whole_chain(folder: Path, log: Path) -> None:
    _append(folder, what="first", target="a")
    both = [
        multiprocessing.get_context("fork").Process(target=_many, args=(folder, log), daemon=True) for _ in range(3)
    ]
    for one in both:
        one.start()
    for number in range(200):
        _append(folder, what="while it is collected", target=str(number))
    for one in both:
        one.join(60)
        assert one.exitcode == 0
    assert verify(folder) == []
    assert [p.name for p in folder.parent.iterdir()] == ["INC-1"], "a temporary file was left"


def test_a_writer_waits_for_the_one_before_it(folder: Path) -> None:
    with extended(folder):
        # Spawned: a forked child would inherit the lock that it waits for.
        other = multiprocessing.get_context("spawn").Process(target=seal, args=(folder,), daemon=True)
        other.start()
        other.join(1.5)
        assert other.is_alive()
    other.join(30)
    assert other.exitcode == 0


def test_a_folder_that_somebody_holds_is_not_waited_for_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may list it can."""
    monkeypatch.setattr(files, "_PATIENCE", 0.3)
    monkeypatch.setattr(files, "_TELL", 0.1)
    said: list[str] = []
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        with (
            pytest.raises(Unreachable, match=r"somebody holds the folder .*fuser -v"),
            extended(folder, say=said.append),
        ):
            pass
    finally:
        os.close(handle)
    assert len(said) == 1
    with extended(folder):
        pass


def test_the_command_tells_what_is_missing_and_exits_3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    for name in ("VAULT_ADDR", "PORTCULLIS_AUDIT_LOG"):
        monkeypatch.delenv(name, raising=False)
    argv = ["INC-1", "--folder", str(folder.parent)]
    done = CliRunner().invoke(command, ["collect", *argv, "--json"])
    assert done.exit_code == 3
    assert len(json.loads(done.stdout)["missing"]) == 2
    checked = CliRunner().invoke(command, ["verify", *argv, "--json"])
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["not_compared"] == "VAULT_ADDR is not set"


def test_a_report_whose_head_the_server_does_not_take_is_named_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    seal(folder)
    monkeypatch.setattr("rotation.commands.evidence._vault", lambda: Server(down=True))
    argv = ["report", "INC-1", "--folder", str(folder.parent)]
    told = CliRunner().invoke(command, argv)
    assert told.exit_code == 3
    assert f"written: {folder / 'report.html'}" in told.stdout
    assert "MISSING the chain's head is not kept on the server: vault: " in told.stdout
    found = json.loads(CliRunner().invoke(command, [*argv, "--json"]).stdout)
    assert (found["report"], found["head"]) == (str(folder / "report.html"), seal(folder))
    assert len(found["missing"]) == 1


def _verify(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr("rotation.commands.evidence._vault", lambda: server)
    done = CliRunner().invoke(command, ["verify", "INC-1", "--folder", str(folder.parent), "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_what_commands_wrote_since_the_last_seal_is_told_apart_from_a_change(
    folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    _append(folder, what="first")
    collected(folder, log, server)
    code, found = _verify(folder, server, monkeypatch)
    assert (code, found["state"], found["unsealed"]) == (0, "holds", [])
    _append(folder, what="second")
    _append(folder, what="third")
    (folder / JOURNAL).write_text("{}\n")
    Evidence(folder).add_command("revoke", ["portcullis", "revoke", "x"], 0, "gone")
    code, found = _verify(folder, server, monkeypatch)
    assert (code, found["holds"], found["state"]) == (0, True, "holds up to the last seal")
    assert {a["path"]: a["lines"] for a in found["unsealed"]}.items() >= {EVENTS: 2, JOURNAL: 1}.items()
    assert any(a["path"].startswith("commands/") for a in found["unsealed"])
    text = CliRunner().invoke(command, ["verify", "INC-1", "--folder", str(folder.parent)]).stdout
    assert f"{EVENTS}: 2 lines since the last seal" in text
    assert "portcullis evidence collect INC-1" in text
    collected(folder, log, server)
    assert _verify(folder, server, monkeypatch)[1]["state"] == "holds"


@pytest.mark.parametrize(
    ("file", "change", "kind"),
    [
        (EVENTS, lambda text: text.replace("first", "fir5t"), Kind.EDITED),
        (EVENTS, lambda text: text[5:], Kind.EDITED),
        ("timeline.json", lambda text: text + " ", Kind.EDITED),
        ("letter.txt", lambda _: "put there", Kind.ADDED),
        ("forged.jsonl", lambda _: "{}", Kind.ADDED),
    ],
)
def test_beside_new_lines_what_was_changed_or_put_there_is_a_finding(
    file: str, change: Callable[[str], str], kind: Kind, folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    _append(folder, what="first")
    collected(folder, log, server)
    _append(folder, what="second")
    (folder / file).write_text(change((folder / file).read_text() if (folder / file).exists() else ""))
    code, found = _verify(folder, server, monkeypatch)
    assert (code, found["state"]) == (1, "does not hold")
    assert [(p["path"], p["kind"]) for p in found["problems"]] == [(file, kind)]


def test_a_command_keeps_the_head_of_what_it_seals(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, said = Server(), list[str]()
    collected(folder, log, server)
    with extended(folder, heads.follower(vault(server), "INC-1", said.append)):
        _append(folder, what="locked down again")
    code, found = _verify(folder, server, monkeypatch)
    assert (code, found["state"], said, len(server.versions)) == (0, "holds", [], 2)


def test_a_command_does_not_vouch_for_what_was_sealed_before_it(
    folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, said = Server(), list[str]()
    collected(folder, log, server)
    (folder / "audit.json").write_text("[]")
    seal(folder)
    with extended(folder, heads.follower(vault(server), "INC-1", said.append)):
        _append(folder, what="locked down again")
    assert "more was sealed since the newest head" in said[0]
    code, found = _verify(folder, server, monkeypatch)
    assert (code, [p["path"] for p in found["problems"]]) == (1, [MANIFEST])
    assert f": audit.json, {EVENTS}. A run of yours" in found["problems"][0]["detail"]


def test_a_head_that_the_server_does_not_take_stops_no_command(folder: Path) -> None:
    said = list[str]()
    seal(folder)
    with extended(folder, heads.follower(vault(Server(down=True)), "INC-1", said.append)):
        _append(folder, what="locked down")
    assert said == ["incident INC-1: the head of the evidence is not kept on the server: vault: read: ConnectionError"]
    assert verify(folder) == []


def test_a_lost_folder_is_not_sealed_anew_and_the_genuine_one_holds_when_it_is_back(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    head, backup = server.versions[0], folder.parent / "backup"
    folder.rename(backup)
    with pytest.raises(Finding, match=rf"keeps head {str(head)[:12]}… .* Restore the folder") as refused:
        collected(folder, log, server)
    assert "portcullis evidence collect INC-1 --evidence-lost" in str(refused.value)
    assert not folder.exists()
    assert server.versions == [head]
    backup.rename(folder)
    assert verify(folder, heads.kept(server, "INC-1").heads) == []
    collected(folder, log, server)


def test_a_manifest_that_was_taken_away_is_not_sealed_anew(folder: Path, log: Path) -> None:
    server = Server()
    collected(folder, log, server)
    (folder / "manifest.json").unlink()
    with pytest.raises(Finding, match="Restore the folder"):
        collected(folder, log, server)
    assert len(server.versions) == 1
    assert not (folder / "manifest.json").exists()


def test_evidence_that_is_lost_for_good_is_said_in_the_new_chain_and_on_the_server(folder: Path, log: Path) -> None:
    server = Server()
    head = collected(folder, log, server).head
    with pytest.raises(InputError, match="nothing is lost"):
        collect("INC-1", folder, vault(server), log, anew=True)
    folder.rename(folder.parent / "backup")
    collect("INC-1", folder, vault(server), log, anew=True)
    kept = heads.kept(server, "INC-1")
    assert kept.lost == (head,)
    assert verify(folder, kept.heads, kept.heads[-1]) == []
    assert json.loads((folder / "lost.json").read_text())["heads"] == [head]
    said = [e for e in json.loads((folder / "timeline.json").read_text()) if e["what"] == "evidence lost"]
    assert [head in e["detail"] for e in said] == [True]
    collected(folder, log, server)
    assert heads.kept(server, "INC-1").lost == (head,), "collected as usual from then on"
    assert "lost.json" in (folder / "manifest.json").read_text()
    (folder / "lost.json").unlink()
    assert [p.kind for p in verify(folder, kept.heads)] == [Kind.REMOVED]


def test_a_loss_needs_the_servers_word(folder: Path, log: Path) -> None:
    (folder / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    for server in (None, Server(down=True)):
        with pytest.raises(InputError, match="the server must say"):
            collect("INC-1", folder, vault(server) if server else None, log, anew=True)


def test_a_command_on_a_lost_folder_puts_no_head_beside_the_servers(folder: Path, log: Path) -> None:
    server = Server()
    head = collected(folder, log, server).head
    with pytest.raises(Finding, match="does not contain what was sealed before: restore it"):
        heads.follow(server, "INC-1", None, "new")
    assert server.versions == [head]


def test_evidence_that_was_changed_while_the_server_is_away_exits_3_and_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "incident.json").write_text(json.dumps(INCIDENT.to_json()))
    seal(folder)
    (folder / "incident.json").write_text("{}")
    monkeypatch.setattr("rotation.commands.evidence._vault", lambda: Server(down=True))
    argv = ["INC-1", "--folder", str(folder.parent), "--json"]
    checked = CliRunner().invoke(command, ["verify", *argv])
    assert checked.exit_code == 3
    assert [p["kind"] for p in json.loads(checked.stdout)["problems"]] == ["edited"]
    told = CliRunner().invoke(command, ["report", *argv])
    assert told.exit_code == 3
    assert "incident.json: edited" in json.loads(told.stdout)["refused"]


def test_the_folder_is_held_by_nobody_while_the_audit_log_is_read(
    folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock-down waits for it for seconds. What somebody else collects meanwhile is gone on from."""
    read, runs = export_audit, list[int]()

    def reading(*asked: Any) -> dict[str, Any]:
        runs.append(len(runs))
        if len(runs) == 1:
            collected(folder, log, server)
        return read(*asked)

    server = Server()
    monkeypatch.setattr(audit, "export_audit", reading)
    done = collected(folder, log, server)
    assert runs == [0, 1, 2], "one of the other's, and one more that goes on from it"
    assert (done.missing, verify(folder)) == ((), [])
    assert server.versions[-1] == done.head
