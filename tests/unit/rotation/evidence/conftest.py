"""One incident's folder, and the audit log of its server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.rotation.evidence.server import EFFECT, OPENED, line, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "incidents" / "INC-1"
    place.mkdir(parents=True)
    (place / "containment.json").write_text(json.dumps({"contained": True, "effects": [EFFECT], "not_contained": []}))
    return place


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "audit.log"
    lines = [
        line(OPENED - 5, "secret/data/trading/exchange"),
        written(1, OPENED + 0.5),
        line(OPENED + 1, "secret/data/trading/exchange", policies=["pc-w-execution-engine"]),
        line(OPENED + 2, "secret/data/trading/exchange-other"),
        line(OPENED + 2, "secret/data/reporting/treasury"),
        line(OPENED + 2, "secret/data/reporting/treasury", policies=["default", "pc-w-risk-engine"]),
        line(OPENED + 3, "auth/token/revoke-accessor"),
        line(OPENED + 3, "sys/policies/acl/pc-gate"),
    ]
    file.write_text("\n".join(lines) + "\n")
    return file
