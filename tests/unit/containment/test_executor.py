"""What a lock-down says of itself as a whole, apart from its effects on the systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from containment import executor
from containment.compiled import caps
from containment.effects import (
    database,
    former_logins,
    identities,
    issuance,
    policies,
    probes,
    repositories,
    same_login,
    strangers,
    tokens,
    upstream,
    written,
)
from containment.incidents.incident import Incident, Scope, State
from containment.report import Effect, Outcome, Report
from containment.run import Systems, no_note
from policies.errors import Unreachable
from policies.load import load

REVOKE = executor._revoke
OPEN = Incident("I", Scope(everything=True), State.OPEN, opened_at=10)


class Server:
    """Whole seconds, as the real one has. `refuses`: how many writes of a record fail first."""

    def __init__(self, refuses: int = 0) -> None:
        self.held, self._refuses = OPEN, refuses

    def now(self) -> int:
        return 100

    def whoami(self) -> str:
        return "operator"

    def read(self, path: str) -> None:
        """Nor made a role."""

    def applied(self, number: int = 0) -> None:
        """No apply has kept anything yet."""

    def update_incident(self, incident_id: str, change: Callable[[Incident], Incident]) -> Incident:
        assert incident_id == self.held.id
        if self._refuses:
            self._refuses -= 1
            raise Unreachable("vault: sealed")
        self.held = change(self.held)
        return self.held


@pytest.fixture(autouse=True)
def acted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Instead of the effects: the last one takes place."""
    seen: list[str] = []
    for module, name in (
        (policies, "deny"),
        (policies, "as_declared"),
        (policies, "close_generations"),
        (probes, "foresee"),
        (identities, "disable"),
        (former_logins, "end"),
        (same_login, "name"),
        (written, "tell"),
        (upstream, "disable_keys"),
        (repositories, "lock"),
        (strangers, "shut_out"),
        (executor, "_revoke"),
    ):
        monkeypatch.setattr(module, name, lambda *_: None)

    def probe(run: Any) -> None:
        seen.append("probe")
        run.effect("probe", "x", lambda: (Outcome.DONE, "refused"))

    monkeypatch.setattr(probes, "probe", probe)
    return seen


def _contain(server: Server) -> tuple[Report, Incident]:
    no, vault = Any, server
    systems: Any = Systems(vault, no, no, no, no)  # type: ignore[arg-type]
    return executor.contain(systems, load(), (server.held,), server.held, print, no_note)


def test_what_is_named_again_is_not_contained_and_keeps_nothing_from_its_place() -> None:
    no, server = Any, Server()
    systems: Any = Systems(server, no, no, no, no)  # type: ignore[arg-type]
    words = {"secret:a": "replaced", "workload:b": "replaced"}
    report, incident = executor.contain(systems, load(), (server.held,), server.held, print, no_note, words)
    assert report.not_contained == ("secret:a, workload:b (named again: replaced)",)
    assert incident.contained_at


def test_milestones_are_effects_in_their_place_and_told_once() -> None:
    server = Server()
    report, incident = _contain(server)
    assert [(e.what, e.target, e.outcome) for e in report.effects] == [
        ("leaked paths denied", "I", Outcome.DONE),
        ("probe", "x", Outcome.DONE),
        ("contained", "I", Outcome.DONE),
    ]
    assert [e.at for e in report.effects] == sorted(e.at for e in report.effects)
    assert (incident.denied_at, incident.contained_at) == (100, 100)
    again, _ = _contain(server)
    assert [e.outcome for e in again.effects if e.what != "probe"] == [Outcome.ALREADY] * 2


def test_a_milestone_that_is_not_on_record_is_named_and_the_rest_goes_on(acted: list[str]) -> None:
    server = Server(refuses=2)
    report, incident = _contain(server)
    assert report.not_contained == ("I (leaked paths denied: vault: sealed)",)
    assert acted == ["probe"]
    assert not incident.contained_at
    server = Server()
    server.held = incident
    assert _contain(server)[0].not_contained == ()


@pytest.mark.parametrize(
    "meanwhile", [{"lift_begun_at": 90}, {"state": State.LIFTED, "lifted_at": 95}], ids=["begun", "ended"]
)
def test_a_run_that_is_lifted_meanwhile_has_contained_nothing(
    monkeypatch: pytest.MonkeyPatch, meanwhile: dict[str, Any]
) -> None:
    """What it has seen denied may be open by the time that it says so, and it takes no lift's mark away."""
    server = Server()
    monkeypatch.setattr(strangers, "shut_out", lambda _: setattr(server, "held", replace(server.held, **meanwhile)))
    report, _ = _contain(server)
    assert report.not_contained == (
        "I (contained: incident I is being lifted while this run goes on; run it again when that has ended)",
    )
    assert (server.held.lift_begun_at, server.held.contained_at) == (meanwhile.get("lift_begun_at", 0), 0)


def test_a_lift_that_was_cut_short_before_is_taken_back() -> None:
    server = Server()
    server.held = replace(OPEN, denied_at=20, contained_at=30, lift_begun_at=40)
    report, incident = _contain(server)
    assert report.not_contained == ()
    assert (incident.lift_begun_at, incident.contained_at) == (0, 30)
    assert [e.outcome for e in report.effects if e.what == "contained"] == [Outcome.DONE]


def test_what_denied_first_is_noted_as_it_happens_and_a_disk_that_takes_nothing_is_told_when_all_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted: list[str] = []
    full = [False]

    def note(effects: Sequence[Effect]) -> None:
        if full[0]:
            raise Unreachable("record of incident I: No space left on device")
        noted.extend(e.target for e in effects)

    def deny(run: Any) -> None:
        run.effect("gate", "first", lambda: (Outcome.DONE, "in force"))
        assert noted == ["first"] or full[0]
        run.effect("quarantine", "second", lambda: (Outcome.DONE, "in force"))
        noted.append("all is done")

    systems: Any = Systems(Server(), Any, Any, Any, Any)  # type: ignore[arg-type]
    monkeypatch.setattr(policies, "deny", deny)
    executor.deny(systems, load(), (OPEN,), OPEN, print, note)
    assert noted == ["first", "second", "all is done"]
    full[0] = True
    noted.clear()
    with pytest.raises(Unreachable, match="No space left"):
        executor.deny(systems, load(), (OPEN,), OPEN, print, note)
    assert noted == ["all is done"]


@pytest.mark.parametrize("way", [executor.deny, executor.contain])
def test_a_vault_that_hangs_keeps_no_leaked_key_alive(monkeypatch: pytest.MonkeyPatch, way: Callable[..., Any]) -> None:
    disabled = Event()
    monkeypatch.setattr(upstream, "disable_keys", lambda _: disabled.set())
    before: list[bool] = []
    monkeypatch.setattr(policies, "deny", lambda _: before.append(disabled.wait(5)))
    server: Any = Server()
    no: Any = None
    way(Systems(server, no, no, no, no), load(), (OPEN,), OPEN, lambda _: None, no_note)
    assert before == [True]


def test_an_upstream_that_hangs_keeps_the_rest_not_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    monkeypatch.setattr(executor, "_PATIENCE", 0.01)
    monkeypatch.setattr(upstream, "disable_keys", lambda _: over.wait(30))
    no: Any = None
    executor.deny(Systems(no, no, no, no, no), load(), (OPEN,), OPEN, lambda _: None, no_note)
    assert not over.is_set()
    over.set()


@pytest.mark.parametrize(("what", "back"), [(caps.MOUNT, True), ("login TTL capped", False)])
def test_a_mount_that_is_not_capped_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch, what: str, back: bool) -> None:
    """Its roles are, each by itself. It stays not contained."""
    asked: list[Any] = []
    no: Any = None
    monkeypatch.setattr(issuance, "stop", lambda run: run.fail(what, "x", Unreachable("permission denied")))
    monkeypatch.setattr(policies, "open_quarantine", asked.append)
    for module, name, found in (
        (database, "roles", ()),
        (database, "shut_out", ()),
        (database, "drop_users", True),
        (tokens, "revoke", False),
    ):
        monkeypatch.setattr(module, name, lambda *_, found=found: found)
    incident, server = replace(OPEN, revoked_before=5), Server()
    systems: Any = Systems(server, no, no, no, no)  # type: ignore[arg-type]
    run = executor._run(systems, load(), (incident,), incident, print)
    REVOKE(run, lambda: None)
    assert (asked == [run]) is back
    assert Report("I", tuple(run.effects)).not_contained == (f"x ({what}: permission denied)",)
