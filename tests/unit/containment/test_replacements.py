"""What counts as the new one where several incidents name what leaked, and until when its proof does."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from containment.incidents import proofs
from containment.incidents.incident import Incident, Made, Proof, Scope, State
from containment.incidents.replacements import made, reference, wanting
from containment.ports import UpstreamKey
from policies.errors import Unreachable
from policies.load import load

ESTATE = load()
KEY, IDENTITY = "secret:exchange-trading-key", "workload:risk-engine"
DENIED = 100
FIRST = Incident("F", Scope(False, (KEY, IDENTITY)), State.OPEN, opened_at=90, denied_at=DENIED)
SECOND = Incident("G", Scope(False, (KEY, IDENTITY)), State.OPEN, opened_at=150, denied_at=200)
ELSEWHERE = Incident("H", Scope(False, ("secret:partner-api-key",)), State.OPEN, opened_at=250, denied_at=300)


def _with(incident: Incident, item: str, handle: str, at: int) -> Incident:
    return incident.with_made(Made(item, reference(handle), at))


def test_what_was_made_after_every_deny_is_new_to_every_incident() -> None:
    rotated = _with(FIRST, KEY, "k", 201)
    assert made(KEY, (rotated, SECOND, ELSEWHERE), ESTATE) == {reference("k")}
    assert made(IDENTITY, (rotated, SECOND), ESTATE) == frozenset()


@pytest.mark.parametrize("at", [DENIED, 150, 200])
def test_what_may_have_leaked_in_a_later_incident_is_not(at: int) -> None:
    rotated = _with(FIRST, KEY, "k", at)
    assert made(KEY, (rotated, SECOND), ESTATE) == frozenset()
    assert made(KEY, (rotated, ELSEWHERE), ESTATE) == ({reference("k")} if at > DENIED else frozenset())


def test_nothing_is_new_to_an_incident_that_has_denied_nothing_yet() -> None:
    """Its lock-down disables keys beside the deny: what replaced the last leak may be what leaks now."""
    rotated = replace(_with(FIRST, KEY, "k", 201), state=State.LIFTED)
    begun = replace(SECOND, denied_at=0)
    assert made(KEY, (rotated,), ESTATE) == {reference("k")}
    assert made(KEY, (rotated, begun), ESTATE) == frozenset()
    assert made(KEY, (rotated, replace(ELSEWHERE, denied_at=0)), ESTATE) == {reference("k")}


def test_the_last_one_made_counts_and_is_kept() -> None:
    twice = _with(_with(FIRST, KEY, "k1", 201), KEY, "k2", 202)
    assert made(KEY, (twice,), ESTATE) == {reference("k2")}
    assert Incident.from_json(twice.to_json()) == twice
    data = FIRST.to_json()
    del data["made"]
    assert Incident.from_json(data).made == (), "of a record from before"


def _alive(at: int) -> Proof:
    return Proof(KEY, proofs.NEW_ALIVE, at, True, "a signed call is accepted")


def _ok(incident: Incident, *others: Incident) -> bool:
    asked = proofs.lift_input(incident, (incident, *others), ESTATE, incident.id, 300, contained=True)
    return next(bool(p["ok"]) for p in asked["proofs"] if p["item"] == f"{KEY}/new-alive")


def test_a_proof_from_before_another_deny_or_another_replacement_does_not_count() -> None:
    proven = FIRST.with_proof(_alive(200))
    assert _ok(proven)
    assert _ok(proven, ELSEWHERE)
    assert not _ok(proven, SECOND)
    assert not _ok(proven, replace(SECOND, state=State.LIFTED))
    later = FIRST.with_proof(_alive(210))
    assert _ok(later, SECOND)
    assert not _ok(later, _with(SECOND, KEY, "k", 210)), "within a second nobody knows which came first"
    assert _ok(later, _with(SECOND, KEY, "k", 209))
    assert _ok(_with(later, KEY, "k", 210), SECOND), "its own: the run that makes one proves it after that"
    assert not _ok(_with(later, KEY, "k2", 211), SECOND), "a later run's of its own, which nothing has tried"


def test_a_proof_of_the_old_one_stays() -> None:
    dead = Proof(KEY, proofs.OLD_DEAD, 200, True)
    assert proofs.overtaken(dead, FIRST, (FIRST, SECOND), ESTATE) == ""


def _systems(keys: list[UpstreamKey] | Unreachable, accessors: list[str]) -> Any:
    def listed(_: str) -> list[UpstreamKey]:
        if isinstance(keys, Unreachable):
            raise keys
        return keys

    vault = SimpleNamespace(keys=lambda _: accessors)
    return SimpleNamespace(vault=vault, upstream=lambda _: SimpleNamespace(keys=listed))


def test_the_lift_asks_whether_it_is_in_force() -> None:
    rotated = _with(_with(FIRST, KEY, "k", 201), IDENTITY, "a", 201)
    live = UpstreamKey("k", "exchange-trading-key", "F", enabled=True, permissions=())

    def said(*keys: UpstreamKey, accessors: tuple[str, ...] = ("a",)) -> str:
        return "; ".join(wanting(rotated, (rotated,), ESTATE, _systems(list(keys), list(accessors))))

    assert said(live) == ""
    assert said(replace(live, enabled=False)).startswith(f"what replaced {KEY} is in force no longer: see who ended it")
    assert f"what replaced {KEY} is in force no longer" in said(replace(live, tag="another"))
    assert f"what replaced {IDENTITY} is in force no longer" in said(live, accessors=("b",))
    (told,) = wanting(rotated, (rotated,), ESTATE, _systems(Unreachable("exchange: down"), ["a"]))
    assert told == f"what replaced {KEY}: whether it is in force was not seen: exchange: down"
    assert wanting(FIRST, (FIRST,), ESTATE, _systems([], [])) == (), "nothing that is on record"


def test_the_lift_names_a_secret_id_beside_ours() -> None:
    rotated = _with(FIRST, IDENTITY, "a", 201)

    def said(*accessors: str) -> str:
        return "; ".join(wanting(rotated, (rotated,), ESTATE, _systems([], list(accessors))))

    assert said("a") == ""
    again = "see who made it, then portcullis rotate run F, which ends it"
    assert said("a", "b") == f"1 secret_id of {IDENTITY} is in force beside what replaced it: {again}"
    assert said("a", "b", "c").startswith(f"2 secret_ids of {IDENTITY} are in force beside what replaced it")
    gone = said("b")
    assert f"what replaced {IDENTITY} is in force no longer" in gone
    assert f"1 secret_id of {IDENTITY} is in force beside" in gone


def test_who_logs_in_by_a_jwt_is_asked_of_nobody() -> None:
    """AppRole knows no role of that name, and said so to every lift."""

    def no_role(_: str) -> list[str]:
        raise Unreachable("vault: list auth/approle/role/analytics-batch/secret-id: InvalidRequest")

    item = "workload:analytics-batch"
    incident = replace(FIRST, scope=Scope(everything=False, leaked=(item,)))
    systems: Any = SimpleNamespace(vault=SimpleNamespace(keys=no_role))
    assert wanting(incident, (incident,), ESTATE, systems) == ()


def test_the_lift_names_a_proof_that_was_overtaken() -> None:
    proven = FIRST.with_proof(_alive(200))
    (told,) = wanting(proven, (proven, SECOND), ESTATE, _systems([], []))
    assert told == (
        f"the proof {KEY}/new-alive is from before G, where it leaked too, was denied: portcullis rotate run F"
    )


def test_the_lift_names_a_proof_of_what_a_later_run_replaced() -> None:
    """That run was killed before it stored what it made: the workloads read the earlier one, which is dead."""
    again = FIRST.with_proof(_alive(210)).with_made(Made(KEY, reference("k2"), 250))
    live = UpstreamKey("k2", "exchange-trading-key", "F", enabled=True, permissions=())
    words = "from before the rotation of F made another"
    told = wanting(again, (again,), ESTATE, _systems([live], []))
    assert f"the proof {KEY}/new-alive is {words}: portcullis rotate run F" in told
    proven = again.with_proof(_alive(251))
    assert not [one for one in wanting(proven, (proven,), ESTATE, _systems([live], [])) if KEY in one]
