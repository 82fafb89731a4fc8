"""A leaked workload whose login role somebody deleted in a hurry: contained, replaced and lifted like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from containment.adapters.vault import HvacVault
from containment.errors import REFRESH
from drill.actors import Actors
from drill.stack import pulumi
from policies.errors import Unreachable
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration import rotating

ID, NAME = "GONE-1", "risk-engine"
ROLE = f"auth/approle/role/{NAME}"


def test_it_is_contained_replaced_and_lifted(sandbox: Sandbox) -> None:
    actors = Actors(sandbox)
    leaked = actors.secret_id(NAME)
    actors.login(*leaked)
    rotating.root(sandbox, "GET", ROLE)
    sandbox.openbao.call("DELETE", ROLE, token=sandbox.openbao.root_token())
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", NAME, "--incident-id", ID, "--json"]
    env = {**os.environ, **sandbox.environ()}
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = {e["what"]: e["detail"] for e in json.loads(done.stdout)["effects"] if e["target"] == NAME}
    assert told["secret_ids destroyed"] == "the role is gone, and every secret_id with it"
    assert told["entity disabled"] == "the role is gone, and no login by it"
    code, answer = rotating.rotate(sandbox, "run", ID)
    assert code != 0
    assert f"workload:{NAME}: deliver: the login role does not exist, so no secret_id can be made: {REFRESH}" in str(
        answer
    )
    kept = pulumi(sandbox, "incident=keep", refresh=True)
    assert kept.returncode == 0, kept.stdout
    assert (HvacVault.from_environment(env).read(ROLE) or {})["token_max_ttl"] <= 1800
    code, answer = rotating.rotate(sandbox, "run", ID)
    assert code == 0, answer
    with pytest.raises(Unreachable):
        actors.login(*leaked)
    assert actors.login(*rotating.delivered(sandbox, NAME))
    lifted = pulumi(sandbox, "incident=false", f"incidentId={ID}", "incidentScope=")
    assert lifted.returncode == 0, lifted.stdout
