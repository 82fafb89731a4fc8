"""What is said of an identity's tokens from before containment: a batch token is never said to be gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from containment import names
from containment.compiled import locked
from containment.incidents.incident import Generation, Incident, Scope, State
from policies.load import load
from policies.model import AuthMethod, CiRole, TokenType, Workload
from rotation.steps.tokens import none_left
from rotation.work import NotProven, Work

ESTATE = load()


class _Vault:
    def __init__(self, *incidents: Incident) -> None:
        self._incidents = incidents

    def incidents(self) -> tuple[Incident, ...]:
        return self._incidents

    def now(self) -> int:
        return 1795488800


class _Work:
    estate = ESTATE
    incident_id = "I"

    def __init__(
        self, *incidents: Incident, denied: bool = True, roles: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.vault = _Vault(*incidents)
        store = SimpleNamespace(holds_policy=lambda *_: denied, keys=lambda _: [], read=roles.get)
        self.policy_store = lambda: store


def _said(name: str, *incidents: Incident, denied: bool = True) -> str:
    work: Any = _Work(*incidents, denied=denied)
    held: Work = work
    return none_left(held, next(w for w in ESTATE.workloads if w.name == name))


@pytest.mark.parametrize(("contained", "said"), [(1795488790, "denied every granted path until "), (1, "expired")])
def test_of_batch_tokens_it_is_said_until_when_they_are_denied(contained: int, said: str) -> None:
    scope = Scope(everything=False, leaked=("workload:analytics-batch",))
    incident = Incident("I", scope, State.OPEN, opened_at=1, contained_at=contained)
    incident = replace(incident, generations=(Generation("analytics-batch", 0, 1800),))
    words = _said("analytics-batch", incident)
    assert "batch tokens cannot be revoked" in words
    assert said in words


def test_a_policy_that_no_longer_denies_them_is_no_proof() -> None:
    scope = Scope(everything=False, leaked=("workload:analytics-batch",))
    incident = Incident("I", scope, State.OPEN, opened_at=1, contained_at=1795488790)
    incident = replace(incident, generations=(Generation("analytics-batch", 0, 1800),))
    with pytest.raises(NotProven, match=r"policy pc-b-analytics-batch-0 is not as the lock-down wrote it"):
        _said("analytics-batch", incident, denied=False)


def test_of_service_tokens_that_none_is_left() -> None:
    name = next(w.name for w in ESTATE.workloads if w.tokens is not TokenType.BATCH)
    assert _said(name) == "token from before containment is left"


@pytest.mark.parametrize("identity", [ESTATE.ci_roles[0], *(w for w in ESTATE.workloads if w.name == "settlement")])
def test_of_a_login_that_gives_batch_tokens_undeclared_it_is_not_said(identity: Workload | CiRole) -> None:
    role = names.login_role(identity)
    work: Any = _Work(roles={role: {"token_type": "default-service"}})
    assert none_left(work, identity) == "token from before containment is left"
    work = _Work(roles={role: {"token_type": "batch"}})
    with pytest.raises(NotProven, match=f"^{role} gives batch tokens, .* expired, {identity.ttl.max} s later"):
        none_left(work, identity)


@pytest.mark.parametrize(
    ("path", "role", "left"),
    [
        ("auth/approle/role/treasury-report", {"bind_secret_id": True}, ["accessor"]),
        ("auth/approle/role/treasury-report", {"bind_secret_id": False}, []),
        ("auth/jwt/role/treasury-report", {**locked.OFF_ROLE, "bound_claims": {"sub": "x"}}, []),
    ],
)
def test_a_login_that_it_had_before_makes_new_ones(path: str, role: dict[str, Any], left: list[str]) -> None:
    folder, _, name = path.rpartition("/")
    by_now = AuthMethod.JWT if "approle" in path else AuthMethod.APPROLE
    work: Any = _Work()
    work.estate = replace(
        ESTATE, workloads=tuple(replace(w, auth=by_now) if w.name == name else w for w in ESTATE.workloads)
    )
    held: dict[str, Any] = {**role, "token_policies": [names.GATE, f"pc-w-{name}"]}
    ids = {folder: [name], f"{path}/secret-id": left}
    store = SimpleNamespace(keys=lambda at: ids.get(at, []), read=lambda at: held if at == path else {})
    work.policy_store = lambda: store
    workload = next(w for w in work.estate.workloads if w.name == name)
    with pytest.raises(NotProven, match=f"declared no longer, and still lets it in: bao delete {path}"):
        none_left(work, workload)
    other = next(w for w in work.estate.workloads if w.name not in (name, "analytics-batch"))
    assert none_left(work, other) == "token from before containment is left"
    held |= locked.OFF_ROLE if "jwt" in path else {"bind_secret_id": True}
    ids.pop(f"{path}/secret-id")
    assert none_left(work, workload) == "token from before containment is left"
