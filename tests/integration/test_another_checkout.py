"""Another checkout of the declarations, older or approved by nobody: it takes nothing out of a lock-down and grants
nothing, whichever command runs in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.production import PARTNER, Production, copied

PORTCULLIS = (sys.executable, "-m", "rotation")
COPIES = "  actionsSecrets:\n"
COPY = "    - {name: PARTNER_KEY, secret: partner-api-key}\n"
GRANT = "      capabilities: [read]\n"
MORE = "    - workload: partner-gateway\n" + GRANT


@pytest.fixture
def applied(prod: Production, tmp_path: Path) -> Path:
    """The last apply: a repository holds one copy more than the declarations here say."""
    folder = copied(tmp_path / "applied")
    core = folder / "production" / "repository-tradepulse-core.yaml"
    core.write_text(core.read_text().replace(COPIES, COPIES + COPY))
    done = prod.keep(folder)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """One grant more."""
    folder = copied(tmp_path / "other")
    ledger = folder / "production" / "treasury-readonly.yaml"
    ledger.write_text(ledger.read_text().replace(GRANT, GRANT + MORE, 1))
    return folder


def _gateway(prod: Production) -> str:
    return prod.vault().read_policy("pc-w-partner-gateway") or ""


def test_it_takes_nothing_out_of_a_lock_down_and_grants_nothing(prod: Production, applied: Path, other: Path) -> None:
    done = prod.lock("REPO", "repository:tradepulse-core", applied)
    assert done.returncode == 0, done.stdout
    gate, own = prod.gate(), _gateway(prod)
    assert PARTNER in gate, "what leaks with the repository"
    done = prod.run([*PORTCULLIS, "contain", "--incident-id", "REPO"], prod.environ(other))
    assert done.returncode == 0, done.stdout
    assert (prod.gate(), _gateway(prod)) == (gate, own)
    done = prod.keep(other)
    assert done.returncode == 0, done.stdout
    assert prod.gate() == gate, "nor by one that is approved"
    assert "treasury-readonly" in _gateway(prod), "which may grant"
    done = prod.run([*PORTCULLIS, "rotate", "plan", "REPO"], prod.environ(other))
    assert "secret:partner-api-key" in done.stdout
