"""Fixtures of the tests that need the whole environment, a fresh one for each file. A file that needs another has a
`sandbox` of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from containment.incidents.incident import Incident
from drill.actors import Actors
from drill.stack import prepare
from sandbox.environment import Sandbox
from tests.integration.checkout import Checkout
from tests.integration.prepared import Prepared
from tests.integration.production import Production, copied


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


@pytest.fixture
def checkout(prod: Production, tmp_path: Path) -> Iterator[Checkout]:
    yield Checkout(prod, copied(tmp_path))
    for lifted in prod.vault().incidents():  # a day ago: four within one TTL deny a workload's new tokens too
        prod.vault().update_incident(lifted.id, _a_day_ago)
    Checkout(prod, copied(tmp_path / "back")).apply()
    made = "auth/token/roles/pc-issue-w-analytics-batch"
    prod.box.openbao.call("DELETE", made, token=prod.box.openbao.root_token())  # an administrator's, for service tokens


def _a_day_ago(incident: Incident) -> Incident:
    return replace(incident, contained_at=incident.contained_at - 86400)


@pytest.fixture
def actors(prod: Production) -> Actors:
    return Actors(prod.box)
