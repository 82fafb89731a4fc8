"""A stack's configuration: what is misspelt is refused, not left out."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest
import yaml

from containment.incidents.decide import Asked
from containment.incidents.incident import Mode
from policies.errors import InputError
from stacks import settings

ROOT = Path(__file__).resolve().parents[3]


def test_the_keys_are_those_of_the_project() -> None:
    assert set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]) == settings.KEYS


ASKED = {"incidentId": "INC-A", "incidentScope": "exchange-trading-key"}
REMEDY = "it stays in Pulumi.local.yaml until: pulumi config rm"


def _read(mode: Mode, given: dict[str, str], **unknown: str) -> str:
    asked = Asked(mode, given.get("incidentId", ""), given.get("incidentScope", ""), file="Pulumi.local.yaml")
    return settings._left_out(asked, {"incident": mode.value, **given, **unknown})


@pytest.mark.parametrize("mode", [Mode.KEEP, Mode.LIFT])
@pytest.mark.parametrize("key", ["Incident", "incidentid", "incident_scope", "inciden"])
def test_a_misspelt_key_is_refused_with_its_remedy(mode: Mode, key: str) -> None:
    with pytest.raises(InputError, match=f"config {key}: no such key; one of approvalRequired, environment, inc") as e:
        _read(mode, ASKED, **{key: "true"})
    assert f"{REMEDY} {key}; nothing was changed. A lock-down that reads no stack file: portcullis contain" in str(
        e.value
    )


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, {"inciden": "true"}),
        (ASKED, {"inciden": "true"}),
        (ASKED, {"incidentScop": ASKED["incidentScope"]}),
        (ASKED, {"incidentid": "INC-A"}),
        ({}, {"owner": "desk"}),
    ],
)
def test_a_key_that_was_misspelt_once_stands_in_no_lock_downs_way(given: dict[str, str], left: dict[str, str]) -> None:
    warning = _read(Mode.LOCK, given, **left)
    assert f"{REMEDY} {next(iter(left))}; the lock-down goes on without it" in warning
    assert "desk" not in warning, "a value may be a secret"


@pytest.mark.parametrize("key", ["incidentScop", "scope", "incidentName", "incident_id", "id"])
@pytest.mark.parametrize("given", [{}, {**ASKED, "incidentScope": "order-router-fix"}], ids=["bare", "left over"])
def test_a_misspelt_key_that_may_say_what_leaked_is_never_left_out(given: dict[str, str], key: str) -> None:
    """Everything would be locked down instead, or what an older question names."""
    with pytest.raises(InputError, match=rf"config rm {key}; {key} may say what leaked, so nothing was changed"):
        _read(Mode.LOCK, given, **{key: "exchange-trading-key"})


def test_the_keys_of_others_and_good_ones_are_not_spoken_of() -> None:
    assert _read(Mode.LOCK, ASKED) == _read(Mode.KEEP, {}) == ""


def test_a_stack_file_sends_the_token_to_no_other_server() -> None:
    held = {"portcullis:incident": "true", "vault:address": "https://vault.evil.example", "vault:token": "s.value"}
    before = pulumi.runtime.config.CONFIG.set(held)
    try:
        with pytest.raises(InputError, match=r"config vault:address, vault:token: .*VAULT_ADDR.* nothing was ch") as e:
            settings.read()
    finally:
        pulumi.runtime.config.CONFIG.reset(before)
    assert "pulumi config rm vault:address && pulumi config rm vault:token" in str(e.value)
    assert "evil" not in str(e.value)
    assert "s.value" not in str(e.value)
