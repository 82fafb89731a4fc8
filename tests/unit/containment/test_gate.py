"""What an identity's own policy still grants while something leaked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment import gate, names
from containment.incident import Incident, Scope, State
from containment.scope import affected
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
