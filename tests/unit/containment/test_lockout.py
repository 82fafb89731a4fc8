"""The proof holds for the example, and names what is taken away or given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from containment.compiled import gate, operators
from containment.incidents.scope import affected
from containment.lockout import LockedOut, largest, lost, prove
from containment.way_out import WAY_OUT
from policies.load import load
from policies.model import Estate, KvSecret

ESTATE = load()
KEEPERS = (operators.OPERATOR, operators.CONTAINMENT, operators.BREAK_GLASS)


def _with_secret(mount: str, path: str) -> Estate:
    one = next(s for s in ESTATE.secrets if isinstance(s.secret, KvSecret))
    return replace(ESTATE, secrets=(*ESTATE.secrets, replace(one, name="planted", secret=KvSecret(mount, path))))


def test_the_example_leaves_a_way_out() -> None:
    prove(ESTATE)


def test_what_any_incident_denies_is_in_the_largest() -> None:
    worst = largest(ESTATE)
    assert {s.name for s in worst.denied} == {s.name for s in ESTATE.secrets if isinstance(s.secret, KvSecret)}
    assert worst.unreplaced_workloads == ESTATE.workloads


@pytest.mark.parametrize("path", ["incidents/INC-1", "compiled"])
def test_a_secret_in_the_way_is_named(path: str) -> None:
    with pytest.raises(LockedOut) as refused:
        prove(_with_secret("portcullis", path))
    assert f"could not read or update portcullis/data/{path}" in str(refused.value).replace(
        " read por", " read or update por"
    )
    assert "pc-gate decides" in str(refused.value)
    assert all(name in str(refused.value) for name in KEEPERS)


@pytest.mark.parametrize("path", WAY_OUT)
@pytest.mark.parametrize("name", KEEPERS)
def test_each_right_is_missed(monkeypatch: pytest.MonkeyPatch, name: str, path: str) -> None:
    held = operators.keepers(ESTATE)
    denied = {**held, name: {**held[name], path: {"capabilities": ["deny"]}}}
    monkeypatch.setattr(operators, "keepers", lambda _: denied)
    found = [way for way in lost(ESTATE) if name in way]
    assert found, "nobody missed it"
    assert all(f"{name} decides {path}" in way for way in found)


def test_a_role_whose_ttl_could_not_be_restored_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    held = operators.keepers(ESTATE)
    role = next(path for path in held[operators.OPERATOR] if path.startswith("auth/approle/role/execution"))
    less = {
        path: rule
        for path, rule in held[operators.OPERATOR].items()
        if path not in (role, "auth/approle/role/+", "auth/+/role/+")
    }
    monkeypatch.setattr(operators, "keepers", lambda _: {**held, operators.OPERATOR: less})
    assert f"portcullis-operator could not update {role} (nothing grants it)" in lost(ESTATE)


def test_a_mount_whose_ttl_could_not_be_restored_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    held = operators.keepers(ESTATE)
    mount = "sys/mounts/database/tune"
    less = {path: rule for path, rule in held[operators.CONTAINMENT].items() if path != mount}
    monkeypatch.setattr(operators, "keepers", lambda _: {**held, operators.CONTAINMENT: less})
    assert f"portcullis-containment could not update {mount} (nothing grants it)" in lost(ESTATE)


@pytest.mark.parametrize(
    "plant",
    [
        lambda patch: patch.setattr(gate, "_NOTHING", json.loads(_granting("secret/data/more"))),
        lambda patch: patch.setattr(gate, "quarantine", lambda _: _granting("secret/data/more")),
        lambda patch: patch.setattr(gate, "generation", lambda *_, **__: _granting("secret/data/more")),
    ],
    ids=["own", "shared", "generation"],
)
def test_what_an_incident_would_give_is_named(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    peace = {w.name: gate.own_policy(w, ESTATE, affected(ESTATE, ())) for w in ESTATE.workloads}
    assert all("secret/data/more" not in text for text in peace.values())
    plant(monkeypatch)
    assert any("secret/data/more" in way for way in lost(ESTATE))


def _granting(path: str) -> str:
    return json.dumps({"path": {path: {"capabilities": ["read"]}}})
