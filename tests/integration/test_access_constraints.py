"""A real server as the oracle of what constraints let through, and wrong models that it must catch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import access.acl
from access import constraints, permits
from access.acl import Operation
from bench import access_constraints
from bench.access_constraints import Answer, asked, differing
from bench.server import fresh

RIGHT = permits.permits


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    with fresh() as bao:
        return list(asked(bao, seed=7, sets=80))


PLANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "numbers are compared": lambda m: m.setattr(permits, "_same", lambda a, b: a == b),
    "no stars in values": lambda m: m.setattr(permits, "_globbed", lambda a, b: a == b),
    "no two lists are the same": lambda m: m.setattr(permits, "_identical", lambda _a, _b: False),
    "names have a case": lambda m: m.setattr(
        permits, "_listed", lambda p, name, v: name in p and (not p[name] or any(permits._same(o, v) for o in p[name]))
    ),
    "no wrapping needed": lambda m: m.setattr(permits, "_wrapped", lambda _constraints, _ttl: True),
    "pages of any size": lambda m: m.setattr(permits, "_pages", lambda _constraints, _parameters: True),
    "a deletion has parameters": lambda m: m.setattr(
        access_constraints,
        "permits",
        lambda c, operation, *rest: RIGHT(c, Operation.UPDATE if operation is Operation.DELETE else operation, *rest),
    ),
    "the first policy's parameters": lambda m: m.setattr(constraints, "_union", lambda first, second: first or second),
    "the first policy's limits": lambda m: m.setattr(constraints, "_least", lambda first, _second: first),
    "the last policy's constraints": lambda m: m.setattr(access.acl, "joined", lambda _first, second: second),
}


def test_model_and_server_agree(answers: list[Answer]) -> None:
    granted = sum(a.allowed for a in answers)
    assert granted > 500
    assert len(answers) - granted > 500
    assert not differing(answers)


@pytest.mark.parametrize("planted", PLANTS)
def test_a_wrong_model_is_caught(answers: list[Answer], monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    PLANTS[planted](monkeypatch)
    assert differing(answers)
