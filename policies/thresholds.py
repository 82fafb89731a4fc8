"""What Python too must know of the numbers and lists that the rules judge by."""

from __future__ import annotations

import yaml

from policies.errors import InputError
from policies.rules import BUNDLE

FILE = BUNDLE / "portcullis" / "thresholds" / "data.yaml"


def security_team() -> str:
    """Raises InputError when the file does not name one."""
    told = yaml.safe_load(FILE.read_text())
    team = told.get("approval_security_team") if isinstance(told, dict) else None
    if not isinstance(team, str) or not team:
        raise InputError(f"{FILE}: approval_security_team names no team")
    return team
