"""What a person may type as a role, and what an incident pauses."""

from __future__ import annotations

import pytest

from containment.incidents.incident import Incident, Scope, State
from policies.errors import InputError
from policies.load import load
from rotation.issuing import roles

ESTATE = load()


@pytest.mark.parametrize(
    ("text", "key", "path"),
    [
        ("cicd", "ci:cicd", "auth/jwt/role/cicd"),
        ("ci:cicd", "ci:cicd", "auth/jwt/role/cicd"),
        ("settlement", "workload:settlement", "auth/approle/role/settlement"),
        ("settlement-readonly", "secret:settlement-readonly", "database/creds/settlement-readonly"),
    ],
)
def test_a_role_is_found(text: str, key: str, path: str) -> None:
    role = roles.find(text, ESTATE)
    assert (role.key, role.path) == (key, path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nobody", "declared nowhere"),
        ("workload:cicd", "declared nowhere"),
        ("", "declared nowhere"),
        ("exchange-trading-key", "static secret"),
        ("../root", "declared nowhere"),
        ("analytics-batch", "batch tokens"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        roles.find(text, ESTATE)


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("90s", 90), ("1", 1), ("1800", 1800)])
def test_ttl(text: str, seconds: int) -> None:
    assert roles.ttl(text) == seconds


@pytest.mark.parametrize("text", ["31m", "1h", "0", "0s", "-5", "", "m", "1.5m", "1801"])
def test_ttl_refused(text: str) -> None:
    with pytest.raises(InputError, match="30m at most"):
        roles.ttl(text)


def _incident(*leaked: str, opened: tuple[str, ...] = ()) -> Incident:
    return Incident("I", Scope(not leaked, leaked), State.OPEN, opened_at=1, opened=opened)


def test_every_incident_pauses_every_ci_role() -> None:
    assert roles.paused(ESTATE, _incident("secret:partner-api-key")) == [f"ci:{c.name}" for c in ESTATE.ci_roles]


def test_a_leaked_workload_is_paused_until_it_is_replaced() -> None:
    leaked = ("workload:settlement",)
    assert "workload:settlement" in roles.paused(ESTATE, _incident(*leaked))
    assert "workload:settlement" not in roles.paused(ESTATE, _incident(*leaked, opened=leaked))


def test_a_lifted_incident_pauses_nothing() -> None:
    lifted = Incident("I", Scope(True), State.LIFTED, opened_at=1)
    asker = roles.Requester("x", "auth/jwt/login", entitled=True)
    asked = roles.question(roles.find("cicd", ESTATE), 60, asker, 100, ESTATE, [lifted])
    assert asked["incidents"] == [{"id": "I", "state": "lifted", "paused_roles": []}]
    assert asked["requester"] == {"name": "x", "login": "auth/jwt/login", "roles": ["ci:cicd"]}
    assert asked["now"] == 100
