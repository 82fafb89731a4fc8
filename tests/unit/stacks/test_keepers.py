"""A declaration that the administrator's part does not know yet is told in peace, not by a refused rotation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from containment.compiled import onboarding, operators
from policies.errors import Unreachable
from policies.load import load
from policies.model import KvSecret
from stacks import keepers


class Server:
    def __init__(self, policies: dict[str, str]) -> None:
        self.policies = policies

    def read_policy(self, name: str) -> str | None:
        if name not in self.policies:
            raise Unreachable(f"vault: read {name}: Forbidden")
        return self.policies[name]


def _told(policies: dict[str, str]) -> list[str]:
    server: Any = Server(policies)
    said: list[str] = []
    keepers.tell(server, load(), said.append)
    return said


def test_a_secret_that_the_rotators_policy_does_not_know_is_named() -> None:
    estate = load()
    new = next(s for s in estate.secrets if isinstance(s.secret, KvSecret))
    before = replace(estate, secrets=tuple(s for s in estate.secrets if s != new))
    assert _told(onboarding.keeper_policies(estate)) == []
    (said,) = _told(onboarding.keeper_policies(before))
    assert said.startswith(f"policy {operators.ROTATOR} on the vault has no rule for ")
    assert isinstance(new.secret, KvSecret)
    assert new.secret.path in said
    assert "the administrator's part again" in said


def test_what_may_not_be_read_is_left_to_drift() -> None:
    assert _told({}) == []
    assert len(_told({operators.ROTATOR: "", operators.CONTAINMENT: ""})) == 2
