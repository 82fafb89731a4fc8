"""Fixtures of the tests that need the whole environment, a fresh one for each file. A file that needs another has a
`sandbox` of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drill.stack import prepare
from sandbox.environment import Sandbox
from tests.integration.prepared import Prepared
from tests.integration.production import Production


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The stack `local`: applied, seeded, delivered."""
    return Prepared(tmp_path_factory.mktemp("local"), lambda box: prepare(box, print))


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The stack `prod`, in the same way."""
    return Prepared(tmp_path_factory.mktemp("prod"), Production.created)


@pytest.fixture(scope="module")
def sandbox(local: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Servers up, declared and seeded, for this file alone. What is written of incidents goes beside it."""
    with _incidents(tmp_path_factory), local.fresh() as box:
        yield box


@pytest.fixture(scope="module")
def prod(production: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The stack `prod`, applied and in peace."""
    with _incidents(tmp_path_factory), production.fresh() as box:
        yield Production(box)


@contextmanager
def _incidents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path_factory.mktemp("incidents") / "incidents"))
        yield


@pytest.fixture(scope="module")
def env(sandbox: Sandbox) -> dict[str, str]:
    """For a process of its own: addresses and tokens of the operator."""
    return {**os.environ, **sandbox.environ()}


@pytest.fixture
def environ(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what is called in this process."""
    for name, value in sandbox.environ().items():
        monkeypatch.setenv(name, value)
