"""Pulumi's own gate in a real `pulumi up`, and what it does where OPA is down."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from policies.load import ACCESS
from sandbox.environment import REPOSITORY
from tests.integration.production import Production, changed, contained

PACK = REPOSITORY / "stacks" / "policy-pack"
SCOPE = "risk-limits-token"
KEEP = ("incident=keep", "incidentId=", "incidentScope=")


def _up(prod: Production, *config: str, checkout: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    argv = [*prod.argv(*config), "--policy-pack", str(PACK)]
    return subprocess.run(
        argv,
        cwd=checkout,
        env=prod.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


ROLE = "vault:database/secretBackendRole:SecretBackendRole"
BEGIN = "    watch = Watch()\n"
MORE = {
    "undeclared_policy: policy pc-w-more is not, or not so, declared": (
        "program.py",
        BEGIN,
        f"""{BEGIN}    vault_sdk.Policy("pc-w-more", name="pc-w-more", policy='{{"path": {{}}}}')\n""",
    ),
    "undeclared_resource: no declaration makes a vault:tokenauth/authBackendRole:AuthBackendRole": (
        "program.py",
        BEGIN,
        f'{BEGIN}    vault_sdk.tokenauth.AuthBackendRole("any", role_name="any")\n',
    ),
    f"undeclared_resource: creationStatements of {ROLE} database/": (
        "access.py",
        "=sql.creation(secret.grant)",
        "=[*sql.creation(secret.grant), 'ALTER ROLE x SUPERUSER']",
    ),
    f"undeclared_resource: {ROLE} evil is not declared": (
        "program.py",
        BEGIN,
        f"""{BEGIN}    vault_sdk.database.SecretBackendRole(
        "evil", backend="database", name="evil", db_name="tradepulse", creation_statements=["CREATE ROLE x SUPERUSER"]
    )\n""",
    ),
}
"""Code that writes more than is declared, by what is said of it."""


def _altered(tmp_path: Path, file: str, old: str, new: str) -> Path:
    checkout = tmp_path / "checkout"
    left = shutil.ignore_patterns(".git", ".venv", ".sandbox", "reports", "*_cache", "__pycache__", "tests", "docs")
    shutil.copytree(REPOSITORY, checkout, ignore=left)
    (checkout / ".venv").symlink_to(REPOSITORY / ".venv")
    text = (checkout / "stacks" / file).read_text()
    assert old in text
    (checkout / "stacks" / file).write_text(text.replace(old, new))
    return checkout


def test_what_is_declared_passes(prod: Production) -> None:
    done = _up(prod, *KEEP)
    assert done.returncode == 0, done.stdout
    assert "✅ portcullis@v1.0.0" in done.stdout
    assert changed(done) == []


def test_what_is_newly_declared_passes_before_it_is_there(prod: Production, tmp_path: Path) -> None:
    """Inputs that come of a resource which a preview does not make are known all the same."""
    folder = shutil.copytree(ACCESS, tmp_path / "access")
    for name in ("mount-database-staging", "connection-tradepulse-staging", "analytics-readonly-staging"):
        text = (folder / "staging" / f"{name}.yaml").read_text()
        for old, new in (("staging/database", "staging/more"), ("tradepulse-staging", "more-staging")):
            text = text.replace(old, new)
        text = text.replace("analytics-readonly-staging", "analytics-more-staging")
        (folder / "staging" / f"more-{name}.yaml").write_text(text)
    argv = ["preview" if word == "up" else word for word in prod.argv(*KEEP) if word not in ("--yes", "--skip-preview")]
    done = prod.run([*argv, "--policy-pack", str(PACK)], prod.environ(folder))
    assert done.returncode == 0, done.stdout
    assert "✅ portcullis@v1.0.0" in done.stdout
    assert "staging/more/analytics-more-staging" in done.stdout


@pytest.mark.parametrize("words", MORE)
def test_code_that_writes_what_nobody_declared_is_stopped(prod: Production, tmp_path: Path, words: str) -> None:
    done = _up(prod, *KEEP, checkout=_altered(tmp_path, *MORE[words]))
    assert done.returncode != 0
    assert "[mandatory]  portcullis.resource" in done.stdout
    assert words in done.stdout


def test_nothing_else_stops_it(prod: Production, tmp_path: Path) -> None:
    role, words = "database/roles/evil", f"undeclared_resource: {ROLE} evil is not declared"
    assert prod.vault().read(role) is None
    written = prod.run([*prod.argv(*KEEP), "--cwd", str(_altered(tmp_path, *MORE[words]))], prod.environ())
    assert prod.vault().read(role), written.stdout
    assert _up(prod, *KEEP).returncode == 0, "the next apply takes it away"
    assert prod.vault().read(role) is None


def test_a_lock_down_is_stopped_by_nobody(prod: Production) -> None:
    """Not by OPA that is down either; without the pack it ends with the same."""
    prod.box.service("opa").stop()
    try:
        done = _up(prod, "incident=true", "incidentId=PACK-1", f"incidentScope={SCOPE}")
        alone = prod.lock("PACK-1", "")
    finally:
        prod.box.service("opa").start()
    assert contained("PACK-1"), done.stdout
    assert "[advisory]  portcullis.resource" in done.stdout
    assert "[mandatory]" not in done.stdout
    judged = _up(prod, "incident=true", "incidentId=PACK-1", f"incidentScope={SCOPE}")
    assert "✅ portcullis@v1.0.0" in judged.stdout
    assert done.returncode == alone.returncode
    kept = _up(prod, *KEEP)
    assert kept.returncode == 0, kept.stdout
    assert "✅ portcullis@v1.0.0" in kept.stdout
