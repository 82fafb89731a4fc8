"""Batch tokens: the generations that are out are closed by an incident, and stay closed until their TTL has passed."""

from __future__ import annotations

from dataclasses import replace

from containment.compiled import gate
from containment.former import LONGEST, Former
from containment.incidents import generations
from containment.incidents.incident import Incident, Scope, State
from policies.load import load
from policies.model import Capability, Estate, Grant, TokenType, Ttl, Workload

ESTATE = load()
WORKLOAD = next(w for w in ESTATE.workloads if w.name == "analytics-batch")
TTL = WORKLOAD.ttl.max
OPEN = Incident("A", Scope(everything=True), State.OPEN, opened_at=100)
CONTAINED = replace(OPEN, contained_at=110)
ELSEWHERE = replace(OPEN, scope=Scope(everything=False, leaked=("secret:exchange-trading-key",)))
NOBODY = Former()


def noted(*incidents: Incident, estate: Estate = ESTATE, former: Former = NOBODY) -> tuple[Incident, ...]:
    return generations.noted(incidents, estate, former)


def closed(*incidents: Incident, now: int, workload: Workload = WORKLOAD) -> dict[int, int]:
    return generations.closed_until(workload, incidents, now)


def with_workload(workload: Workload) -> Estate:
    return replace(ESTATE, workloads=tuple(workload if w.name == workload.name else w for w in ESTATE.workloads))


def former(estate: Estate, until: int, now: int) -> Former:
    """`estate` was in force until then, and what is declared now since."""
    return Former(((ESTATE, now), (estate, until)), now)


def test_in_peace_nothing_is_closed() -> None:
    assert closed(now=0) == {}
    assert generations.current(WORKLOAD, ()) == 0


def test_an_incident_closes_what_is_out_and_logins_get_the_next() -> None:
    known = noted(OPEN)
    assert generations.current(WORKLOAD, known) == 1
    assert closed(*known, now=105) == {0: 0, 2: 0, 3: 0}


def test_they_stay_closed_until_the_last_token_has_expired_lifted_or_not() -> None:
    (known,) = noted(CONTAINED)
    lifted = replace(known, state=State.LIFTED)
    assert set(closed(lifted, now=109 + TTL).values()) == {110 + TTL}
    assert closed(lifted, now=110 + TTL) == {}
    assert generations.current(WORKLOAD, [lifted]) == 1


def test_an_incident_elsewhere_closes_nothing() -> None:
    known = noted(ELSEWHERE)
    assert known[0].generations == ()
    assert closed(*known, now=105) == {}
    assert generations.current(WORKLOAD, known) == 0


def test_a_repository_that_leaked_closes_what_its_workflows_secrets_are_granted_to() -> None:
    """Else a batch token of before reads the new value as soon as its path is open again."""
    holder = next(r for r in ESTATE.repositories if r.actions_secrets)
    held = {a.secret for a in holder.actions_secrets}
    granted = tuple(
        replace(s, grants=(*s.grants, Grant(WORKLOAD.name, (Capability.READ,)))) if s.name in held else s
        for s in ESTATE.secrets
    )
    leak = replace(OPEN, scope=Scope(everything=False, leaked=(f"repository:{holder.name}",)))
    assert closed(*noted(leak), now=105) == {}
    assert 0 in closed(*noted(leak, estate=replace(ESTATE, secrets=granted)), now=105)


def test_a_second_incident_within_the_ttl_leaves_open_what_logins_get_then() -> None:
    first = noted(CONTAINED)
    both = noted(*first, replace(OPEN, id="B", opened_at=120))
    assert generations.current(WORKLOAD, both) == 2
    assert closed(*both, now=121) == {0: 0, 1: 0, 3: 0}


def test_new_tokens_are_denied_only_when_as_many_incidents_follow_within_the_ttl_as_there_are_generations() -> None:
    several: tuple[Incident, ...] = ()
    for n in range(generations.COUNT):
        several = noted(*several, replace(CONTAINED, id=str(n), opened_at=100 + n, contained_at=110 + n))
    until = generations.shut_until(WORKLOAD, several[:-1], now=120)
    assert until is None
    assert generations.shut_until(WORKLOAD, several, now=120) == 110 + TTL
    assert generations.shut_until(WORKLOAD, several, now=110 + TTL) is None


def test_the_number_does_not_go_back_with_what_is_declared() -> None:
    leak = replace(CONTAINED, scope=Scope(everything=False, leaked=("secret:analytics-readonly",)))
    lifted = [replace(i, state=State.LIFTED) for i in noted(leak)]
    taken = replace(ESTATE, secrets=tuple(replace(s, grants=()) for s in ESTATE.secrets))
    again = noted(*lifted, replace(OPEN, id="B", opened_at=120), estate=taken)
    assert again[1].generations is not None
    assert [(g.workload, g.number) for g in again[1].generations] == [(WORKLOAD.name, 1)]


def test_a_token_lives_as_long_as_its_workload_was_allowed_when_it_was_made() -> None:
    short = replace(WORKLOAD, ttl=Ttl(60, 60))
    was = Former(((with_workload(short), 5000), (ESTATE, 4990)), 5000)
    late = replace(OPEN, opened_at=5000, contained_at=5010)
    known = noted(late, estate=with_workload(short), former=was)
    assert 0 in closed(*known, now=5009 + TTL, workload=short)
    assert closed(*known, now=5010 + TTL, workload=short) == {}
    assert 0 in closed(*noted(late), now=5009 + TTL, workload=short), "lowered during the incident"
    gone = Former(((with_workload(short), 50000), (ESTATE, 40000)), 50000)
    known = noted(replace(late, opened_at=50000), estate=with_workload(short), former=gone)
    assert known[0].generations is not None
    assert known[0].generations[0].life == 60, "whatever was made then has expired"


def test_what_nobody_can_read_of_the_past_may_have_lived_as_long_as_anything() -> None:
    (known,) = noted(OPEN, former=Former(unread=("version 3",)))
    assert known.generations is not None
    assert {g.life for g in known.generations} == {LONGEST}


def test_a_workload_that_gets_other_tokens_by_now_has_its_generations_closed_until_they_have_expired() -> None:
    service = replace(WORKLOAD, tokens=TokenType.SERVICE)
    estate = with_workload(service)
    assert generations.carrying(estate, noted(OPEN, estate=estate), 105) == ()
    known = noted(CONTAINED, estate=estate, former=former(ESTATE, 90, 100))
    assert generations.carrying(estate, known, 109 + TTL) == (service,)
    assert 0 in closed(*known, now=109 + TTL, workload=service)
    assert generations.carrying(estate, known, 110 + TTL) == ()
    assert generations.shut_until(service, known, 115) is None


def test_who_was_granted_it_when_it_was_made_is_touched() -> None:
    leak = replace(OPEN, scope=Scope(everything=False, leaked=("secret:analytics-readonly",)))
    taken = replace(ESTATE, secrets=tuple(replace(s, grants=()) for s in ESTATE.secrets))
    assert noted(leak, estate=taken)[0].generations == ()
    assert noted(leak, estate=taken, former=former(ESTATE, 90, 100))[0].generations != ()


def test_an_earlier_versions_incidents_count_for_every_workload() -> None:
    earlier = replace(CONTAINED, state=State.LIFTED, lifted_at=120)
    assert generations.current(WORKLOAD, [earlier]) == 1
    assert closed(earlier, now=121) == {0: 110 + TTL, 2: 110 + TTL, 3: 110 + TTL}
    assert closed(earlier, now=110 + TTL) == {}
    later = noted(earlier, replace(OPEN, id="B", opened_at=130))
    assert later[1].generations is not None
    assert [g.number for g in later[1].generations] == [1]
    assert closed(earlier, now=121, workload=replace(WORKLOAD, tokens=TokenType.SERVICE)) == {}


def test_what_the_server_gives_to_logins_now_is_closed_whatever_the_records_say() -> None:
    """They were counted otherwise by an earlier version, or one is lost."""
    for attached in range(generations.COUNT):
        known = generations.noted([CONTAINED], ESTATE, NOBODY, {WORKLOAD.name: attached})
        assert attached in closed(*known, now=120)
        assert generations.current(WORKLOAD, known) not in closed(*known, now=120)


def test_it_is_noted_once() -> None:
    known = noted(OPEN)
    longer = with_workload(replace(WORKLOAD, ttl=Ttl(60, 9000)))
    assert noted(*known, estate=longer) == known
    assert Incident.from_json(known[0].to_json()) == known[0]
    assert Incident.from_json(OPEN.to_json()) == OPEN


def test_a_closed_generation_denies_every_granted_path() -> None:
    assert "database/creds/analytics-readonly" in gate.generation(WORKLOAD, ESTATE, closed=True)
    assert gate.generation(WORKLOAD, ESTATE, closed=False) == gate.open_policy()
