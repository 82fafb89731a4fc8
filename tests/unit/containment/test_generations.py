"""Batch tokens: the generation that is out is closed by an incident, and stays closed until its TTL has passed."""

from __future__ import annotations

from dataclasses import replace

from containment import gate, generations
from containment.incident import Incident, Scope, State
from policies.load import load
from policies.model import Capability, Grant

ESTATE = load()
WORKLOAD = next(w for w in ESTATE.workloads if w.name == "analytics-batch")
TTL = WORKLOAD.ttl.max
OPEN = Incident("A", Scope(everything=True), State.OPEN, opened_at=100)
CONTAINED = replace(OPEN, contained_at=110)
ELSEWHERE = replace(OPEN, scope=Scope(everything=False, leaked=("secret:exchange-trading-key",)))


def closed(*incidents: Incident, now: int) -> dict[int, int]:
    return generations.closed_until(WORKLOAD, ESTATE, incidents, now)


def test_in_peace_nothing_is_closed() -> None:
    assert closed(now=0) == {}
    assert generations.current(WORKLOAD, ESTATE, ()) == 0


def test_an_incident_closes_what_is_out_and_logins_get_the_other() -> None:
    assert closed(OPEN, now=105) == {0: 0}
    assert generations.current(WORKLOAD, ESTATE, (OPEN,)) == 1


def test_it_stays_closed_until_the_last_token_has_expired_lifted_or_not() -> None:
    lifted = replace(CONTAINED, state=State.LIFTED)
    assert closed(lifted, now=109 + TTL) == {0: 110 + TTL}
    assert closed(lifted, now=110 + TTL) == {}


def test_an_incident_elsewhere_closes_nothing() -> None:
    assert closed(ELSEWHERE, now=105) == {}


def test_a_repository_that_leaked_closes_what_its_workflows_secrets_are_granted_to() -> None:
    """Else a batch token of before reads the new value as soon as its path is open again."""
    holder = next(r for r in ESTATE.repositories if r.actions_secrets)
    held = {a.secret for a in holder.actions_secrets}
    granted = tuple(
        replace(s, grants=(*s.grants, Grant(WORKLOAD.name, (Capability.READ,)))) if s.name in held else s
        for s in ESTATE.secrets
    )
    leak = replace(OPEN, scope=Scope(everything=False, leaked=(f"repository:{holder.name}",)))
    assert generations.closed_until(WORKLOAD, ESTATE, (leak,), now=105) == {}
    assert generations.closed_until(WORKLOAD, replace(ESTATE, secrets=granted), (leak,), now=105) == {0: 0}


def test_a_second_incident_within_the_ttl_closes_both() -> None:
    assert set(closed(CONTAINED, replace(OPEN, id="B", opened_at=120), now=121)) == {0, 1}


def test_new_tokens_are_denied_only_when_as_many_incidents_follow_within_the_ttl_as_there_are_generations() -> None:
    several = [replace(CONTAINED, id=str(n), opened_at=100 + n, contained_at=110 + n) for n in range(generations.COUNT)]
    until = generations.shut_until(WORKLOAD, ESTATE, several[:-1], now=120)
    assert until is None
    assert generations.shut_until(WORKLOAD, ESTATE, several, now=120) == 110 + TTL
    assert generations.shut_until(WORKLOAD, ESTATE, several, now=110 + TTL) is None


def test_a_closed_generation_denies_every_granted_path() -> None:
    assert "database/creds/analytics-readonly" in gate.generation(WORKLOAD, ESTATE, closed=True)
    assert gate.generation(WORKLOAD, ESTATE, closed=False) == gate.open_policy()
