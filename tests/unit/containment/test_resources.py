"""What Pulumi may register of each kind of declaration, in peace and while an incident is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment.compiled import locked
from containment.compiled.resources import ANY, resources
from policies.load import load
from policies.model import Protection, Repository

ESTATE = load()
PROTECTION = "github:index/branchProtection:BranchProtection"
JWT, DATABASE = "vault:jwt/authBackendRole:AuthBackendRole", "vault:database/secretBackendRole:SecretBackendRole"
PUSHERS = "restrictPushes/0/pushAllowances"


def _resources(incident: bool, *repositories: Repository) -> dict[str, dict[str, dict[str, Any]]]:
    estate = replace(ESTATE, repositories=repositories or ESTATE.repositories)
    return resources(estate, {}, incident=incident)


def test_an_incident_alone_allows_what_it_sets() -> None:
    peace, incident = _resources(incident=False), _resources(incident=True)
    role = next(r for r in ESTATE.ci_roles if r.name == "cicd")
    assert peace[JWT]["cicd"]["boundClaims"] == [dict(role.bound_claims)]
    assert incident[JWT]["cicd"]["boundClaims"] == [dict(role.bound_claims), locked.OFF_CLAIMS]
    assert peace[DATABASE]["database/settlement-readonly"]["maxTtl"] == [28800]
    assert incident[DATABASE]["database/settlement-readonly"]["maxTtl"] == ANY
    assert peace[PROTECTION]["tradepulse-core-main"]["lockBranch"] == [False]
    assert incident[PROTECTION]["tradepulse-core-main"]["lockBranch"] == [False, True]


@pytest.mark.parametrize(
    ("control", "declared", "peace", "incident"),
    [
        (False, (), ANY, ANY),
        (False, ("tradepulse/leads",), [["tradepulse/leads"]], [["tradepulse/leads"], ["tradepulse/leads"]]),
        (True, (), [None], [None, ["/lead"]]),
        (True, ("bot",), [["/bot"]], [["/bot"], ["/lead"]]),
    ],
)
def test_who_may_push_is_what_is_declared_where_it_is(
    control: bool, declared: tuple[str, ...], peace: object, incident: object
) -> None:
    """Where nobody is, and no lock-down writes it, what GitHub has stays."""
    base = next(r for r in ESTATE.repositories if r.name == "tradepulse-core")
    repository = replace(base, control=control, mergers=("lead",), protection=Protection(pushers=declared))
    assert _resources(False, repository)[PROTECTION]["tradepulse-core-main"][PUSHERS] == peace
    assert _resources(True, repository)[PROTECTION]["tradepulse-core-main"][PUSHERS] == incident


def test_a_branch_asks_for_no_less_than_is_declared() -> None:
    base = next(r for r in ESTATE.repositories if r.name == "tradepulse-core")
    asked = Protection(required_checks=("test",), code_owner_reviews=True)
    (found,) = _resources(False, replace(base, required_approvals=2, protection=asked))[PROTECTION].values()
    reviews = "requiredPullRequestReviews/0"
    assert found[f"{reviews}/requiredApprovingReviewCount"] == [2]
    assert found[f"{reviews}/requireCodeOwnerReviews"] == [True]
    assert found[f"{reviews}/requireLastPushApproval"] == ANY
    assert found["requiredStatusChecks/0/contexts"] == {"all": ["test"]}
    (none,) = _resources(False, replace(base, required_approvals=0))[PROTECTION].values()
    assert none[f"{reviews}/requiredApprovingReviewCount"] == [None]
