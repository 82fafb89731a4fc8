"""What a leaked identity may have written is told, and not taken for contained or replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment.effects import written
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.report import Outcome
from containment.run import Run, Systems
from policies.load import load
from policies.model import Capability, Estate, Grant

OPEN = Incident("A", Scope(everything=False, leaked=("workload:settlement",)), State.OPEN, opened_at=10)
NAME = "risk-limits-token"


def _granted(*capabilities: Capability) -> Estate:
    estate = load()
    more = (Grant("settlement", capabilities),)
    return replace(
        estate,
        secrets=tuple(replace(s, grants=(*s.grants, *more)) if s.name == NAME else s for s in estate.secrets),
    )


def _told(estate: Estate, incident: Incident = OPEN) -> tuple[list[str], list[str]]:
    said: list[str] = []
    no: Any = None
    run = Run(Systems(no, no, no, no, no), estate, (incident,), incident, said.append, affected(estate, (incident,)))
    written.tell(run)
    assert {e.outcome for e in run.effects} <= {Outcome.ALREADY}
    return [e.target for e in run.effects], said


@pytest.mark.parametrize("capability", [Capability.CREATE, Capability.UPDATE])
def test_what_a_leaked_workload_may_write_is_named_until_it_is_replaced(capability: Capability) -> None:
    estate = _granted(Capability.READ, capability)
    targets, said = _told(estate)
    assert targets == [NAME]
    assert said == [
        f"warning: secret:{NAME}: settlement may have written it: the audit log says who wrote its versions; where "
        f"that was not the workload, it leaked too: portcullis contain --scope secret:{NAME}"
    ]
    assert _told(estate, replace(OPEN, opened=("workload:settlement",))) == ([], [])
    assert _told(estate, replace(OPEN, scope=Scope(False, ("workload:settlement", f"secret:{NAME}")))) == ([], [])


def test_what_it_may_only_read_is_as_it_was() -> None:
    assert _told(_granted(Capability.READ, Capability.LIST)) == ([], [])
