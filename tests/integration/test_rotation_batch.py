"""A workload that logs in by AppRole for batch tokens, which have no accessor to look one up by: replaced like any
other where that is declared, and told where it is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from containment import names
from drill.stack import pulumi
from policies.load import ACCESS
from sandbox import estate
from sandbox.environment import REPOSITORY, SETTINGS, Sandbox
from tests.integration import rotating


def _lock(sandbox: Sandbox, incident: str, workload: str) -> None:
    done = pulumi(sandbox, "incident=true", f"incidentId={incident}", f"incidentScope=workload:{workload}")
    assert done.returncode == 0, done.stdout


def _lift(sandbox: Sandbox, incident: str) -> None:
    done = pulumi(sandbox, "incident=false", f"incidentId={incident}", "incidentScope=")
    assert done.returncode == 0, done.stdout


def _root(sandbox: Sandbox, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return sandbox.openbao.call(method, path, body, token=sandbox.openbao.root_token())


def test_a_login_role_that_gives_batch_tokens_undeclared_is_told_with_the_remedy(sandbox: Sandbox) -> None:
    _root(sandbox, "POST", "auth/approle/role/settlement", {"token_type": "batch"})
    _lock(sandbox, "BATCH-1", "settlement")
    code, answer = rotating.rotate(sandbox, "run", "BATCH-1")
    assert code != 0
    remedy = "pulumi up --refresh --config incident=keep"
    said = (
        "workload:settlement: end-old: auth/approle/role/settlement gives batch tokens, and is declared to give "
        f"service tokens (`portcullis drift` names it): {remedy}"
    )
    assert said in str(answer)
    config = sandbox.root / "pulumi" / "project" / SETTINGS
    argv = [*remedy.split(), "--yes", "--skip-preview", "--non-interactive", "--config-file", str(config)]
    done = subprocess.run(
        argv, cwd=REPOSITORY, env=rotating.environ(sandbox), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    code, answer = rotating.rotate(sandbox, "run", "BATCH-1")
    assert code == 0, answer
    _lift(sandbox, "BATCH-1")


def test_a_workload_of_batch_tokens_is_replaced_and_lifted(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ACCESS, tmp_path / "access")
    file = tmp_path / "access" / "production" / "workload-order-router.yaml"
    was = "  ttl: {default: 1h, max: 4h}\n"
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, "  tokens: batch\n  ttl: {default: 15m, max: 30m}\n"))
    monkeypatch.setenv("PORTCULLIS_DECLARATIONS", str(file.parents[1]))
    estate.prepare(sandbox, print)
    _root(sandbox, "DELETE", f"auth/token/roles/{names.ISSUE_PREFIX}w-order-router")  # for service tokens
    assert (done := pulumi(sandbox, "incident=keep")).returncode == 0, done.stdout
    _lock(sandbox, "BATCH-2", "order-router")
    code, answer = rotating.rotate(sandbox, "run", "BATCH-2")
    assert code == 0, answer
    tried = [line["detail"] for line in rotating.journal("BATCH-2") if line["step"] == "try-new" and line["detail"]]
    assert tried == [
        "a login with the delivered file works; its batch token, which nobody can revoke, was kept by nobody"
    ]
    _lift(sandbox, "BATCH-2")
