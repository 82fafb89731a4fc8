"""Which policies drift compares by more than their name."""

from __future__ import annotations

from dataclasses import replace

from containment import names
from containment.incidents.incident import Generation, Incident, Scope, State
from policies.load import load
from policies.model import TokenType
from rotation.drift import contents

ESTATE = load()
WORKLOAD = ESTATE.workloads[0]
CLOSED = names.generation_policy(WORKLOAD, 0)
ONE = replace(
    Incident("I", Scope(everything=True), State.LIFTED, 1, contained_at=100, lifted_at=200),
    generations=(Generation(WORKLOAD.name, 0, 50),),
)


def test_a_closed_generation_of_a_workload_that_is_no_longer_batch_is_compared_while_its_tokens_live() -> None:
    """Its policy denies them: one that somebody made to end by itself lets them pass."""
    service = replace(WORKLOAD, tokens=TokenType.SERVICE)
    estate = replace(ESTATE, workloads=(service,))
    end = ONE.contained_at + service.ttl.max
    for now, compared in ((150, True), (end - 1, True), (end, False)):
        judges = contents._policies(estate, False, (ONE,), now)
        assert (f"policy {CLOSED}" in judges) is compared
    path, judge = contents._policies(estate, False, (ONE,), 150)[f"policy {CLOSED}"]
    assert path == names.policy_path(CLOSED)
    assert judge({"policy": "", "expiration": "2030-01-01T00:00:00Z"}) == ["expires"]
    assert judge({"policy": ""}) == []
