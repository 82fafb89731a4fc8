"""Words for the tired: what a person does where a token may not end a former login."""

from __future__ import annotations

from typing import Any

import pytest

from containment.compiled import locked
from containment.effects import former_logins
from containment.report import Outcome
from policies.errors import Unreachable


class Refuses:
    """Reads, and is refused whatever changes something."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held

    def read(self, _path: str) -> dict[str, Any]:
        return dict(self.held)

    def keys(self, _path: str) -> list[str]:
        return ["accessor"]

    def write(self, path: str, _values: dict[str, Any]) -> None:
        raise Unreachable(f"{path}: permission denied")


@pytest.mark.parametrize("path", ["auth/jwt/role/report", "auth/approle/role/report"])
def test_what_a_token_may_not_end_somebody_deletes(path: str) -> None:
    vault: Any = Refuses({"bind_secret_id": True, "bound_claims": {"sub": "report"}})
    with pytest.raises(Unreachable, match=f"permission denied: bao delete {path}; then the same command again"):
        former_logins.shut(vault, path)


@pytest.mark.parametrize(
    ("path", "held", "words"),
    [
        ("auth/approle/role/report", {"bind_secret_id": False}, "it asks for no secret_id"),
        ("auth/jwt/role/report", {"token_type": "batch", "token_max_ttl": 600}, "may live 600 s more"),
        (
            "auth/approle/role/report",
            {"bind_secret_id": True, "token_type": "default-batch"},
            "nothing here denies them",
        ),
    ],
)
def test_what_would_still_let_somebody_in_is_no_end(path: str, held: dict[str, Any], words: str) -> None:
    vault: Any = Ends({**locked.OFF_ROLE, **held})
    outcome, detail = former_logins.shut(vault, path)
    assert outcome is Outcome.FAILED
    assert words in detail
    assert detail.endswith(f"bao delete {path}; then the same command again")
    quiet: Any = Ends({**locked.OFF_ROLE, "bind_secret_id": True})
    assert former_logins.shut(quiet, path)[0] is not Outcome.FAILED


class Ends(Refuses):
    """Lets everything be changed, and has no secret_id."""

    def keys(self, _path: str) -> list[str]:
        return []

    def write(self, _path: str, _values: dict[str, Any]) -> None:
        self.held.update(_values)
