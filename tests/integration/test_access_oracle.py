"""A real server as the oracle of the access model, and a wrong model that it must catch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from access.pattern import Pattern
from bench.access_oracle import compare
from bench.server import fresh
from sandbox.services.openbao import OpenBao


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with fresh() as made:
        yield made


def test_model_and_server_agree(bao: OpenBao) -> None:
    pairs, differing = compare(bao, seed=7, sets=60)
    assert pairs > 3000
    assert not differing


def test_a_wrong_priority_is_caught(bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    right = vars(Pattern)["priority"].fget
    monkeypatch.setattr(Pattern, "priority", property(lambda self: (-right(self)[0], *right(self)[1:])))
    assert compare(bao, seed=7, sets=60)[1]
