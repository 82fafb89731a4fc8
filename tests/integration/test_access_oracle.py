"""A real server as the oracle of the access model, and a wrong model that it must catch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from access.pattern import Pattern
from bench.access_oracle import compare
from sandbox import tls
from sandbox.doubles.github import free_port
from sandbox.services.openbao import OpenBao


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    root: Path = tmp_path_factory.mktemp("access")
    (root / "secrets").mkdir(mode=0o700)
    tls.ensure(root)
    made = OpenBao(root, free_port())
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_model_and_server_agree(bao: OpenBao) -> None:
    pairs, differing = compare(bao, seed=7, sets=60)
    assert pairs > 3000
    assert not differing


def test_a_wrong_priority_is_caught(bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    right = vars(Pattern)["priority"].fget
    monkeypatch.setattr(Pattern, "priority", property(lambda self: (-right(self)[0], *right(self)[1:])))
    assert compare(bao, seed=7, sets=60)[1]
