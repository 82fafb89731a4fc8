"""What a lift leaves locked, since another stack declares it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment import names
from containment.adapters.github import GithubHost
from containment.compiled import gate, logins
from containment.compiled.locked import OFF_ROLE
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from policies.load import load
from policies.model import CiRole, Repository
from stacks import beyond, github
from stacks.access import Context

ESTATE = load()
PEACE = affected(ESTATE, ())
LIFTING = Incident("A", Scope(everything=True), State.LIFTED, opened_at=10)
LOCKED = affected(ESTATE, (replace(LIFTING, state=State.OPEN),))
STAGING = [i for i in logins.identities(ESTATE) if i.environment == "staging"]


class Server:
    """As a lock-down left it, but what the stack of production took back."""

    def __init__(self, now: Any) -> None:
        self._policies = {
            names.own_policy(i): gate.own_policy(i, ESTATE, now if i.environment == "staging" else PEACE)
            for i in logins.identities(ESTATE)
        }
        off = [i for i in STAGING if isinstance(i, CiRole) and now is LOCKED]
        self._roles = {names.login_role(i): OFF_ROLE for i in off}

    def read_policy(self, name: str) -> str | None:
        return self._policies.get(name)

    def read(self, path: str) -> dict[str, Any] | None:
        return self._roles.get(path)


@pytest.mark.parametrize("environment", ["production", "all"])
def test_what_another_stack_declares_is_named(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    asked: list[str] = []

    def look(some: tuple[Repository, ...], _: object) -> list[str]:
        asked.extend(r.environment for r in some)
        return ["x main", github.ORGANIZATION]

    monkeypatch.setattr(GithubHost, "from_environment", lambda: None)
    monkeypatch.setattr(github, "still_locked", look)
    context = Context(ESTATE, PEACE, (), 20, environment)
    locked: Any = Server(LOCKED)
    found = beyond.still_locked(locked, context, LIFTING)
    if environment == "all":
        assert (found, asked) == ([], [])
        return
    shut = {names.own_policy(i) for i in STAGING if isinstance(i, CiRole)}
    assert shut, "a test that cannot fail"
    assert shut <= set(found)
    assert {names.login_role(i) for i in STAGING if isinstance(i, CiRole)} <= set(found)
    assert set(asked) <= {"staging"}
    assert github.ORGANIZATION not in found, "this stack's repositories are told of it"
    peace: Any = Server(PEACE)
    assert [f for f in beyond.still_locked(peace, context, LIFTING) if f != "x main"] == []
