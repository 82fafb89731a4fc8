"""What is decided and named while the vault does not answer; the systems themselves are in the integration tests."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from containment import absent, names
from containment.adapters.vault import HvacVault
from containment.compiled import gate
from containment.errors import UnknownScope
from containment.folder import record
from containment.incidents import generations
from containment.incidents.decide import Asked
from containment.incidents.incident import Incident, Mode, Scope, State
from containment.ports import Prober, UpstreamKey, Vault
from containment.report import Outcome, Report
from containment.run import Systems
from policies.errors import Congested, InputError, Unanswered, Unreachable
from policies.load import load

NAME = "exchange-trading-key"
SCOPE = Scope(everything=False, leaked=(f"secret:{NAME}",))
DENY = {"capabilities": ["deny"]}
DOWN = Unanswered("vault: read x: ConnectionError")


class Exchange:
    def __init__(self) -> None:
        self.live = ["K1"]

    def keys(self, account: str) -> list[UpstreamKey]:
        assert account == "tradepulse-prod"
        return [UpstreamKey(k, NAME, "first", k in self.live, ("trade",)) for k in ("K1",)]

    def disable_key(self, account: str, key: str) -> None:
        assert account
        self.live.remove(key)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Exchange:
    """The only system that answers."""
    found = Exchange()

    def nobody(*_: object) -> Any:
        raise Unreachable("nobody")

    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path))
    monkeypatch.delenv("PAGERDUTY_ROUTING_KEY_FILE", raising=False)

    def answering(vault: Any, _: object) -> Systems:
        return Systems(vault, nobody, lambda _: found, nobody, nobody)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(absent, "from_environment", answering)
    return found


def _contain(incident_id: str = "INC-1", scope: str = NAME, told: bool = False) -> absent.Done:
    return absent.contain(
        Asked(Mode.LOCK, incident_id, scope, told), None, DOWN, absent.Absent("not asked"), print, print
    )


@pytest.mark.parametrize("port", [Vault, Prober])
def test_each_call_of_a_port_is_unanswered(port: Any) -> None:
    calls = [name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")]
    assert calls
    for name in calls:
        with pytest.raises(Unanswered):
            getattr(absent.Absent("the vault does not answer"), name)("x")


def test_the_key_is_disabled_and_the_rest_named_one_by_one(exchange: Exchange) -> None:
    done = _contain()
    assert exchange.live == []
    outcomes = {(e.what, e.target): e.outcome for e in done.report.effects}
    assert outcomes["upstream key disabled", NAME] is Outcome.DONE
    assert {o for (what, _), o in outcomes.items() if what == "gate"} == {Outcome.FAILED}
    assert ("lock-down", "everything after the last effect above") not in outcomes
    for what in ("quarantine", "identity denied", "CI role off", "login TTL capped", "tokens revoked", "probe"):
        assert what in {w for w, _ in outcomes}, what
    assert f"{names.GATE} (gate: the vault does not answer)" in done.report.not_contained
    assert f"portcullis contain --incident-id INC-1 --scope secret:{NAME}" in done.absent
    assert "nothing is on record there" in done.absent


class Held:
    """A vault whose storage waits: its policies, and nothing else."""

    def __init__(self, **policies: str) -> None:
        self.policies = {name.replace("_", "-"): text for name, text in policies.items()}

    def read_policy(self, name: str) -> str | None:
        return self.policies.get(name)

    def holds_policy(self, name: str, text: str) -> bool:
        return self.policies.get(name) == text

    def write_policy(self, name: str, text: str) -> None:
        self.policies[name] = text

    def denied(self, name: str) -> set[str]:
        return {path for path, rule in json.loads(self.policies[name])["path"].items() if rule == DENY}


def test_where_only_the_storage_is_held_what_is_in_scope_is_denied(exchange: Exchange) -> None:
    """And nothing that another incident denies, which cannot be read, is allowed by it."""
    estate = load()
    leaked = next(s for s in estate.secrets if s.name == NAME)
    of_another = json.dumps({"path": {"secret/data/other": DENY}})
    batch = generations.batch_workloads(estate)[0]
    shut, name = gate.generation(batch, estate, closed=True), names.generation_policy(batch, 0)
    vault: Any = Held(pc_gate=of_another)
    vault.policies |= {**gate.widest((estate,)), name: shut}
    asked = Asked(Mode.LOCK, "INC-1", NAME)
    done = absent.contain(asked, None, Congested("vault: held"), vault, print, print)
    assert vault.denied(names.GATE) == {"secret/data/other", *names.denied_paths(leaked)}
    assert names.granted_path(leaked) in vault.denied(names.QUARANTINE)
    for workload in {w for w in estate.workloads if w.name in {g.workload for g in leaked.grants}}:
        assert names.granted_path(leaked) not in vault.policies[names.own_policy(workload)]
    assert vault.denied(name) >= set(json.loads(shut)["path"])
    outcomes = {(e.what, e.target): e.outcome for e in done.report.effects}
    assert outcomes["gate", names.GATE] is Outcome.DONE
    assert outcomes["quarantine", names.QUARANTINE] is Outcome.DONE
    assert done.exit_code == 3
    assert "in a minute, when what the policies deny now has ended" in done.absent
    assert exchange.live == []


def test_evidence_is_there_and_the_rerun_does_not_move_it_aside(exchange: Exchange, tmp_path: Path) -> None:
    del exchange
    _contain()
    assert not (tmp_path / "INC-1" / "incident.json").exists(), "nobody saw what the server holds"
    assert (tmp_path / "INC-1" / "containment.json").exists()
    assert ("incident opened", "failed") in {(e["what"], e["outcome"]) for e in record.events("INC-1")}
    assert record.make_room("INC-1") == ""


def test_what_is_on_record_already_is_not_called_unrecorded(exchange: Exchange) -> None:
    assert "nothing is on record" not in _contain(told=True).absent
    assert exchange.live == []


def test_an_id_alone_has_the_scope_that_it_was_last_seen_with(exchange: Exchange) -> None:
    record.keep(Report("INC-1", ()), Incident("INC-1", SCOPE, State.OPEN, opened_at=1))
    assert _contain(scope="").incident.scope == SCOPE
    assert exchange.live == []
    seen = Incident("INC-1", SCOPE, State.OPEN, opened_at=1, revoked_before=5, opened=SCOPE.leaked)
    record.keep(Report("INC-1", ()), seen)
    again = _contain(scope="").incident
    assert (again.opened, again.revoked_before) == ((), 0), (
        "logins by what was issued since are left, and nobody says so"
    )


def _narrowed(folder: Path) -> None:
    file = folder / "incident.json"
    file.write_text(file.read_text().replace(NAME, "risk-limits-token"))


def _taken(folder: Path) -> None:
    (folder / "incident.json").unlink()
    record.note("INC-1", phase="detection", what=record.OPENED, target="secret:risk-limits-token", outcome="failed")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_narrowed, "incident.json: edited"),
        (_taken, "incident.json: removed"),
        (lambda folder: (folder / "incident.json").write_text("{"), "incident.json: edited"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json: unsealed"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "manifest.json: chain broken"),
    ],
)
def test_a_folder_that_does_not_fit_its_seal_narrows_nothing(
    exchange: Exchange, tmp_path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    del exchange
    record.keep(Report("INC-1", ()), Incident("INC-1", SCOPE, State.OPEN, opened_at=1))
    spoil(tmp_path / "INC-1")
    said: list[str] = []
    done = absent.contain(
        Asked(Mode.LOCK, "INC-1", "", False), None, DOWN, absent.Absent("not asked"), print, said.append
    )
    assert done.incident.scope == Scope(True)
    assert any(f"so everything is: {why}" in line for line in said), said


def test_what_was_asked_for_here_besides_is_in_scope_too(exchange: Exchange) -> None:
    del exchange
    record.keep(Report("INC-1", ()), Incident("INC-1", SCOPE, State.OPEN, opened_at=1))
    _contain(scope="risk-limits-token")
    assert _contain(scope="").incident.scope.leaked == (f"secret:{NAME}", "secret:risk-limits-token")
    record.note("INC-1", phase="detection", what=record.OPENED, target="secret:nobody-declares-it")
    assert _contain(scope="").incident.scope == Scope(True), "a name that nobody knows stopped the lock-down"


def test_what_was_named_stays_named_once_everything_is_in_scope(exchange: Exchange) -> None:
    del exchange
    record.keep(Report("INC-1", ()), Incident("INC-1", SCOPE, State.OPEN, opened_at=1))
    record.note("INC-1", phase="detection", what=record.OPENED, target="everything", outcome="failed")
    assert _contain(scope="").incident.scope == Scope(True, SCOPE.leaked)


def test_what_is_to_be_typed_again_has_everything_that_was_typed(exchange: Exchange) -> None:
    """By the names alone the server would open it without the rest."""
    del exchange
    done = _contain(scope=f"everything,{NAME}")
    assert done.incident.scope == Scope(True, SCOPE.leaked)
    assert f"portcullis contain --incident-id INC-1 --scope everything,secret:{NAME}, or " in done.absent
    assert "unless that is all" not in done.absent


def test_an_id_that_no_server_was_seen_to_have_is_everything_beside_what_was_named(exchange: Exchange) -> None:
    """Whoever can write the folder may name something there too: that narrows nothing, and what a responder has named
    is not lost."""
    _contain()
    exchange.live = ["K1"]
    for _ in range(2):
        again = _contain(scope="")
        assert again.incident.scope == Scope(True, SCOPE.leaked)
        assert f"portcullis contain --incident-id INC-1 --scope secret:{NAME}, or " in again.absent
        assert again.absent.endswith("; and, unless that is all that leaked: portcullis contain")
        assert again.report.leaked == SCOPE.leaked
    assert exchange.live == [], "the key that was named is not disabled"
    record.note("INC-2", phase="detection", what=record.OPENED, target=f"secret:{NAME}", outcome="failed")
    assert _contain("INC-2", "").incident.scope == Scope(True, SCOPE.leaked)
    record.note("INC-3", phase="detection", what=record.OPENED, target="secret:gone, everything", outcome="failed")
    assert _contain("INC-3", "").incident.scope == Scope(True)


def test_what_is_on_record_as_everything_gets_no_name_from_the_folder(exchange: Exchange) -> None:
    """The command that is printed would be refused: a scope on record does not change."""
    del exchange
    _contain()
    assert _contain(scope="", told=True).incident.scope == Scope(True)


def test_an_id_that_was_seen_lifted_blocks_nothing(exchange: Exchange) -> None:
    record.keep(Report("INC-1", ()), Incident("INC-1", SCOPE, State.LIFTED, opened_at=1, lifted_at=2))
    for scope in ("", NAME):  # what stands beside such an id may be left over
        done = _contain(scope=scope)
        assert done.incident.state is State.OPEN
        assert done.incident.scope == Scope(True, SCOPE.leaked if scope else ())
        assert done.incident.id.startswith("INC-2"), "the server would refuse the lifted one's"
        assert f"portcullis contain --incident-id {done.incident.id}" in done.absent
    assert exchange.live == []
    assert _contain(scope="risk-limits-token").incident.scope.everything is False, "that was named now"


@pytest.mark.parametrize(
    ("incident_id", "scope", "refusal"), [("INC-1", "nobody", UnknownScope), ("../x", "", InputError)]
)
def test_bad_input_is_refused_and_changes_nothing(
    exchange: Exchange, tmp_path: Path, incident_id: str, scope: str, refusal: type[InputError]
) -> None:
    with pytest.raises(refusal):
        _contain(incident_id, scope)
    assert exchange.live == ["K1"]
    assert not list(tmp_path.iterdir())


def test_without_vault_and_declarations_there_is_nothing_to_work_from(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_DECLARATIONS", str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"ConnectionError; without the vault the declarations must load"):
        _contain()
    assert exchange.live == ["K1"]


@pytest.mark.parametrize(("status", "down"), [(403, False), (400, False), (500, True), (502, True), (503, True)])
def test_a_refusal_is_an_answer(status: int, down: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import hvac.exceptions

    vault = HvacVault("https://127.0.0.1:1", "t", None)

    def failing(*_: object, **__: object) -> None:
        raise hvac.exceptions.VaultError.from_status(status, "said", errors=["said"])

    monkeypatch.setattr(vault, "_client", SimpleNamespace(adapter=SimpleNamespace(get=failing)))
    with pytest.raises(Unreachable) as raised:
        vault.read("x")
    assert isinstance(raised.value, Unanswered) is down


def test_a_sealed_server_does_not_say_what_time_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = HvacVault("https://127.0.0.1:1", "t", None)
    sealed = SimpleNamespace(read_health_status=lambda **_: SimpleNamespace(status_code=503))
    monkeypatch.setattr(vault, "_client", SimpleNamespace(sys=sealed))
    with pytest.raises(Unanswered, match="health: 503"):
        vault.now()
