"""Mounts in an incident that has everything in scope: the executor caps them, with Pulumi and without, and the lift
gives them back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from containment.compiled import operators
from containment.compiled.hcl import hcl
from drill.stack import pulumi
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import prepare
from tests.integration import rotating

ID, ESTATE = "MOUNTS-1", load()


def _ttls(sandbox: Sandbox) -> dict[str, tuple[int, int]]:
    held = {m.name: rotating.root(sandbox, "GET", f"sys/mounts/{m.name}/tune") for m in ESTATE.mounts}
    return {name: (one["default_lease_ttl"], one["max_lease_ttl"]) for name, one in held.items()}


def _run(sandbox: Sandbox, *words: str) -> tuple[int, dict[str, Any]]:
    argv, env = [sys.executable, "-m", "rotation", *words, "--json"], {**os.environ, **sandbox.environ()}
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _without_the_right(sandbox: Sandbox) -> None:
    """The containment policy as an administrator made it before mounts were capped by it."""
    rules = operators.keepers(ESTATE)[operators.CONTAINMENT]
    text = hcl({path: rule for path, rule in rules.items() if not path.startswith("sys/mounts/")})
    path, token = f"sys/policies/acl/{operators.CONTAINMENT}", sandbox.openbao.root_token()
    sandbox.openbao.call("POST", path, {"policy": text}, token=token)


def test_everything_in_scope_caps_mounts_and_the_lift_gives_them_back(sandbox: Sandbox) -> None:
    peace = {m.name: (m.ttl.default, m.ttl.max) for m in ESTATE.mounts}
    assert _ttls(sandbox) == peace
    _without_the_right(sandbox)
    code, report = _run(sandbox, "contain", "--incident-id", ID)
    assert code != 0
    assert {one.partition(":")[0] for one in report["not_contained"]} == {f"{n} (mount TTL capped" for n in peace}
    assert all("the administrator's part again" in one for one in report["not_contained"])
    prepare(sandbox, print)
    code, report = _run(sandbox, "contain", "--incident-id", ID)
    assert (code, report["not_contained"]) == (0, [])
    assert _ttls(sandbox) == dict.fromkeys(peace, (1800, 1800))
    code, found = _run(sandbox, "drift")
    assert code == 0, found
    kept = pulumi(sandbox, "incident=keep")
    assert kept.returncode == 0, kept.stdout
    assert "vault:index:Mount" not in kept.stdout
    assert _ttls(sandbox) == dict.fromkeys(peace, (1800, 1800))
    code, answer = rotating.rotate(sandbox, "run", ID)
    assert code == 0, answer
    lifted = pulumi(sandbox, "incident=false", f"incidentId={ID}", "incidentScope=")
    assert lifted.returncode == 0, lifted.stdout
    assert _ttls(sandbox) == peace
    assert _run(sandbox, "drift")[0] == 0
