"""Until when what an issuer signed before a lock-down may be used again, and of whom that is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment.incidents.incident import Incident, Scope, State
from containment.incidents.issuers import LIFE, good_until, warning, words
from policies.load import load
from policies.model import AuthMethod

ESTATE = load()
CONTAINED = 1795488790
BY_JWT = next(w for w in ESTATE.workloads if w.auth is AuthMethod.JWT)
BY_APPROLE = next(w for w in ESTATE.workloads if w.auth is AuthMethod.APPROLE)


def _incident(*leaked: str) -> Incident:
    return Incident("I", Scope(False, leaked), State.OPEN, opened_at=1, contained_at=CONTAINED)


def test_a_jwt_is_good_for_its_life_after_the_lock_down_was_complete() -> None:
    assert good_until(BY_JWT, _incident(), CONTAINED + 5) == CONTAINED + LIFE
    assert good_until(BY_JWT, _incident(), CONTAINED + LIFE) == 0
    assert good_until(BY_APPROLE, _incident(), CONTAINED + 5) == 0


@pytest.mark.parametrize(
    ("leaked", "named"),
    [
        (("ci:cicd",), "a JWT of cicd from"),
        (("repository:tradepulse-core",), "a JWT of cicd"),
        ((f"workload:{BY_JWT.name}",), f"a JWT of {BY_JWT.name} from"),
        ((f"workload:{BY_APPROLE.name}",), ""),
        (("secret:partner-api-key",), ""),
    ],
)
def test_it_is_said_of_those_that_leaked(leaked: tuple[str, ...], named: str) -> None:
    lifting = replace(_incident(*leaked), state=State.LIFTED)
    said = warning(lifting, (lifting,), ESTATE, CONTAINED + 5)
    assert named in said
    assert bool(said) is bool(named)
    remedy = f"lock them out after that: portcullis contain --scope workload:{BY_JWT.name}"
    assert (remedy in said) is (f"workload:{BY_JWT.name}" in leaked)
    assert warning(lifting, (lifting,), ESTATE, CONTAINED + LIFE) == ""


def test_it_is_said_by_the_lift_that_switches_the_role_on() -> None:
    """All CI roles are off while any incident is open; a workload's while it leaked in one and is not replaced."""
    leaked = replace(_incident("ci:cicd", f"workload:{BY_JWT.name}"), state=State.LIFTED)
    other = replace(_incident(), id="J", scope=Scope(everything=True), contained_at=CONTAINED + 60)
    lifted = replace(other, state=State.LIFTED)
    now = CONTAINED + 100
    assert f"a JWT of {BY_JWT.name} from" in warning(leaked, (leaked, other), ESTATE, now)
    assert "cicd" not in warning(leaked, (leaked, other), ESTATE, now)
    said = warning(lifted, (leaked, lifted), ESTATE, now)
    assert f"a JWT of cicd from before the lock-down {words(CONTAINED + LIFE)}" in said
    assert BY_JWT.name not in said, "it was on before"
    again = replace(other, scope=leaked.scope)
    assert warning(leaked, (leaked, again), ESTATE, now) == ""
    last = warning(replace(again, state=State.LIFTED), (leaked, replace(again, state=State.LIFTED)), ESTATE, now)
    assert f"a JWT of {BY_JWT.name}, cicd from before the lock-down {words(CONTAINED + 60 + LIFE)}" in last
