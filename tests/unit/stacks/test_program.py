"""What the program sees to when Pulumi has had its turn."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_vault as vault_sdk
import pytest

from containment import lockdown, paging
from containment.compiled import caps
from containment.errors import NotRestored, NotWritten
from containment.incidents.decide import Asked, Decision
from containment.incidents.incident import Incident, Mode, Scope, State
from containment.incidents.scope import affected
from containment.report import Effect, Outcome, Report
from containment.run import Systems
from policies.errors import Unreachable
from policies.load import load
from policies.model import Estate
from stacks import access, beside, github, kept, lift, program

OPEN = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
ESTATE = load()
CAP = caps.caps(affected(ESTATE, (OPEN,)), (OPEN,))[0]


class Server:
    """Holds one role; `stuck` takes no write to it."""

    def __init__(self, stuck: bool) -> None:
        self.role, self.stuck = dict(CAP.incident), stuck
        self.kept: list[str | None] = []

    def incidents(self) -> tuple[Incident, ...]:
        return (OPEN,)

    def read(self, path: str) -> dict[str, Any] | None:
        return self.role if path == CAP.path else None

    def write(self, path: str, data: dict[str, Any]) -> None:
        if path == CAP.path and not self.stuck:
            self.role = data

    def unended(self, _: Estate, __: str | None) -> tuple[Estate, ...]:
        return ()

    def write_begun(self, _: Estate, part: str | None) -> bool:
        self.kept.append(part)
        return True

    def write_done(self, _: Estate, part: str | None, *, left: bool) -> bool:
        assert not left
        self.kept.append(part)
        return True


class Full(Server):
    def write_begun(self, _: Estate, __: str | None) -> bool:
        raise Unreachable("vault: no space left")


def _rest(monkeypatch: pytest.MonkeyPatch, server: Any, environment: str = "all", again: tuple[str, ...] = ()) -> str:
    """The role is capped; then a provider that updates it for another reason writes the TTLs of its state along."""
    no: Any = None
    context = access.Context(ESTATE, affected(ESTATE, (OPEN,)), (OPEN,), 20, environment)
    order: list[str] = []

    class Watch:
        async def missing(self, _: object) -> list[str]:
            return []

        async def failed(self, _: object) -> list[str]:
            return []

    async def registered(_: object) -> None:
        await asyncio.sleep(0.01)
        order.append("gate made")

    def read(_: object) -> None:
        raise Unreachable("no owner")

    async def declare(_: object) -> None:
        order.append("rest declared")
        await asyncio.sleep(0)
        server.role = dict(CAP.peace)

    monkeypatch.setattr(program, "Watch", Watch)
    monkeypatch.setattr(program, "registered", registered)
    monkeypatch.setattr(access, "declare", declare)
    monkeypatch.setattr(beside, "work", lambda *_, **__: (True, False))
    monkeypatch.setattr(beside, "from_environment", lambda vault, _: Systems(vault, no, no, no, no))
    monkeypatch.setattr(github, "read", read)
    monkeypatch.setattr(vault_sdk, "Policy", lambda *_, **__: None)
    monkeypatch.setattr(pulumi.log, "info", lambda _: None)
    decision = Decision((OPEN,), OPEN, None, again=again)
    with pytest.raises(pulumi.RunError) as refused:
        asyncio.run(program._rest(server, context, decision, [], Asked(Mode.LOCK, "A", "")))
    assert order == ["gate made", "rest declared"], "the gate is awaited before anything else is registered"
    return str(refused.value)


def test_a_cap_that_pulumi_lifted_is_set_again(monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any]) -> None:
    assert CAP.incident != CAP.peace, "a test that cannot fail"
    server = Server(stuck=False)
    words = _rest(monkeypatch, server)
    assert server.role == CAP.incident
    assert words == "repositories were not declared: no owner; once that is mended: pulumi up --config incident=keep"
    assert exported["mode"] == "locked"


def test_a_cap_that_stays_lifted_is_not_contained(monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any]) -> None:
    server = Server(stuck=True)
    words = _rest(monkeypatch, server)
    assert f"not contained: {CAP.name} ({CAP.what}: not in force" in words
    assert "then run it again, which goes on where it stopped: pulumi up --config incident=keep\n" in words
    assert exported["mode"] == "not contained"


def test_what_was_named_again_is_the_last_word(monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any]) -> None:
    """By the command that the others name, it would count as contained."""
    del exported
    words = _rest(monkeypatch, Server(stuck=True), again=("secret:x",))
    assert "portcullis contain --incident-id A-2 --scope secret:x" in words.partition("\nbefore any command above: ")[2]


def test_a_vault_that_is_killed_before_the_last_look_takes_no_verdict_along(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any]
) -> None:
    class Killed(Server):
        def incidents(self) -> tuple[Incident, ...]:
            raise Unreachable("vault: list incidents: ConnectionError")

    words = _rest(monkeypatch, Killed(stuck=True))
    assert f"not contained: {CAP.name} ({CAP.what}: not in force" in words
    assert "whether an incident was opened meanwhile is not known: vault: list incidents: ConnectionError" in words
    assert exported["mode"] == "not contained"


@pytest.mark.usefixtures("exported")
def test_an_estate_that_the_server_does_not_keep_stops_no_lock_down(monkeypatch: pytest.MonkeyPatch) -> None:
    words = _rest(monkeypatch, Full(stuck=False))
    assert "a later lock-down may not know what this run declares: vault: no space left" in words


@pytest.mark.usefixtures("exported")
def test_what_is_begun_is_of_the_environment_that_the_stack_declares(
    monkeypatch: pytest.MonkeyPatch, last: dict[str, Any]
) -> None:
    """Whichever was typed for the leak at hand."""
    server = Server(stuck=False)
    last["environment"] = "production"
    _rest(monkeypatch, server, environment="staging")
    assert server.kept == ["production", "production"]


def test_in_peace_nothing_is_declared_that_is_not_kept() -> None:
    peace = access.Context(ESTATE, affected(ESTATE, ()), (), 20, "all")
    server: Any = Full(stuck=False)
    with pytest.raises(Unreachable):
        kept.begin(server, peace)


def test_a_lift_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    no: Any = None
    lifting = Decision((replace(OPEN, state=State.LIFTED),), None, OPEN)
    context = access.Context(ESTATE, affected(ESTATE, ()), (), 20, "all")

    def restore(*_: object) -> None:
        raise NotRestored(("mount database (ConnectionError)",))

    monkeypatch.setattr(lift, "restore", restore)
    monkeypatch.setattr(paging, "report", lambda *_: None)
    complaints: list[str] = []
    assert beside.work(no, context, lifting, complaints, acted=False) == (False, False)
    assert complaints == [
        "incident A is half lifted: not restored: mount database (ConnectionError); run the same command again"
    ]


def test_a_lock_down_without_its_evidence_is_what_its_words_say(monkeypatch: pytest.MonkeyPatch) -> None:
    no: Any = None
    context = access.Context(ESTATE, affected(ESTATE, (OPEN,)), (OPEN,), 20, "all")
    paged: dict[str, Any] = {}
    monkeypatch.setattr(paging, "report", lambda _vault, found, _progress: paged.update(found))
    for missing in ((), ("risk-engine (tokens: still there)",)):

        def contain(*_: object, missing: tuple[str, ...] = missing) -> None:
            raise NotWritten(missing, Unreachable("record of incident A: No space left on device"))

        monkeypatch.setattr(lockdown, "contain", contain)
        complaints: list[str] = []
        assert beside.work(no, context, Decision((OPEN,), OPEN, None), complaints, acted=True) == (not missing, False)
        assert ("everything in scope is contained" in complaints[0]) is not bool(missing)
        assert "No space left on device" in complaints[0], "the update fails all the same"
        assert paged == {"A": missing}


@pytest.mark.parametrize(
    ("outcome", "acted", "said"),
    [
        (Outcome.ALREADY, False, ["still contained: nothing new was out"]),
        (Outcome.ALREADY, True, []),
        (Outcome.DONE, False, []),
        (Outcome.FAILED, False, []),
    ],
)
def test_still_contained_is_said_when_nothing_was_found_to_do(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, acted: bool, said: list[str]
) -> None:
    no: Any = None
    context = access.Context(ESTATE, affected(ESTATE, (OPEN,)), (OPEN,), 20, "all")
    report = Report("A", (Effect("token revoked", "x", outcome, "gone", 0.0),))
    heard: list[str] = []
    monkeypatch.setattr(paging, "report", lambda *_: None)
    monkeypatch.setattr(lockdown, "contain", lambda *_: (report, OPEN))
    monkeypatch.setattr(pulumi.log, "info", heard.append)
    beside.work(no, context, Decision((OPEN,), OPEN, None), [], acted=acted)
    assert heard == said


def test_the_remedy_for_a_lost_lock_is_in_the_order_in_which_it_is_done() -> None:
    lock: Any = SimpleNamespace(pulumi_resource_name="tradepulse-core-main")
    words = github.lost([lock])
    assert words.index("first delete on GitHub") < words.index("then run `pulumi up --refresh")
