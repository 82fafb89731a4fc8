"""Whoever hands out our policies without the gate, or a policy that grants what leaked, gets at nothing new: what is
replaced stays denied until that is gone, and what was logged in by it is revoked whatever is denied by then."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from containment import names
from containment.adapters.vault import HvacVault
from containment.direct import contain
from drill.actors import Actors
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox

SECRET, ID = "exchange-market-key", "AROUND-1"


def _rotate() -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", "rotate", "run", ID]
    return subprocess.run(argv, cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True, check=False)


def test_nothing_new_is_handed_out_around_the_gate(sandbox: Sandbox, environ: None) -> None:
    del environ
    bao, root, actors = sandbox.openbao, sandbox.openbao.root_token(), Actors(sandbox)
    secret = next(s for s in load().secrets if s.name == SECRET)
    path, holder = names.granted_path(secret), secret.grants[0].workload

    def call(method: str, where: str, body: dict[str, Any] | None = None, token: str = root) -> Any:
        return bao.call(method, where, body, token=token)

    vault = HvacVault.for_containment()
    assert contain(vault, ID, SECRET, print).report.not_contained == ()
    call("POST", "sys/auth/people", {"type": "userpass"})
    call("POST", "auth/people/users/mallory", {"password": "m-a-l", "token_policies": [f"pc-w-{holder}"]})
    token = str(bao.call("POST", "auth/people/login/mallory", {"password": "m-a-l"})["auth"]["client_token"])

    call("POST", "auth/people/users/eve", {"password": "e-v-e"})
    eve = bao.call("POST", "auth/people/login/eve", {"password": "e-v-e"})["auth"]
    call("POST", f"identity/entity/id/{eve['entity_id']}", {"name": "eve", "policies": [f"pc-w-{holder}"]})
    program = {"expression": "pb.Auth{policies:['default'],alias:logical.Alias{name:'x'}}"}
    call("POST", "auth/jwt/cel/role/helper", {"cel_program": program, "bound_audiences": ["portcullis"]})
    for name in ("ops-misc", "pc-misc"):
        call("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{path}" {{ capabilities = ["read"] }}'})

    refused = _rotate()
    assert refused.returncode == 1, refused.stderr
    said = next(line for line in (refused.stdout + refused.stderr).splitlines() if "stays denied: " in line)
    for who in ("auth/people/users/mallory", "entity eve"):
        assert f"{who} hands out policies that grant it without {names.GATE}" in said
    assert "policy ops-misc grants" in said
    assert "policy pc-misc grants" in said
    assert f"around {names.GATE}, auth/jwt/cel/role/helper, perhaps: a program says what it gives: delete it" in said
    assert not actors.allowed(lambda: actors.read(token, path)), "the new one was handed out"

    locked = contain(vault, ID, SECRET, print).report
    planted = {"mallory", "eve", "ops-misc", "pc-misc", "auth/jwt/cel/role/helper"}
    assert planted == {w for w in planted if w in str(locked.not_contained)}
    assert not actors.allowed(lambda: actors.read(str(eve["client_token"]), "auth/token/lookup-self")), "it is ours"
    token = str(bao.call("POST", "auth/people/login/mallory", {"password": "m-a-l"})["auth"]["client_token"])
    call("POST", "identity/entity/name/eve", {"policies": []})
    call("DELETE", "auth/jwt/cel/role/helper")
    for name in ("ops-misc", "pc-misc"):
        call("DELETE", f"sys/policies/acl/{name}")
    call("DELETE", "auth/people/users/mallory")
    _rotate()
    reader = actors.login(*actors.secret_id(holder))
    assert actors.allowed(lambda: actors.read(reader, path)), "it was not opened"
    assert actors.allowed(lambda: actors.read(token, path)), "it is out still: what is tried next shows nothing"
    again = contain(vault, ID, SECRET, print).report
    assert again.not_contained
    assert {w.partition(" (")[0] for w in again.not_contained} == {f"secret:{SECRET}"}
    assert contain(vault, ID, "", print).report.not_contained == (), "what is named by its id alone is not named again"
    assert not actors.allowed(lambda: actors.read(token, path)), "revoked, though nothing is denied any more"
    assert actors.allowed(lambda: actors.read(reader, path))
