"""Before anything changes: decide, and put on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containment import estates, executor, opening, paging
from containment.errors import UnknownScope
from containment.folder import record
from containment.incidents.decide import Asked
from containment.incidents.incident import Incident, Made, Mode, Scope, State
from containment.ports import Lease
from policies.errors import InputError, Unreachable
from policies.load import load

NAME = "exchange-trading-key"


class Server:
    def __init__(self, *incidents: Incident) -> None:
        self.held = list(incidents)

    def incidents(self) -> tuple[Incident, ...]:
        return tuple(self.held)

    def write_incident(self, incident: Incident) -> Incident:
        self.held.append(incident)
        return incident

    def capabilities(self, paths: list[str]) -> dict[str, set[str]]:
        return {path: {"read", "update", "list"} for path in paths}

    def now(self) -> int:
        return 100


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "deny", lambda *_: [])
    monkeypatch.setattr(paging, "begin", lambda *_: None)
    monkeypatch.setattr(record, "note", lambda *_, **__: None)
    monkeypatch.setattr(record, "note_effects", lambda *_: None)


def test_what_was_denied_first_is_what_the_run_goes_on_with() -> None:
    """Though the name is another kind's by now, so that it alone would be ambiguous."""
    last = load()
    renamed = replace(last.workloads[0], name=NAME)
    secrets = tuple(s for s in last.secrets if s.name != NAME)
    estate = replace(last, secrets=secrets, workloads=(*last.workloads, renamed))
    server: Any = Server()
    asked = opening.deny_first(server, Asked(Mode.LOCK, "A", NAME), last, print, print)
    decision = opening.decided(server, asked, estates.with_kept(estate, last))
    assert opening.current(decision).scope == Scope(False, (f"secret:{NAME}",))
    assert len(decision.known) == 1


def test_what_lies_in_the_folder_narrows_nothing_where_the_server_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever may write there could have one leaked secret stand for everything."""
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    record.note("A", phase="detection", what=record.OPENED, target=f"secret:{NAME}", outcome="failed")
    server: Any = Server()
    decision = opening.decided(server, Asked(Mode.LOCK, "A", ""), load())
    assert (opening.current(decision).scope, decision.warning) == (Scope(True), "")


def test_what_was_named_under_its_id_before_and_is_not_in_its_scope_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    for text, told in (("", 1), (NAME, 0)):
        incident_id = f"A{told}"
        record.note(incident_id, phase="detection", what=record.OPENED, target=f"secret:{NAME}", outcome="failed")
        server: Any = Server()
        asked, said = Asked(Mode.LOCK, incident_id, text), list[str]()
        opening.put_on_record(server, asked, opening.decided(server, asked, load()), said.append)
        assert len(said) == told, said
        assert all(line.endswith(f"in a second incident: portcullis contain --scope secret:{NAME}") for line in said)
        assert all(said[0] in event["detail"] for event in record.events(incident_id)[1:] if told)


@pytest.mark.parametrize("acted", [True, False])
def test_whether_anything_was_denied_first_is_known_to_the_rest(monkeypatch: pytest.MonkeyPatch, acted: bool) -> None:
    monkeypatch.setattr(executor, "deny", lambda *_: acted)
    server: Any = Server()
    assert opening.deny_first(server, Asked(Mode.LOCK, "A", NAME), load(), print, print).acted is acted

    def disk(*_: object) -> bool:
        raise Unreachable("no room")

    monkeypatch.setattr(executor, "deny", disk)
    assert opening.deny_first(server, Asked(Mode.LOCK, "A", NAME), load(), print, print).acted, "nobody knows"


@pytest.mark.parametrize(("text", "named"), [(NAME, (f"secret:{NAME}",)), ("", ()), (" , ", ())])
def test_a_scope_left_over_opens_one_incident_with_everything_in_scope(text: str, named: tuple[str, ...]) -> None:
    """And what is named counts as leaked: it may have been typed now."""
    server: Any = Server(Incident("A", Scope(False, (f"secret:{NAME}",)), State.LIFTED, opened_at=1))
    warned: list[str] = []
    asked = opening.deny_first(server, Asked(Mode.LOCK, "A", text), load(), print, warned.append)
    decision = opening.decided(server, asked, load())
    assert opening.current(decision).scope == Scope(True, named)
    assert [i.state for i in decision.known] == [State.LIFTED, State.OPEN]
    assert len(warned) == 1, "once a run"
    assert "incidentId A, which is lifted. So everything is locked down" in warned[0]


@pytest.mark.parametrize("everything", [False, True])
def test_what_was_replaced_and_is_named_once_more_is_told_by_the_run_that_joins(everything: bool) -> None:
    """It may have leaked again: to the same incident that is another key, and was left alone."""
    item, text = f"secret:{NAME}", f"everything,{NAME}" if everything else NAME
    held = Incident("A", Scope(everything, (item, "workload:risk-engine")), State.OPEN, opened_at=1, opened=(item,))
    server: Any = Server(held)

    def again(incident_id: str, text: str) -> tuple[str, ...]:
        asked = opening.deny_first(server, Asked(Mode.LOCK, incident_id, text), load(), print, print)
        decision = opening.decided(server, asked, load())
        assert decision.again == asked.again
        assert decision.current == held
        return decision.again

    assert again("", f"{text},risk-engine") == (item,)
    assert again("A", f"risk-engine,{text}") == (item,)
    assert again("A", "") == (), "whoever names the incident alone means that one"
    server.held = [replace(held, opened=())]
    held = server.held[0]
    assert again("", f"{text},risk-engine") == (), "nothing is replaced yet"


def test_of_two_incidents_the_one_is_joined_that_has_replaced_nothing_of_it() -> None:
    """It has all of it denied: nothing is to be locked down once more."""
    item = f"secret:{NAME}"
    first = Incident("A", Scope(False, (item,)), State.OPEN, opened_at=1, opened=(item,))
    second = replace(first, id="A-2", opened_at=5, opened=())
    server: Any = Server(first, second)
    decision = opening.decided(server, Asked(Mode.LOCK, "", NAME), load())
    assert (decision.current, decision.again) == (second, ())
    server.held = [second, first]
    assert opening.decided(server, Asked(Mode.LOCK, "", NAME), load()).current == second
    server.held = [first]
    assert opening.decided(server, Asked(Mode.LOCK, "", NAME), load()).again == (item,)


def test_what_another_open_incident_has_denied_since_is_not_named_again() -> None:
    """The command that is printed has opened it; the first one typed once more leaves nothing."""
    item = f"secret:{NAME}"
    first = Incident(
        "A", Scope(False, (item,)), State.OPEN, opened_at=1, denied_at=2, opened=(item,), made=(Made(item, "new", 3),)
    )
    wider = Scope(False, (item, "workload:settlement"))
    second = Incident("A-2", wider, State.OPEN, opened_at=5, denied_at=6)
    server: Any = Server(first, second)
    decision = opening.decided(server, Asked(Mode.LOCK, "A", NAME), load())
    assert (decision.current, decision.again) == (first, ())
    server.held = [first, replace(second, opened=(item,))]
    assert opening.decided(server, Asked(Mode.LOCK, "A", NAME), load()).again == (item,)


def test_a_key_that_another_incidents_rotation_made_is_newer_too() -> None:
    """It counts as new in each that was denied before it was made."""
    item = f"secret:{NAME}"
    first = Incident("D1", Scope(False, (item,)), State.OPEN, opened_at=1, denied_at=2)
    second = replace(first, id="D2", opened=(item,), denied_at=3, made=(Made(item, "sha256:new", 4),))
    server: Any = Server(first, second)
    decision = opening.decided(server, Asked(Mode.LOCK, "", NAME), load())
    assert (decision.current, decision.again) == (first, (item,))
    server.held = [first, replace(second, state=State.LIFTED, lifted_at=5)]
    assert opening.decided(server, Asked(Mode.LOCK, "", NAME), load()).again == (item,), "it is spared all the same"
    server.held = [first, replace(second, denied_at=4)]
    assert opening.decided(server, Asked(Mode.LOCK, "", NAME), load()).again == (), "it may have leaked in that one"


@pytest.mark.parametrize(("issued", "again"), [(99, False), (100, True), (None, True)])
def test_what_a_database_role_issued_since_is_newer(issued: int | None, again: bool) -> None:
    """Those are the workloads' own: no later run ends them, and one of them may have leaked."""
    item = "secret:analytics-readonly"
    held = Incident("A", Scope(False, (item,)), State.OPEN, opened_at=1, denied_at=2, revoked_before=100)

    def leases(prefix: str) -> list[Lease]:
        assert prefix == "database/creds/analytics-readonly"
        if issued is None:
            raise Unreachable("sealed")
        return [Lease("x", f"{datetime.fromtimestamp(issued, UTC):%Y-%m-%dT%H:%M:%SZ}", 60)]

    server: Any = Server(held)
    server.leases = leases
    decision = opening.decided(server, Asked(Mode.LOCK, "", "analytics-readonly"), load())
    assert decision.again == ((item,) if again else ())
    server.held = [replace(held, revoked_before=0)]
    assert opening.decided(server, Asked(Mode.LOCK, "", "analytics-readonly"), load()).again == (), "all of it goes"


def test_what_is_named_again_goes_into_the_incident_that_the_words_open() -> None:
    item = f"secret:{NAME}"
    held = Incident("A", Scope(False, (item,)), State.OPEN, opened_at=1, opened=(item,))
    server: Any = Server(held, replace(held, id="A-2", state=State.LIFTED))
    words = opening.decided(server, Asked(Mode.LOCK, "", NAME), load()).named_again
    assert list(words) == [item]
    assert f"portcullis contain --incident-id A-3 --scope {item}). If not, go on with A: pulumi up" in words[item]
    opened = opening.decided(server, Asked(Mode.LOCK, "A-3", item), load())
    assert opening.current(opened).id == "A-3"
    assert opened.again == ()


def test_of_a_scope_left_over_the_names_that_are_declared_count() -> None:
    server: Any = Server(Incident("A", Scope(False, (f"secret:{NAME}", "secret:gone")), State.LIFTED, opened_at=1))
    decision = opening.decided(server, Asked(Mode.LOCK, "A", f"gone,{NAME}"), load())
    assert opening.current(decision).scope == Scope(True, (f"secret:{NAME}",))


def test_what_a_lifted_incident_had_and_nobody_declares_any_more_is_everything() -> None:
    server: Any = Server(Incident("A", Scope(False, ("secret:gone",)), State.LIFTED, opened_at=1))
    decision = opening.decided(server, Asked(Mode.LOCK, "A", "gone"), load())
    assert opening.current(decision).scope == Scope(True)
    assert "incidentScope is left over and not used: 'gone' is declared nowhere" in decision.warning


def test_what_is_in_scope_is_said_once_a_run_and_before_the_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    server: Any = Server(Incident("A", Scope(False, (f"secret:{NAME}",)), State.LIFTED, opened_at=1))
    said: list[str] = []
    monkeypatch.setattr(executor, "deny", lambda *_: said.append("denied"))
    typed = Asked(Mode.LOCK, "B", NAME, file="Pulumi.local.yaml")
    asked = opening.deny_first(server, typed, load(), said.append, said.append)
    opening.tell(asked, opening.decided(server, asked, load()), said.append, said.append)
    assert said[0] == f"incident B: in scope: secret:{NAME}"
    assert said[1].startswith("incidentScope is what A had, which is lifted")
    assert said[2:] == ["denied"]


class Raced(Server):
    """Somebody else writes the record of the same id: before it is looked for, or right before the write."""

    def __init__(self, other: Incident, looks: int) -> None:
        super().__init__()
        self.other, self.looks = other, looks

    def incidents(self) -> tuple[Incident, ...]:
        if self.looks == 0:
            self.held = [self.other]
        self.looks -= 1
        return super().incidents()

    def write_incident(self, incident: Incident) -> Incident:
        assert incident.id == self.other.id
        self.held = [self.other]
        return self.other


@pytest.mark.parametrize("looks", [1, 2])
def test_of_two_who_open_one_id_the_second_joins_or_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    done: list[str] = []
    monkeypatch.setattr(executor, "deny", lambda *_: done.append("denied"))
    monkeypatch.setattr(record, "note", lambda *_, **__: done.append("noted"))
    asked = Asked(Mode.LOCK, "A", NAME)
    other: Any = Raced(Incident("A", Scope(False, ("secret:order-router-fix",)), State.OPEN, 99), looks)
    with pytest.raises(InputError, match="A was opened by somebody else just now with another scope, secret:order-rou"):
        opening.deny_first(other, asked, load(), print, print)
    assert done == [], "the loser denied something, or wrote into the winner's folder"
    same: Any = Raced(Incident("A", Scope(False, (f"secret:{NAME}",)), State.OPEN, 99), looks)
    assert opening.deny_first(same, asked, load(), print, print).incident_id == "A"
    assert done == ["denied"]


def test_a_scope_that_names_nothing_changes_nothing() -> None:
    server: Any = Server()
    asked = opening.deny_first(server, Asked(Mode.LOCK, "A", ", ,"), load(), print, print)
    with pytest.raises(UnknownScope):
        opening.decided(server, asked, load())
    assert server.held == []


@pytest.mark.parametrize(("mode", "incident_id"), [(Mode.KEEP, ""), (Mode.LIFT, "A")])
def test_a_scope_that_nothing_asks_for_stands_in_nobodys_way(mode: Mode, incident_id: str) -> None:
    server: Any = Server(Incident("A", Scope(True), State.OPEN, opened_at=1))
    decision = opening.decided(server, Asked(mode, incident_id, "nobody"), load())
    assert (decision.lifting is not None) == (mode is Mode.LIFT)
    assert decision.warning == (
        "incidentScope is left over and not used: 'nobody' is declared nowhere; pulumi config rm incidentScope"
    )
    with pytest.raises(UnknownScope, match="incidentScope: 'nobody' is declared nowhere; nothing was changed"):
        opening.decided(server, Asked(Mode.LOCK, "", "nobody"), load())
