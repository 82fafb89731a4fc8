"""Until when what an issuer signed before a lock-down may be used again, and of whom that is said."""

from __future__ import annotations

import pytest

from containment.incident import Incident, Scope, State
from containment.issuers import LIFE, good_until, warning
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
    said = warning(_incident(*leaked), ESTATE, CONTAINED + 5)
    assert named in said
    assert bool(said) is bool(named)
    assert warning(_incident(*leaked), ESTATE, CONTAINED + LIFE) == ""
