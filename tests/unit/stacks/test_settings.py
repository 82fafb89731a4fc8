"""A stack's configuration: what is misspelt is refused, not left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from policies.errors import InputError
from stacks import settings

ROOT = Path(__file__).resolve().parents[3]


def test_the_keys_are_those_of_the_project() -> None:
    assert set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]) == settings.KEYS


@pytest.mark.parametrize("key", ["Incident", "incidentid", "incident_scope", "inciden"])
def test_a_misspelt_key_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=f"config {key}: no such key; one of approvalRequired, environment, incident,"):
        settings._require_known("portcullis", ["portcullis:incident", f"portcullis:{key}", "github:Token"])
