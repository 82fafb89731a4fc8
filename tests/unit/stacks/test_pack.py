"""What the policy pack asks OPA of a resource, and what it tells Pulumi."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as messages

from containment import names
from containment.adapters.github import GithubHost
from containment.adapters.opa import Decision, Violation
from containment.adapters.vault import HvacVault
from containment.incidents.incident import Incident, Scope, State
from policies.errors import Unreachable
from policies.load import load
from stacks.pack import Pack

ESTATE = load()
VIOLATION = Violation("", 0, "undeclared_policy", "critical", "x", "policy", "policy x is not declared", "declare it")


class Judge:
    """Says what it is told to, and keeps what it was asked."""

    def __init__(self, decision: Decision | None) -> None:
        self.decision, self.asked = decision, list[dict[str, Any]]()

    def decide(self, package: str, question: dict[str, Any]) -> Decision:
        assert package == "portcullis.resource"
        self.asked.append(question)
        if self.decision is None:
            raise Unreachable("opa: ConnectionError")
        return self.decision


class Peace:
    held: tuple[Incident, ...] = ()

    def incidents(self) -> tuple[Incident, ...]:
        return self.held

    def compiled(self) -> None:
        """No apply has kept anything."""


@pytest.fixture(autouse=True)
def _peace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HvacVault, "for_containment", Peace)


POLICY = "vault:index/policy:Policy"


def _analyzed(pack: Pack, kind: str, called: str = "r", **inputs: Any) -> list[messages.AnalyzeDiagnostic]:
    properties = struct_pb2.Struct()
    properties.update(inputs)
    request = messages.AnalyzeRequest(type=kind, name=called, urn="urn:r", properties=properties)
    return list(pack.Analyze(request, None).diagnostics)


def test_a_resource_is_judged_beside_what_is_declared_of_it() -> None:
    judge = Judge(Decision(True, ()))
    pack = Pack(judge)
    name = names.own_policy(next(w for w in ESTATE.workloads if w.name == "execution-engine"))
    assert _analyzed(pack, POLICY, name, name=name, policy="{}") == []
    assert _analyzed(pack, POLICY, "pc-w-nobody", name="pc-w-nobody", policy="{}") == []
    assert _analyzed(pack, "pulumi:pulumi:Stack", "s") == []
    assert _analyzed(pack, "t") == []
    declared, undeclared, stack, unknown = judge.asked
    assert [*declared["policies"]] == [name]
    assert "read" in declared["policies"][name]["secret/data/trading/exchange"]
    assert declared["resources"] == {POLICY: {name: {"name": [name], "policy": {"all": []}}}}
    assert declared["steps"][0]["new"] == {"name": name, "policy": "{}"}
    assert (undeclared["policies"], undeclared["resources"]) == ({}, {POLICY: {}})
    assert stack["resources"] == {"pulumi:pulumi:Stack": {"s": {}}}
    assert unknown["resources"] == {}


def test_a_protection_may_have_githubs_own_id_of_its_repository_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was imported has; GitHub is asked where it is not the name."""

    class Host:
        asked: ClassVar[list[str]] = []

        def repository_node_id(self, repository: str) -> str:
            self.asked.append(repository)
            return "R_ours"

    monkeypatch.setattr(GithubHost, "from_environment", Host)
    kind, name, judge = (
        "github:index/branchProtection:BranchProtection",
        ESTATE.repositories[0].name,
        Judge(Decision(True, ())),
    )
    for given in (name, "R_ours", "R_theirs"):
        assert _analyzed(Pack(judge), kind, f"{name}-main", repositoryId=given) == []
    assert [q["resources"][kind][f"{name}-main"]["repositoryId"] for q in judge.asked] == [
        [name],
        [name, "R_ours"],
        [name, "R_ours"],
    ]
    assert Host.asked == [name, name]
    assert judge.asked[1]["steps"][0]["new"] == {"repositoryId": "R_ours"}


def test_opa_is_told_no_secret() -> None:
    judge = Judge(Decision(True, ()))
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "s3cret"}
    _analyzed(Pack(judge), "t", nested={"token": secret, "list": [secret, "plain"]})
    assert judge.asked[0]["steps"][0]["new"] == {"nested": {"token": "[secret]", "list": ["[secret]", "plain"]}}


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision(False, ("x",), (VIOLATION,)), "undeclared_policy: policy x is not declared — declare it"),
        (Decision(False, ("undefined: no decision",)), "undefined: no decision"),
        (None, "opa: ConnectionError"),
    ],
)
@pytest.mark.parametrize(("incident", "level"), [("keep", messages.MANDATORY), ("true", messages.ADVISORY)])
def test_whatever_is_no_yes_stops_all_but_a_lock_down(
    decision: Decision | None, words: str, incident: str, level: int
) -> None:
    pack = Pack(Judge(decision))
    pack.ConfigureStack(messages.AnalyzerStackConfigureRequest(config={"portcullis:incident": incident}), None)
    (told,) = _analyzed(pack, "t")
    assert (told.message, told.enforcementLevel, told.urn) == (words, level, "urn:r")


@pytest.mark.parametrize(("incident", "level"), [("keep", messages.ADVISORY), ("false", messages.MANDATORY)])
def test_what_locks_again_is_stopped_no_more_than_the_lock_down(
    monkeypatch: pytest.MonkeyPatch, incident: str, level: int
) -> None:
    """A lift opens something, so it is."""
    monkeypatch.setattr(Peace, "held", (Incident("I", Scope(everything=True), State.OPEN, opened_at=1),))
    pack = Pack(Judge(None))
    pack.ConfigureStack(messages.AnalyzerStackConfigureRequest(config={"portcullis:incident": incident}), None)
    (told,) = _analyzed(pack, "t")
    assert told.enforcementLevel == level


def test_who_is_away_is_asked_once() -> None:
    judge = Judge(None)
    pack = Pack(judge)
    assert [told.message for _ in range(3) for told in _analyzed(pack, "t")] == ["opa: ConnectionError"] * 3
    assert len(judge.asked) == 1
