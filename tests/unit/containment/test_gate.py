"""What an identity's own policy still grants while something leaked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from containment import names
from containment.compiled import gate
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from policies.load import load
from policies.model import Workload

ESTATE = load()


def _workload(name: str) -> Workload:
    return next(w for w in ESTATE.workloads if w.name == name)


def _rules(workload: str, *incidents: Incident) -> set[str]:
    return set(gate.own_rules(_workload(workload), ESTATE, affected(ESTATE, incidents)))


def _leaked(*names_: str, identity: str = "I") -> Incident:
    return Incident(identity, Scope(everything=False, leaked=names_), State.OPEN, opened_at=0)


def test_what_leaked_is_not_granted_until_it_is_replaced() -> None:
    leaked = next(s for s in ESTATE.secrets if s.name == "exchange-trading-key")
    incident = _leaked("secret:exchange-trading-key")
    peace, path = _rules("execution-engine"), names.granted_path(leaked)
    assert path in peace
    assert _rules("execution-engine", incident) == peace - {path}
    assert _rules("execution-engine", replace(incident, opened=("secret:exchange-trading-key",))) == peace
    again = _leaked("secret:exchange-trading-key", identity="J")
    replaced = replace(incident, opened=("secret:exchange-trading-key",))
    assert _rules("execution-engine", replaced, again) == peace - {path}, "each incident waits for its own"


@pytest.mark.parametrize("scope", [Scope(everything=True), Scope(everything=False, leaked=("secret:partner-api-key",))])
def test_whom_it_does_not_concern_keeps_its_policy(scope: Scope) -> None:
    incident = Incident("I", scope, State.OPEN, opened_at=0)
    assert _rules("execution-engine", incident) == _rules("execution-engine")


def test_whose_policies_change_are_those_and_no_others() -> None:
    now = affected(ESTATE, [_leaked("secret:exchange-trading-key", "workload:risk-engine")])
    changed = {
        w.name
        for w in ESTATE.workloads
        if gate.own_policy(w, ESTATE, now) != gate.own_policy(w, ESTATE, affected(ESTATE, ()))
    }
    assert changed == {w.name for w in (*now.narrowed, *now.unreplaced_workloads)}
    assert "risk-engine" not in {w.name for w in now.narrowed}, "it is shut altogether"


def _policy(**rules: str) -> str:
    return json.dumps({"path": {path: {"capabilities": said.split()} for path, said in rules.items()}}, sort_keys=True)


def test_the_stricter_of_two_allows_what_both_allow() -> None:
    held = _policy(a="deny", b="list read", c="read", d="read")
    wanted = _policy(a="read", b="read", c="deny", e="read", f="deny")
    assert gate.stricter(held, wanted) == _policy(a="deny", b="read", c="deny", f="deny")
    assert gate.stricter(_policy(a="read"), _policy(b="read")) == gate.open_policy()


@pytest.mark.parametrize("held", [None, "", "{", "[]", '{"path": []}', '{"path": {"a": 1}}', 'path "a" { }'])
def test_a_policy_that_is_not_ours_is_replaced(held: str | None) -> None:
    assert gate.stricter(held, _policy(a="deny")) == _policy(a="deny")
