"""A policy of somebody else that grants what leaked: a batch token that carries it is out of the lock-down's reach."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from containment import names
from containment.adapters.vault import HvacVault
from containment.direct import contain
from containment.report import CONTAINED, Outcome, Report
from sandbox.environment import Sandbox

SCOPE, PATH = "partner-api-key", "secret/data/partners/api"
BAO = str(Path(sys.executable).parent / "bao")
METADATA = "secret/metadata/partners/api"
ROLE = "auth/approle/role/legacy"
EXACT = [f"secret/{kind}/partners/api" for kind in ("data", "metadata", "subkeys", "delete", "undelete", "destroy")]


class Admin:
    """Root's calls, and what a token made by them gets."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._bao = sandbox.openbao

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._bao.call(method, path, body, token=self._bao.root_token())

    def grant(self, name: str, paths: dict[str, list[str]]) -> None:
        text = json.dumps({"path": {path: {"capabilities": can} for path, can in paths.items()}})
        self.call("PUT", f"sys/policies/acl/{quote(name)}", {"policy": text})

    def login(self, *policies: str) -> str:
        """A batch token, which an AppRole that is declared nowhere gives."""
        self.call("POST", ROLE, {"token_type": "batch", "token_policies": policies})
        ids = self.call("GET", f"{ROLE}/role-id")["data"], self.call("POST", f"{ROLE}/secret-id", {})["data"]
        body = {"role_id": ids[0]["role_id"], "secret_id": ids[1]["secret_id"]}
        return str(self.call("POST", "auth/approle/login", body)["auth"]["client_token"])

    def status(self, token: str, path: str = PATH, method: str = "GET") -> int:
        headers = {"X-Vault-Token": token}
        return int(self._bao._http().request(method, f"{self._bao.url}/v1/{path}", headers=headers).status_code)


@pytest.fixture
def admin(sandbox: Sandbox, environ: None) -> Iterator[Admin]:
    del environ
    one = Admin(sandbox)
    before = set(one.call("LIST", names.POLICIES)["data"]["keys"])
    yield one
    for name in set(one.call("LIST", names.POLICIES)["data"]["keys"]) - before:
        one.call("DELETE", f"sys/policies/acl/{quote(name)}")
    one.call("DELETE", ROLE)


def _contain(progress: Callable[[str], None] = print) -> Report:
    report = contain(HvacVault.for_containment(), "INC-FOREIGN", SCOPE, progress).report
    assert any(e.what == CONTAINED for e in report.effects) is not bool(report.not_contained)
    return report


def test_it_is_named_with_who_gives_it_until_its_grant_is_gone(admin: Admin) -> None:
    admin.grant("legacy-team", {"secret/data/partners/*": ["read"]})
    admin.grant("other-team", {"secret/data/elsewhere/*": ["read"], "secret/data/partners/ap": ["read"]})
    batch = admin.login("legacy-team", "other-team")
    assert admin.status(batch) == 200
    (missing,) = _contain().not_contained
    for words in (
        f"legacy-team (policies of others: grants read on {PATH}",
        'by path "secret/data/partners/*", given by auth/approle/role/legacy;',
        "bao policy delete legacy-team",
    ):
        assert words in missing
    assert admin.status(batch) == 200, "what is said is not true"

    admin.grant("legacy-team", {"secret/data/partners/*": ["read"], PATH: ["deny"], f"{PATH}/": ["deny"]})
    assert _contain().not_contained == ()
    assert admin.status(batch) == 403
    assert admin.status(batch, "secret/data/partners/other") == 404, "what did not leak is granted still"


def test_one_under_the_products_prefix_is_named_though_the_gate_is_beside_it(admin: Admin) -> None:
    """The gate opens when what leaked is replaced, to whoever carries both: so long a token may live. What is printed
    helps, by the operator's token."""
    admin.grant("pc-tmp-debug", {"secret/data/partners/*": ["read"]})
    admin.grant("pc-w-former", {PATH: ["read"]})
    admin.grant("pc-tmp-other", {"secret/data/elsewhere/*": ["read"]})
    batch = admin.login("pc-tmp-debug")
    assert admin.status(batch) == 200
    admin.login("pc-tmp-debug", names.GATE)
    given = {"pc-tmp-debug": "auth/approle/role/legacy, beside pc-gate", "pc-w-former": "no role, entity or group"}
    for (name, by), missing in zip(given.items(), sorted(_contain().not_contained), strict=True):
        assert missing.startswith(f"{name} (policies of others: grants read on {PATH}")
        assert f", given by {by}" in missing
        assert "; it is declared nowhere, and pc-gate beside it denies only until that is replaced;" in missing
        command = missing.partition(", or ")[2].partition(";")[0]
        assert command == f"bao policy delete {name}"
        subprocess.run([BAO, *command.split()[1:]], check=True)
    assert admin.status(batch) == 403
    assert _contain().not_contained == ()


def test_a_template_counts_for_the_entities_that_are_there(admin: Admin) -> None:
    admin.grant("legacy-team", {"secret/data/{{identity.entity.metadata.team}}/*": ["read"]})
    admin.grant("homes", {"secret/data/{{identity.entity.id}}/*": ["read"]})
    batch = admin.login("legacy-team", "homes")
    assert _contain().not_contained == ()
    assert admin.status(batch) == 403
    role_id = admin.call("GET", f"{ROLE}/role-id")["data"]["role_id"]
    accessor = admin.call("GET", "sys/auth")["data"]["approle/"]["accessor"]
    asked = {"alias_name": role_id, "alias_mount_accessor": accessor}
    entity = admin.call("POST", "identity/lookup/entity", asked)["data"]
    admin.call("POST", f"identity/entity/id/{entity['id']}", {"metadata": {"team": "partners"}})
    (missing,) = _contain().not_contained
    assert f"legacy-team (policies of others: grants read on {PATH} and 1 more to entity {entity['name']}" in missing
    assert admin.status(batch) == 200


def test_no_other_spelling_of_a_path_or_a_name_hides_it(admin: Admin) -> None:
    admin.grant("careful", {"secret/*": ["read", "delete"], **{path: ["deny"] for path in EXACT}})
    admin.grant("legacy", {"secret/data/elsewhere/*": ["read"]})
    admin.grant("legacy?x", {"secret/data/partners/*": ["read"]})
    batch = admin.login("careful")
    assert admin.status(batch, METADATA) == 403
    assert admin.status(batch, f"{METADATA}/") == 200
    assert admin.status(admin.login("legacy?x")) == 200
    made = admin.call("POST", "auth/token/create-orphan", {"policies": ["careful"]})["auth"]["client_token"]
    assert admin.status(made, METADATA) == 403
    assert admin.status(made, f"{METADATA}/") == 200
    careful, question = sorted(_contain().not_contained)
    assert admin.status(made, "auth/token/lookup-self") == 403, "it deletes by a slash what is denied"
    assert "careful (policies of others: grants delete, read on secret/data/partners/api/ and 1 more" in careful
    assert question.startswith("legacy?x (policies of others: grants read on")
    assert "bao policy delete 'legacy?x'" in question


def test_an_administrators_policy_is_told_and_stands_in_nobodys_way(admin: Admin) -> None:
    admin.grant("admin", {"*": ["create", "read", "update", "delete", "list", "sudo"]})
    admin.grant("reader", {"*": ["read"]})
    said: list[str] = []
    report = _contain(said.append)
    assert [line.partition(" ")[0] for line in report.not_contained] == ["reader"]
    (told,) = [e for e in report.effects if e.target == "admin"]
    assert told.outcome is Outcome.ALREADY
    assert "it may write pc-gate too: its holders are administrators" in told.detail
    assert any(line.startswith("warning: policy admin grants") for line in said)


def test_hundreds_of_them_cost_little(admin: Admin) -> None:
    started = time.monotonic()
    _contain()
    few = time.monotonic() - started
    for number in range(300):
        admin.grant(f"team-{number}", {f"secret/data/team-{number}/*": ["read"]})
    started = time.monotonic()
    assert _contain().not_contained == ()
    print(f"lock-down: {few:.2f} s, with 300 more policies {time.monotonic() - started:.2f} s")


@pytest.mark.parametrize("shut", ["sys/policies/acl/", "sys/policies/acl/*"])
def test_what_may_not_be_read_is_not_judged_and_the_rest_is_done(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, shut: str
) -> None:
    admin.grant("portcullis-blind", {shut: ["deny"]})
    asked = {"policies": ["portcullis-containment", "portcullis-blind"]}
    token = admin.call("POST", "auth/token/create-orphan", asked)["auth"]["client_token"]
    monkeypatch.setenv("PORTCULLIS_CONTAINMENT_TOKEN", token)
    report = _contain()
    assert {e.what for e in report.effects if e.outcome is Outcome.FAILED} == {"policies of others"}
    (missing,) = report.not_contained
    assert "not judged" in missing
    assert "permission denied" in missing
    assert "portcullis-containment anew" in missing
