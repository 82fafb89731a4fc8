"""A probe's answer counts only when its token was alive to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from containment.adapters import minter
from containment.adapters.minter import HvacProber
from containment.ports import Issued
from policies.errors import Unreachable


class Prober(HvacProber):
    """On a server where another lock-down's sweep ends the first `swept` tokens before they are used."""

    def __init__(self, swept: int) -> None:
        self.swept, self.made = swept, 0

    def create_token(self, role: str, ttl: int, policies: Sequence[str] = (), meta: Any = None) -> Issued:
        del role, policies, meta
        self.made += 1
        return Issued("a", ttl, (), {"token": str(self.made)})

    def _status(self, method: str, path: str, token: str) -> int:
        del path
        if int(token) <= self.swept:
            return 403
        return 200 if method == "GET" else 204


def test_a_token_that_a_sweep_ended_is_followed_by_another() -> None:
    assert Prober(0).try_read([], "secret/data/x") == 200
    prober = Prober(1)
    assert prober.try_read([], "secret/data/x") == 200, "a dead token's 403 is no refusal"
    assert prober.made == 2


def test_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minter, "_PATIENCE", 0.0)
    with pytest.raises(Unreachable, match="could not end itself: 403; does another lock-down run"):
        Prober(99).try_read([], "secret/data/x")
