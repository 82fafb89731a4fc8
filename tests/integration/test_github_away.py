"""Repositories in a lock-down when GitHub is down or killed, a repository is renamed, or Pulumi is not to be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from containment import names
from containment.compiled import operators
from containment.repository import settings
from drill.actors import Actors
from policies.load import load
from sandbox.environment import REPOSITORY
from tests.integration.github_world import (
    CONTROL,
    CORE,
    DEVELOPER,
    World,
    attacks,
)


def test_a_host_that_is_down_is_named_and_the_rerun_completes(world: World, peace: dict[str, bool]) -> None:
    assert attacks(world) == peace, "not in peace"
    world.double.kill()
    start = time.monotonic()
    done = world.up("true", scope="repository:tradepulse-connectors")
    assert done.returncode != 0
    assert time.monotonic() - start < 60
    assert "not contained" in done.stdout
    for repository in load().repositories:
        assert f"{repository.name} (branches locked: github:" in done.stdout
    assert "repositories were not declared" in done.stdout
    assert "Traceback" not in done.stdout
    bao = world.sandbox.openbao
    role = bao.call("GET", "auth/jwt/role/cicd", token=bao.root_token())["data"]
    assert names.CI_OFF_CLAIM in role["bound_claims"], "what does not need GitHub goes on"
    world.double.start()
    assert attacks(world) == peace, "nothing had been locked: the test is void"
    again = world.up("true", scope="repository:tradepulse-connectors")
    assert again.returncode == 0, again.stdout
    assert set(attacks(world).values()) == {False}
    incident, lift = world.open(), world.lift()
    assert lift.returncode == 0, lift.stdout
    allowed = {"enabled_repositories": "all", "allowed_actions": "selected", "sha_pinning_required": True}
    for enabled, locked in (
        ("none", True),
        ("all", False),
    ):  # as after a lift of which Pulumi's state knows more than GitHub
        world.owner().call("PUT", "/orgs/tradepulse/actions/permissions", {**allowed, "enabled_repositories": enabled})
        again = world.up("false", incident_id=incident)
        assert (again.returncode != 0) is locked, again.stdout
        assert ("is lifted, and GitHub still has locked: Actions of the organization" in again.stdout) is locked


def test_a_host_killed_in_the_middle_is_named_and_the_rerun_completes(world: World, peace: dict[str, bool]) -> None:
    assert attacks(world) == peace, "not in peace"
    over = threading.Event()

    def kill_at_the_first_lock() -> None:
        while not over.is_set():
            if '"lockBranch": true' in (world.double.folder / "state.json").read_text():
                world.double.kill()
                return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_at_the_first_lock)
    killer.start()
    done = world.up("true", scope="repository:tradepulse-core")
    over.set()
    killer.join()
    assert done.returncode != 0
    assert "not contained" in done.stdout
    assert CORE in done.stdout.partition("not contained")[2]
    world.double.start()
    assert True in attacks(world).values(), "all was locked before the kill: the test is void"
    again = world.up("true", scope="repository:tradepulse-core")
    assert again.returncode == 0, again.stdout
    assert set(attacks(world).values()) == {False}
    lift = world.lift()
    assert lift.returncode == 0, lift.stdout


def contain(world: World, scope: str, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", scope, "--json"]
    env = {**os.environ, **world.environ, **more}
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def test_an_empty_repository_by_the_old_name_is_not_taken_for_the_renamed_one(
    world: World, peace: dict[str, bool]
) -> None:
    """What an owner's leaked token can do before the lock-down."""
    assert attacks(world) == peace, "not in peace"
    api = world.owner()
    moved = f"{CORE}-2"
    real = api.call("PATCH", f"/repos/tradepulse/{CORE}", {"name": moved})["id"]
    decoy = api.call("POST", "/orgs/tradepulse/repos", {"name": CORE})["id"]
    done = contain(world, f"repository:{CORE}")
    assert world.push(DEVELOPER, moved, "feature/open")[0], "the real one is locked: the test is void"
    assert done.returncode == 1, done.stdout
    (failed,) = [e for e in json.loads(done.stdout)["effects"] if e["outcome"] == "failed"]
    assert (failed["what"], failed["target"]) == ("repository is the same", CORE)
    assert failed["detail"] == (
        f"{CORE} is another repository (id {decoy}) than the one that the last apply saw (id {real}): renamed? it is "
        f"{moved} now; rename this one away, rename {moved} back to {CORE}, run again"
    )
    assert [rule.lock for rule in world.host.branch_rules(CORE)] == [True]

    api.call("PATCH", f"/repos/tradepulse/{CORE}", {"name": f"{CORE}-decoy"})
    gone = contain(world, f"repository:{CORE}")
    assert gone.returncode == 3, gone.stdout
    assert f"gone: renamed? The one that the last apply saw has id {real}: it is {moved} now" in gone.stdout
    api.call("PATCH", f"/repos/tradepulse/{moved}", {"name": CORE})
    mended = contain(world, f"repository:{CORE}")
    assert mended.returncode == 0, mended.stdout
    assert set(attacks(world).values()) == {False}
    api.call("DELETE", f"/repos/tradepulse/{CORE}-decoy")
    up = world.up()
    assert up.returncode == 0, up.stdout
    lift = world.lift()
    assert lift.returncode == 0, lift.stdout


def test_contain_without_pulumi_and_the_next_up_agrees(world: World, peace: dict[str, bool]) -> None:
    assert attacks(world) == peace, "not in peace"
    done = contain(world, "exchange-market-key")
    assert done.returncode == 0, done.stderr
    assert set(attacks(world).values()) == {False}
    for repository in load().repositories:
        wanted = settings(repository, locked=True)
        held = {r.pattern for r in world.host.branch_rules(repository.name)}  # GitHub promises no order
        assert held == {r.pattern for r in wanted.branches}
    before = world.stored()
    up = world.up()
    assert up.returncode == 0, up.stdout
    assert "done:" not in up.stdout
    assert world.stored() == before
    assert set(attacks(world).values()) == {False}


@pytest.mark.usefixtures("peace")
def test_a_control_repository_that_leaked_makes_no_operators_token(world: World) -> None:
    """Its jobs log in as the approver and as what looks for drift (docs/adr/0011), before the lock-down too."""
    actors, root = Actors(world.sandbox), world.sandbox.openbao.root_token()
    claims = {"repository": f"tradepulse/{CONTROL}", "environment": "apply"}
    for name in (operators.APPROVER, operators.DRIFT):
        role = {**operators.jwt_role(), "bound_claims": claims, "token_policies": [name]}
        role |= {"token_ttl": 600, "token_max_ttl": 600}
        actors.call("POST", f"auth/{names.JWT}/role/{name}", role, token=root)
    jwt = actors.issuer_token(claims)
    approver, drift = (actors.jwt_login(name, jwt) for name in (operators.APPROVER, operators.DRIFT))
    made = actors.call("POST", f"auth/token/create/{names.APPLY_ROLE}", {"meta": {"pull": "1"}}, token=approver)
    tokens = (approver, drift, made["auth"]["client_token"])

    def alive() -> list[bool]:
        return [actors.allowed(partial(actors.read, token, "auth/token/lookup-self")) for token in tokens]

    assert alive() == [True] * 3
    ours, theirs = world.host.live_runs(CONTROL)
    done = contain(world, f"repository:{CONTROL}", GITHUB_RUN_ID=str(ours))
    assert done.returncode == 0, done.stdout + done.stderr
    assert alive() == [False] * 3
    assert world.host.live_runs(CONTROL) == [ours], f"{theirs} lives"
    for name in (operators.APPROVER, operators.DRIFT):
        assert f"done: login of its jobs off auth/{names.JWT}/role/{name}" in done.stderr
        assert not actors.allowed(partial(actors.ci_login, name, claims))
