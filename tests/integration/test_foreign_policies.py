"""A policy of somebody else that grants what leaked: a batch token that carries it is out of the lock-down's reach."""

from __future__ import annotations

import time
from typing import Any

import pytest

from containment.adapters.vault import HvacVault
from containment.direct import contain
from containment.report import CONTAINED
from sandbox.environment import Sandbox

SCOPE, PATH = "partner-api-key", "secret/data/partners/api"


def test_it_is_named_until_its_grant_is_gone(sandbox: Sandbox, environ: None) -> None:
    del environ
    bao, root = sandbox.openbao, sandbox.openbao.root_token()

    def call(method: str, where: str, body: dict[str, Any] | None = None) -> Any:
        return bao.call(method, where, body, token=root)

    def grant(name: str, path: str) -> None:
        call("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{path}" {{ capabilities = ["read"] }}'})

    def reads() -> int:
        url = f"{bao.url}/v1/{PATH}"
        return int(bao._http().request("GET", url, headers={"X-Vault-Token": batch}).status_code)

    def not_contained(incident: str) -> tuple[str, ...]:
        report = contain(HvacVault.for_containment(), incident, SCOPE, print).report
        assert any(e.what == CONTAINED for e in report.effects) is not bool(report.not_contained)
        return report.not_contained

    grant("legacy-team", "secret/data/partners/*")
    grant("other-team", "secret/data/elsewhere/*")
    call("POST", "auth/approle/role/legacy", {"token_type": "batch", "token_policies": ["legacy-team"]})
    role_id = call("GET", "auth/approle/role/legacy/role-id")["data"]["role_id"]
    secret_id = call("POST", "auth/approle/role/legacy/secret-id", {})["data"]["secret_id"]
    login = {"role_id": role_id, "secret_id": secret_id}
    batch = call("POST", "auth/approle/login", login)["auth"]["client_token"]

    assert reads() == 200
    (missing,) = not_contained("INC-FOREIGN")
    assert "legacy-team" in missing
    assert f"{PATH} (read)" in missing
    assert reads() == 200, "what is said is not true"

    grant("legacy-team", "identity/entity/name/{{identity.entity.name}}")
    assert not_contained("INC-FOREIGN") == ()
    assert reads() == 403

    grant("legacy-team", "secret/data/{{identity.entity.metadata.team}}/*")
    (missing,) = not_contained("INC-FOREIGN")
    assert "legacy-team" in missing, "a template may stand for what leaked"
    grant("legacy-team", "secret/data/elsewhere/*")

    started = time.monotonic()
    not_contained("INC-FOREIGN")
    few = time.monotonic() - started
    for number in range(300):
        grant(f"team-{number}", f"secret/data/team-{number}/*")
    started = time.monotonic()
    assert not_contained("INC-FOREIGN") == ()
    print(f"lock-down: {few:.2f} s, with 300 more policies {time.monotonic() - started:.2f} s")


def test_what_may_not_be_read_is_not_judged_and_the_rest_is_done(
    sandbox: Sandbox, environ: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del environ
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    shut = 'path "sys/policies/acl" { capabilities = ["deny"] }'
    bao.call("PUT", "sys/policies/acl/portcullis-blind", {"policy": shut}, token=root)
    asked = {"policies": ["portcullis-containment", "portcullis-blind"]}
    token = bao.call("POST", "auth/token/create-orphan", asked, token=root)["auth"]["client_token"]
    monkeypatch.setenv("PORTCULLIS_CONTAINMENT_TOKEN", token)
    (missing,) = contain(HvacVault.for_containment(), "INC-BLIND", SCOPE, print).report.not_contained
    assert "not judged" in missing
    assert "permission denied" in missing or "403" in missing, missing
