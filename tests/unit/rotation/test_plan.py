"""What is rotated, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment.incidents.incident import Incident, Scope, State
from policies.errors import InputError
from policies.load import load
from rotation.plan import STEPS, Kind, plan
from rotation.steps import steps
from rotation.work import Work

ESTATE = load()
LEAKED = (
    "ci:cicd",
    "secret:exchange-trading-key",
    "secret:exchange-trading-key-staging",
    "secret:market-data-ingest",
    "secret:partner-api-key",
    "workload:analytics-batch",
    "workload:risk-engine",
)
OPEN = Incident("I", Scope(everything=False, leaked=LEAKED), State.OPEN, 10, denied_at=11, contained_at=12)


def test_production_comes_first_identities_before_secrets_and_the_incident_last() -> None:
    waves = [{c.item for c in wave} for wave in plan(OPEN, ESTATE).waves]
    assert waves == [
        {"ci:cicd", "workload:analytics-batch", "workload:risk-engine"},
        {"secret:exchange-trading-key", "secret:market-data-ingest", "secret:partner-api-key"},
        {"secret:exchange-trading-key-staging"},
        {"incident"},
    ]


def test_what_is_worth_most_comes_first_in_its_wave() -> None:
    assert [c.item for c in plan(OPEN, ESTATE).waves[1]] == [
        "secret:exchange-trading-key",
        "secret:market-data-ingest",
        "secret:partner-api-key",
    ]


def test_each_kind() -> None:
    kinds = {c.item: c.kind for c in plan(OPEN, ESTATE)}
    assert kinds["secret:market-data-ingest"] is Kind.DATABASE
    assert kinds["secret:exchange-trading-key"] is Kind.EXCHANGE_KEY
    assert kinds["secret:partner-api-key"] is Kind.MANUAL
    assert kinds["workload:risk-engine"] is Kind.APPROLE
    assert kinds["workload:analytics-batch"] is Kind.JWT
    assert kinds["ci:cicd"] is Kind.CI_ROLE


def test_what_is_replaced_is_proven_again() -> None:
    again = plan(replace(OPEN, opened=("workload:risk-engine",)), ESTATE)
    assert [c.item for c in again if c.proven] == ["workload:risk-engine"]


def test_everything_leaves_only_the_incident_itself() -> None:
    assert [c.item for c in plan(replace(OPEN, scope=Scope(everything=True)), ESTATE)] == ["incident"]


def test_what_is_declared_no_longer_is_refused() -> None:
    gone = replace(ESTATE, workloads=())
    with pytest.raises(InputError, match="workload:analytics-batch leaked in I and is declared no longer"):
        plan(OPEN, gone)


def test_with_a_repository_leak_the_secrets_of_its_workflows() -> None:
    leaked = replace(OPEN, scope=Scope(everything=False, leaked=("repository:tradepulse-core",)))
    first = plan(leaked, ESTATE).waves[0]
    assert [c.item for c in first] == ["secret:deploy-exchange-key"]
    assert "copy" in first[0].steps


def test_only_what_is_copied_has_a_copy_step() -> None:
    assert not any("copy" in c.steps for c in plan(OPEN, ESTATE))


@pytest.mark.parametrize("kind", Kind)
def test_the_steps_are_those_of_the_plan(kind: Kind) -> None:
    item = next((c for c in plan(OPEN, ESTATE) if c.kind is kind), None)
    assert item is not None
    work = Work(_no(), _no(), _no(), _no(), _no(), ESTATE, "I", item, None, None)
    assert tuple(s.name for s in steps(work)) == STEPS[kind]


def _no() -> Any:
    """A system that no step may touch before it is carried out."""
    return object()


def test_a_plan_of_everything_says_that_nothing_is_rotated() -> None:
    what = plan(Incident("I", Scope(everything=True), State.OPEN, opened_at=10), load())
    assert [c.item for c in what] == ["incident"]
    assert "nothing will be rotated" in what.notice
    assert what.to_json()["notice"] == what.notice


def test_a_word_is_taken_by_the_name_that_a_status_prints_and_what_it_is_taken_for_is_listed() -> None:
    what = plan(OPEN, ESTATE)
    assert {what.to_confirm(name).item for name in ("audit-quiet", "incident/audit-quiet")} == {"incident"}
    assert what.to_confirm("secret:partner-api-key").item == "secret:partner-api-key"
    listed = "; a word is taken for workload:analytics-batch, secret:partner-api-key, incident/audit-quiet"
    for name, words in (("secret:nothing", "'secret:nothing' is not in the plan of I"), *_PROVEN):
        with pytest.raises(InputError) as refused:
            what.to_confirm(name)
        assert str(refused.value) == words + listed


_PROVEN = tuple(
    (name, f"{name} is proven by the servers; nobody's word is taken for it") for name in ("incident", "ci:cicd")
)
