"""The example estate loads; each thing that can be wrong is refused by file, line, field and remedy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from policies import codec
from policies.load import ACCESS, SCHEMA, DeclarationError, load
from policies.model import Environment

KEY = "production/exchange-trading-key.yaml"


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """A copy of the example estate, which fires nothing."""
    shutil.copytree(ACCESS, tmp_path / "access")
    load(tmp_path / "access")
    return tmp_path / "access"


def _refused(folder: Path) -> str:
    with pytest.raises(DeclarationError) as caught:
        load(folder)
    assert all(p.remedy for p in caught.value.problems)
    return str(caught.value)


def test_example_estate() -> None:
    found = load()
    assert len(found.workloads) >= 12
    assert len(found.repositories) == 3
    assert {s.environment for s in found.secrets} == set(Environment)
    assert codec.decode(codec.encode(found)) == found


def test_schema_is_valid() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (KEY, "workload: execution-engine", "workload: nobody", "no workload 'nobody'"),
        (KEY, "workload: execution-engine", "workload: ingest-staging", "is staging"),
        (KEY, "mount: secret", "mount: database", "no kv mount 'database'"),
        (KEY, "path: trading/exchange", "path: market-data/exchange", "already belongs to"),
        (KEY, "default: 1h, max: 4h", "default: 9h, max: 4h", "default exceeds max"),
        (KEY, "{ttl: 15m", "{ttl: 31m", "longer than 30m"),
        (KEY, "upstream: {name: exchange, account: tradepulse-prod}", "", "missing for an exchange key"),
        (KEY, "tier: critical", "tier: huge", "spec.tier"),
        (KEY, "path: trading/exchange", "path: ../trading", "spec.secret.path"),
        (KEY, "[read]", "[sudo]", "spec.grants.0.capabilities.0"),
        (KEY, "  owner: team-trading\n", "", "'owner' is a required property"),
        (KEY, "kind: SecretAccessPolicy", "kind: Secret", "'Secret' is no kind"),
        (KEY, "apiVersion", "apiversion", "apiversion"),
        ("production/ci-cicd.yaml", "[partner-api-key]", "[no-such]", "no SecretAccessPolicy 'no-such'"),
        ("production/ci-cicd.yaml", "repository: tradepulse-core\n", "repository: gone\n", "no repository 'gone'"),
        ("production/market-data-ingest.yaml", "connection: tradepulse", "connection: gone", "no connection 'gone'"),
        ("production/workload-analytics-batch.yaml", "  boundClaims:\n    sub: analytics-batch\n", "", "boundClaims"),
    ],
)
def test_one_thing_broken(estate: Path, file: str, old: str, new: str, expected: str) -> None:
    text = (estate / file).read_text()
    assert old in text
    (estate / file).write_text(text.replace(old, new, 1))
    said = _refused(estate)
    assert expected in said
    assert f"{file}:" in said


def test_every_offender_at_once(estate: Path) -> None:
    (estate / KEY).write_text("a: *b\n")
    (estate / "production" / "workload-settlement.yaml").write_bytes(b"\xff\xfe")
    (estate / "production" / "stray.yml").write_text("")
    (estate / "elsewhere").mkdir()
    (estate / "elsewhere" / "x.yaml").write_text("a: 1\n")
    (estate / "staging" / "link.yaml").symlink_to(estate / KEY)
    said = _refused(estate)
    for part in ("an alias", "is not UTF-8", "rename it to .yaml", "is no environment", "is a symbolic link"):
        assert part in said
