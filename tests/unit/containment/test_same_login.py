"""A JWT that logs in as two: the one that did not leak is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment import estates
from containment.effects import same_login
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.report import Effect, Outcome
from containment.run import Run, Systems
from policies.load import load
from policies.model import Estate

ESTATE = load()
BATCH = next(w for w in ESTATE.workloads if w.name == "analytics-batch")
RENAMED = replace(
    ESTATE, workloads=(*(w for w in ESTATE.workloads if w != BATCH), replace(BATCH, name="analytics-jobs"))
)
BOTH = estates.unfinished(ESTATE, RENAMED)


def _named(estate: Estate, *leaked: str, opened: tuple[str, ...] = ()) -> list[Effect]:
    open_ = Incident("A", Scope(everything=False, leaked=leaked), State.OPEN, opened_at=10, opened=opened)
    no: Any = None
    run = Run(Systems(no, no, no, no, no), estate, (open_,), open_, print, affected(estate, (open_,)))
    same_login.name(run)
    return run.effects


@pytest.mark.parametrize(
    ("leaked", "other"), [("analytics-batch", "analytics-jobs"), ("analytics-jobs", "analytics-batch")]
)
def test_of_a_rename_that_was_cut_short_the_other_name_is_no_way_in(leaked: str, other: str) -> None:
    (effect,) = _named(BOTH, f"workload:{leaked}")
    assert (effect.target, effect.outcome) == (other, Outcome.FAILED)
    said = f"a JWT of {leaked}, which leaked, may log in as {other} too: portcullis contain --scope workload:{other}"
    assert effect.detail == said
    assert _named(BOTH, f"workload:{leaked}", f"workload:{other}") == []
    assert _named(BOTH, f"workload:{leaked}", opened=(f"workload:{leaked}",)) == []


def test_nobody_else_is_named() -> None:
    assert _named(ESTATE, "workload:analytics-batch", "workload:settlement", "ci:cicd") == []
    assert _named(BOTH, "workload:settlement") == []


def test_a_leaked_ci_roles_token_is_no_workloads() -> None:
    role = next(r for r in ESTATE.ci_roles if r.name == "cicd")
    by_ci = replace(BATCH, bound_claims=role.bound_claims)
    estate = replace(ESTATE, workloads=tuple(by_ci if w == BATCH else w for w in ESTATE.workloads))
    assert [e.target for e in _named(estate, "ci:cicd")] == ["analytics-batch"]
    assert _named(estate, "secret:partner-api-key") == []


@pytest.mark.parametrize(
    "claims",
    [
        (("environment", "production"), ("repository", "TradePulse/TradePulse-Core")),
        (("workflow_ref", "tradepulse/tradepulse-core/.github/workflows/deploy.yml@refs/heads/main"),),
        (("job_workflow_ref", "tradepulse/tradepulse-core/.github/workflows/deploy.yml@refs/heads/main"),),
        (("sub", "repo:tradepulse/tradepulse-core:environment:production"),),
        (("/repository", "tradepulse/tradepulse-core"),),
    ],
)
def test_a_leaked_repositorys_jobs_are_no_workload_that_did_not_leak(claims: tuple[tuple[str, str], ...]) -> None:
    """Though its claims are no CI role's."""
    deployer = replace(BATCH, bound_claims=claims)
    estate = replace(ESTATE, workloads=tuple(deployer if w == BATCH else w for w in ESTATE.workloads))
    (effect,) = _named(estate, "repository:tradepulse-core")
    assert effect.detail.startswith(
        "a JWT of a job of tradepulse-core, which leaked, may log in as analytics-batch too: "
    )
    both = ("repository:tradepulse-core", "workload:analytics-batch")
    assert _named(estate, *both) == _named(estate, *both, opened=("workload:analytics-batch",)) == []
    assert _named(estate, "repository:tradepulse-connectors") == _named(ESTATE, "repository:tradepulse-core") == []


def test_one_that_was_replaced_before_the_repository_leaked_is_let_in_again() -> None:
    deployer = replace(BATCH, bound_claims=(("repository", "tradepulse/tradepulse-core"),))
    estate = replace(ESTATE, workloads=tuple(deployer if w == BATCH else w for w in ESTATE.workloads))
    item = "workload:analytics-batch"
    before = Incident("A", Scope(False, (item,)), State.OPEN, opened_at=10, denied_at=11, opened=(item,))
    leak = Incident("B", Scope(False, ("repository:tradepulse-core",)), State.OPEN, opened_at=20, denied_at=21)
    again = Incident("A-2", Scope(False, (item,)), State.OPEN, opened_at=30, denied_at=31)

    def named(*incidents: Incident) -> list[Effect]:
        no: Any = None
        scope = affected(estate, incidents)
        run = Run(Systems(no, no, no, no, no), estate, incidents, incidents[-1], print, scope)
        same_login.name(run)
        return run.effects

    (effect,) = named(before, leak)
    assert effect.detail.endswith(f"(or portcullis contain --incident-id A-2 --scope {item})")
    assert named(before, leak, again) == named(before, leak, replace(again, opened=(item,))) == []
    assert named(replace(leak, denied_at=5), before) == []


@pytest.mark.parametrize("claim", ["aud", "actor", "workflow", "environment", "repository_owner"])
def test_whoever_asks_for_no_repository_lets_the_jobs_of_each_in(claim: str) -> None:
    anybodys = replace(BATCH, bound_claims=((claim, "x"),))
    estate = replace(ESTATE, workloads=tuple(anybodys if w == BATCH else w for w in ESTATE.workloads))
    for name in ("tradepulse-core", "tradepulse-connectors"):
        (effect,) = _named(estate, f"repository:{name}")
        assert effect.target == "analytics-batch"
