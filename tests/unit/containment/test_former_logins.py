"""Words for the tired: what a person does where a token may not end a former login."""

from __future__ import annotations

from typing import Any

import pytest

from containment.effects import former_logins
from policies.errors import Unreachable


class Refuses:
    """Reads, and is refused whatever changes something."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held

    def read(self, _path: str) -> dict[str, Any]:
        return self.held

    def keys(self, _path: str) -> list[str]:
        return ["accessor"]

    def write(self, path: str, _values: dict[str, Any]) -> None:
        raise Unreachable(f"{path}: permission denied")


@pytest.mark.parametrize("path", ["auth/jwt/role/report", "auth/approle/role/report"])
def test_what_a_token_may_not_end_somebody_deletes(path: str) -> None:
    vault: Any = Refuses({"bind_secret_id": True, "bound_claims": {"sub": "report"}})
    with pytest.raises(Unreachable, match=f"permission denied: bao delete {path}; then the same command again"):
        former_logins.shut(vault, path)
