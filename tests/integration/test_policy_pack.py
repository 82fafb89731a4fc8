"""Pulumi's own gate in a real `pulumi up`, and what it does where OPA is down."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """A checkout whose code writes one policy more than is declared."""
    checkout = tmp_path / "checkout"
    left = shutil.ignore_patterns(".git", ".venv", ".sandbox", "reports", "*_cache", "__pycache__", "tests", "docs")
    shutil.copytree(REPOSITORY, checkout, ignore=left)
    (checkout / ".venv").symlink_to(REPOSITORY / ".venv")
    program = checkout / "stacks" / "program.py"
    more = (
        'vault_sdk.Policy("pc-w-more", name="pc-w-more", policy=\'{"path": {"secret/*": {"capabilities": ["read"]}}}\')'
    )
    text = program.read_text()
    begin = "    watch, lifted = Watch(), False\n"
    assert begin in text
    program.write_text(text.replace(begin, f"{begin}    {more}\n"))
    return checkout


def test_what_is_declared_passes(prod: Production) -> None:
    done = _up(prod, *KEEP)
    assert done.returncode == 0, done.stdout
    assert "✅ portcullis@v1.0.0" in done.stdout
    assert changed(done) == []


def test_code_that_writes_what_nobody_declared_is_stopped(prod: Production, altered: Path) -> None:
    done = _up(prod, *KEEP, checkout=altered)
    assert done.returncode != 0
    assert "[mandatory]  portcullis.resource" in done.stdout
    assert "undeclared_policy: policy pc-w-more is not, or not so, declared" in done.stdout
    assert prod.vault().read_policy("pc-w-more") is None
    written = prod.run([*prod.argv(*KEEP), "--cwd", str(altered)], prod.environ())
    assert prod.vault().read_policy("pc-w-more"), f"nothing else stops it: {written.stdout}"
    assert _up(prod, *KEEP).returncode == 0, "the next apply takes it away"
    assert prod.vault().read_policy("pc-w-more") is None


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
    assert done.returncode == alone.returncode
    kept = _up(prod, *KEEP)
    assert kept.returncode == 0, kept.stdout
    assert "✅ portcullis@v1.0.0" in kept.stdout
