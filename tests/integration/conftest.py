"""Fixtures of the tests that need the whole environment, a fresh one for each file. A file that needs another has a
`sandbox` of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from drill.stack import prepare
from sandbox.environment import Sandbox
from tests.integration.production import Production


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Servers up, declared and seeded. What is written of incidents goes beside it."""
    box = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(box.root.parent / "incidents"))
        try:
            prepare(box, print)
            yield box
        finally:
            box.reset(print)


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The stack `prod`, applied and in peace."""
    box = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(box.root.parent / "incidents"))
        try:
            yield Production.created(box)
        finally:
            box.reset(print)


@pytest.fixture(scope="module")
def env(sandbox: Sandbox) -> dict[str, str]:
    """For a process of its own: addresses and tokens of the operator."""
    return {**os.environ, **sandbox.environ()}


@pytest.fixture
def environ(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what is called in this process."""
    for name, value in sandbox.environ().items():
        monkeypatch.setenv(name, value)
