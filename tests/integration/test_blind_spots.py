"""What an administrator can put behind the back of those who look: each is named by drift, and by a lock-down that it
gets around."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from containment import names
from containment.adapters.vault import HvacVault
from containment.direct import contain
from containment.report import Outcome, Report
from drill.actors import Actors
from drill.stack import pulumi
from policies.errors import InputError, Unreachable
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import issuer_token

SCOPE, PATH = "partner-api-key", "secret/data/partners/api"


class Admin:
    """Root's calls."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.sandbox.openbao.call(method, path, body, token=self.sandbox.openbao.root_token())

    @contextmanager
    def planted(self, path: str, body: dict[str, Any]) -> Iterator[None]:
        self.call("POST", path, body)
        try:
            yield
        finally:
            self.call("DELETE", path)


@pytest.fixture
def admin(sandbox: Sandbox, environ: None) -> Admin:
    del environ
    return Admin(sandbox)


def _run(env: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    argv = [sys.executable, "-m", "rotation", *words, "--json"]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _drift(env: dict[str, str], admin: Admin, *unread: str) -> dict[str, Any]:
    """By the scheduled job's own policy, which may read what it needs. `unread`: what it cannot read."""
    made = admin.call("POST", "auth/token/create", {"policies": ["portcullis-drift"]})
    _, found = _run({**env, "VAULT_TOKEN": made["auth"]["client_token"]}, "drift")
    assert [line.partition(":")[0] for line in found["unread"]] == list(unread)
    return found


def _contain(incident: str = "INC-BLIND", scope: str = SCOPE) -> Report:
    return contain(HvacVault.for_containment(), incident, scope, print).report


def _failed(report: Report) -> dict[str, str]:
    return {e.target: e.detail for e in report.effects if e.outcome is Outcome.FAILED}


GIVES = "pb.Auth{policies:['portcullis-break-glass'],display_name:'x',alias:logical.Alias{name:'evil'}}"
COMPUTED = {"cel_program": {"expression": GIVES}, "bound_audiences": ["portcullis"]}


def test_a_login_role_whose_program_says_what_it_gives(admin: Admin, env: dict[str, str]) -> None:
    role = "auth/jwt/cel/role/helper"
    with admin.planted(role, COMPUTED):
        body = {"role": "helper", "jwt": issuer_token(admin.sandbox, {})}
        login = admin.sandbox.openbao.call("POST", "auth/jwt/cel/login", body)["auth"]
        assert "portcullis-break-glass" in login["policies"], "nothing is given: proves nothing"
        assert "auth role jwt cel/role/helper" in _drift(env, admin)["unmanaged"]
        token, whoami = str(login["client_token"]), "auth/token/lookup-self"
        assert admin.sandbox.openbao.call("GET", whoami, token=token)
        assert list(_failed(_contain())) == [role]
        with pytest.raises(Unreachable, match=" 403 "):
            admin.sandbox.openbao.call("GET", whoami, token=token)
        untold = f"{role}: what it gives cannot be told"
        for words in (("who", "--live", PATH), ("diff", "HEAD", "server", "--live")):
            code, found = _run(env, "access", *words)
            assert code == 3, words
            assert any(line.startswith(untold) for line in found["unread"]), found["unread"]
    assert _failed(_contain()) == {}


def test_login_methods_that_are_not_the_products(admin: Admin) -> None:
    kinds = ("approle", "cert", "jwt", "kubernetes", "oidc", "userpass")
    heard: list[str] = []
    for kind in kinds:
        admin.call("POST", f"sys/auth/other-{kind}", {"type": kind})
    try:
        with admin.planted("auth/other-jwt/cel/role/helper", COMPUTED):
            report = contain(HvacVault.for_containment(), "INC-BLIND", SCOPE, heard.append).report
            assert list(_failed(report)) == ["auth/other-jwt/cel/role/helper"]
        named = {e.target for e in report.effects if e.what == "past the gate"}
        for kind in kinds:
            assert f"auth/other-{kind}" in named
            assert any(f"auth/other-{kind} is a login method of type {kind}" in line for line in heard)
    finally:
        for kind in kinds:
            admin.call("DELETE", f"sys/auth/other-{kind}")


def test_a_namespace(admin: Admin, env: dict[str, str]) -> None:
    with admin.planted("sys/namespaces/ops", {}):
        assert "namespace ops" in _drift(env, admin)["unmanaged"]
        (target, detail), *more = _failed(_contain()).items()
        assert (target, more) == ("namespace ops/", [])
        assert "is not looked into" in detail
        assert "portcullis rotate confirm INC-BLIND 'namespace ops/'" in detail
        word = ("--by", "A. Roth", "--note", "the platform team's")
        code, said = _run(env, "rotate", "confirm", "INC-BLIND", "namespace none/", *word)
        assert (code, "no such namespace" in said["error"]) == (2, True)
        code, said = _run(env, "rotate", "confirm", "INC-BLIND", "namespace ops/", *word)
        assert (code, said["detail"]) == (0, "meant, by A. Roth: the platform team's")
        assert _failed(_contain()) == {}
    assert _failed(_contain()) == {}


@pytest.mark.parametrize(
    ("name", "path", "named"),
    [
        ("mine", "", "rate limit mine on every path"),
        ("of-logins", "auth/approle", "rate limit of-logins on auth/approle/"),
        ("wide", "database", "rate limit wide on database/"),
        ("floods", "database/creds/*", ""),
        (
            "incident",
            "database/creds/*",
            "rate limit incident on database/creds/* "
            "(made for an incident: it goes with the flood, docs/incident_playbooks.md)",
        ),
    ],
)
def test_a_rate_limit(admin: Admin, env: dict[str, str], name: str, path: str, named: str) -> None:
    with admin.planted(f"sys/quotas/rate-limit/{name}", {"path": path, "rate": 1000}):
        found = [line for line in _drift(env, admin)["unmanaged"] if line.startswith("rate limit")]
    assert found == ([named] if named else [])


BATCH, IN_BATCH = "analytics-batch", "workload:analytics-batch"


def _texts(admin: Admin, *names_: str) -> dict[str, str]:
    return {name: admin.call("GET", f"sys/policies/acl/{name}")["data"]["policy"] for name in names_}


def _again(admin: Admin, name: str, **beside: Any) -> None:
    """The same text, and something beside it."""
    held = admin.call("GET", f"sys/policies/acl/{name}")["data"]
    admin.call("POST", f"sys/policies/acl/{name}", {"policy": held["policy"], "cas": held["version"], **beside})


def test_a_denial_that_is_to_expire(admin: Admin, env: dict[str, str]) -> None:
    actors = Actors(admin.sandbox)
    token, path = actors.jwt_login(BATCH, actors.issuer_token({"sub": BATCH})), "database/creds/analytics-readonly"
    assert actors.allowed(lambda: actors.read(token, path)), "it is denied anyhow: proves nothing"
    assert _failed(_contain("INC-EXPIRES", IN_BATCH)) == {}
    carried = admin.call("POST", "auth/token/lookup", {"token": token})["data"]["policies"]
    (closed,) = [name for name in carried if name.startswith("pc-b-")]
    assert path in _texts(admin, closed)[closed]
    expiring = (closed, names.GATE)
    for name in expiring:
        _again(admin, name, ttl="20s")
    end = time.monotonic() + 21
    changed = _drift(env, admin)["changed"]
    assert {f"policy {name} (expires)" for name in expiring} <= set(changed)
    _, rotated = _run(env, "rotate", "run", "INC-EXPIRES")
    assert f"policy {closed} is not as the lock-down wrote it" in json.dumps(rotated)
    report = _contain("INC-EXPIRES", IN_BATCH)
    assert _failed(report) == {}
    assert (closed, Outcome.DONE) in {(e.target, e.outcome) for e in report.effects}
    time.sleep(max(0.0, end - time.monotonic()))
    assert not actors.allowed(lambda: actors.read(token, path))
    assert not [line for line in _drift(env, admin)["changed"] if "expires" in line or "is gone" in line]


def test_a_policy_that_asks_for_a_check_and_set_is_written_all_the_same(admin: Admin, env: dict[str, str]) -> None:
    holder = next(s for s in load().secrets if s.name == "risk-limits-token").grants[0].workload
    kept = (names.GATE, names.QUARANTINE, f"pc-w-{holder}", f"pc-b-{BATCH}-3", "pc-ci-cicd")
    for name in kept:
        _again(admin, name, cas_required=True)
    assert {f"policy {name} (cas_required)" for name in kept} <= set(_drift(env, admin)["changed"])
    report = _contain("INC-CAS", "risk-limits-token")
    assert _failed(report) == {}
    assert "secret/data/risk/limits" in json.dumps(_texts(admin, names.GATE))


FIX, FIX_PATH = "order-router-fix", "secret/data/trading/fix-session"


def _metadata(admin: Admin, incident: str, **values: Any) -> None:
    admin.call("POST", f"portcullis/metadata/incidents/{incident}", values)


def _denied(admin: Admin) -> bool:
    return FIX_PATH in json.dumps(_texts(admin, names.GATE))


def _nothing_is_opened(admin: Admin, env: dict[str, str], incident: str, remedy: str) -> None:
    assert (
        f"record incidents/{incident} (cannot be read, so nothing is opened)" in _drift(env, admin, "pulumi")["changed"]
    )
    for words in (("incident=keep",), ("incident=false", f"incidentId={incident}")):
        up = pulumi(admin.sandbox, *words, environ=env)
        assert up.returncode != 0, up.stdout
        assert f"incident {incident} is listed, and its record is deleted: {remedy}" in up.stdout
        assert _denied(admin), "it is opened, and nothing is proven"
    code = subprocess.run(
        [sys.executable, "-m", "rotation", "rotate", "run", incident],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        check=False,
    ).returncode
    assert code == 3


def test_a_record_that_is_to_vanish_is_said_and_one_that_has_opens_nothing(admin: Admin, env: dict[str, str]) -> None:
    _metadata(admin, "INC-AGED", delete_version_after="8s")
    drifted = _drift(env, admin, "pulumi")["changed"]
    assert "record incidents/INC-AGED (delete_version_after)" in drifted
    assert "record incidents/INC-AGED (cannot be read, so nothing is opened)" in drifted
    failed = _failed(_contain("INC-AGED", FIX))
    assert "bao kv metadata put -mount=portcullis -delete-version-after=0s incidents/INC-AGED" in failed["INC-AGED"]
    assert _denied(admin)
    time.sleep(9)
    _nothing_is_opened(admin, env, "INC-AGED", "bao kv undelete -mount=portcullis -versions=")

    heard: list[str] = []
    again = contain(HvacVault.for_containment(), "INC-AGED", "", heard.append)
    assert "warning: incident INC-AGED: its record was deleted or written over, and is back" in heard
    assert again.incident.scope.leaked == (f"secret:{FIX}",)
    assert list(_failed(again.report)) == ["INC-AGED"]
    _metadata(admin, "INC-AGED", delete_version_after="0s")
    assert _failed(_contain("INC-AGED", "")) == {}
    time.sleep(9)
    assert _failed(_contain("INC-AGED", "")) == {}


def test_a_record_that_somebody_deletes_opens_nothing(admin: Admin, env: dict[str, str]) -> None:
    admin.call("DELETE", "portcullis/data/incidents/INC-AGED")
    _nothing_is_opened(admin, env, "INC-AGED", "bao kv undelete -mount=portcullis -versions=")
    up = pulumi(admin.sandbox, "incident=true", "incidentId=INC-AGED", environ=env)
    assert up.returncode == 0, up.stdout
    assert "its record was deleted or written over, and is back" in up.stdout
    assert _denied(admin)


def test_a_record_that_was_written_over_is_back_with_its_scope(admin: Admin) -> None:
    admin.call("POST", "portcullis/data/incidents/INC-AGED", {"data": {"id": "INC-AGED", "state": "lifted"}})
    with pytest.raises(InputError, match=f"INC-AGED is open with another scope, secret:{FIX}"):
        _contain("INC-AGED", "partner-api-key")
    assert _denied(admin)


def test_beside_a_record_that_cannot_be_brought_back(admin: Admin, env: dict[str, str]) -> None:
    """The lock-down goes on, with everything quarantined, until that one is locked down again."""
    record = admin.call("GET", "portcullis/data/incidents/INC-AGED")["data"]
    versions = list(range(1, record["metadata"]["version"] + 1))
    admin.call("POST", "portcullis/data/incidents/INC-AGED", {"data": {"id": "INC-AGED", "state": "lifted"}})
    admin.call("POST", "portcullis/destroy/incidents/INC-AGED", {"versions": versions})
    failed = _failed(_contain("INC-BESIDE", "partner-api-key"))
    assert {why.partition(":")[0] for why in failed.values()} == {"incident INC-AGED is listed, and its record is none"}
    assert FIX_PATH in json.dumps(_texts(admin, names.QUARANTINE)), "it may have denied that"
    up = pulumi(admin.sandbox, "incident=true", "incidentId=INC-BESIDE", environ=env)
    assert up.returncode != 0
    assert "incident INC-AGED is listed, and its record is none" in up.stdout
    assert FIX_PATH in json.dumps(_texts(admin, names.QUARANTINE))
    assert pulumi(admin.sandbox, "incident=keep", environ=env).returncode != 0
    admin.call("POST", "portcullis/data/incidents/INC-AGED", {"data": {"overwritten": "again"}})
    done = _contain("INC-AGED", FIX)
    assert _failed(done) == {}
    held = admin.call("GET", "portcullis/data/incidents/INC-AGED")["data"]["data"]
    assert held["scope"] == record["data"]["scope"]
    assert _failed(_contain("INC-BESIDE", "")) == {}
