"""Fixtures of the tests that need the whole environment, a fresh one for each file. A file that needs another has a
`sandbox` of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from containment.incidents.incident import Incident
from drill.actors import Actors
from drill.stack import prepare
from sandbox.doubles.github.store import node_id
from sandbox.environment import Sandbox
from sandbox.services.github import APP, public_key
from tests.integration.checkout import Checkout
from tests.integration.github_world import (
    CONTROL,
    CORE,
    DEMANDS,
    DEVELOPER,
    MORE,
    NAMED,
    OTHER_NAMED,
    REVIEWER,
    TITLE,
    World,
    attacks,
    rule_of,
)
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


@pytest.fixture(scope="module")
def world(local: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The estate in peace, in which every attack below succeeds."""
    with local.fresh() as box:
        folder = tmp_path_factory.mktemp("clones")
        made = World(box, folder, {**box.environ(), "PORTCULLIS_INCIDENTS": str(folder / "incidents")})
        yield made


@pytest.fixture(scope="module")
def peace(world: World) -> dict[str, bool]:
    assert world.push(NAMED, CORE, "feature/merge-before")[0]
    assert world.merge(DEVELOPER, world.pull(NAMED, CORE, "feature/merge-before", (REVIEWER,)))
    assert world.push(NAMED, CONTROL, "incident/before")[0]
    assert world.merge(DEVELOPER, world.pull(NAMED, CONTROL, "incident/before", (REVIEWER, OTHER_NAMED)))
    assert world.tag(NAMED, CORE, "v1")[0]
    state = json.loads((world.double.folder / "state.json").read_text())
    app = node_id("A", state["apps"][APP]["id"])
    world.open_a_way(rule_of(world, CORE).id, f"{DEMANDS}, {MORE}, pushActorIds: [$who, {json.dumps(app)}]")
    world.open_a_way(rule_of(world, CONTROL).id, DEMANDS)
    allowed = {"enabled_repositories": "all", "allowed_actions": "selected", "sha_pinning_required": True}
    world.owner().call("PUT", "/orgs/tradepulse/actions/permissions", allowed)
    world.host.add_deploy_key(CORE, TITLE, public_key())
    world.seen["demands"] = [rule_of(world, name).demands for name in (CORE, CONTROL)]
    for _ in range(2):
        run = world.ask(DEVELOPER, "POST", f"{CONTROL}/actions/workflows/deploy.yml/dispatches", {"ref": "main"})
        assert run.status_code == 204
    world.seen["stored in peace"] = world.stored()
    return attacks(world)
