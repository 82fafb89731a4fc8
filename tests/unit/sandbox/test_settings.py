"""A reset leaves the checkout's stack settings as they were before the sandbox."""

from __future__ import annotations

from pathlib import Path

from sandbox import settings
from sandbox.environment import SETTINGS

CLEAN = "config:\n  portcullis:environment: all\n"
USED = (
    'config:\n  portcullis:environment: all\n  portcullis:incident: "false"\n  portcullis:incidentId: INC-7\n'
    "  portcullis:incidentScope: exchange-trading-key\nencryptionsalt: v1:abc=:v1:def\n"
)


def test_salt_and_incident_go_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / SETTINGS
    file.write_text(USED)
    assert settings.forget(file)
    assert file.read_text() == CLEAN
    assert not settings.forget(file)
