"""A stack without an engine: what the last update told, and what this one tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pytest

from stacks import before


@dataclass(frozen=True)
class Known:
    """As pulumi.Output, of what is known already."""

    value: Any

    def apply(self, change: Callable[[Any], Any]) -> Known:
        return Known(change(self.value))

    async def future(self) -> Any:
        return self.value


@pytest.fixture(autouse=True)
def last(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The outputs of the update before."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(before, "_outputs", lambda: Known(told))
    return told


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    told: dict[str, Any] = {"mode": "open"}

    def export(name: str, value: Any) -> None:
        told[name] = value.value if isinstance(value, Known) else value

    monkeypatch.setattr(pulumi, "export", export)
    return told
