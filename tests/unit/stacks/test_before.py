"""The outputs of the update before, which the engine may be writing."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from stacks import before

HALF = Exception("invoke of pulumi:pulumi:readStackOutputs failed: failed to load checkpoint: EOF")


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any] | Exception) -> list[str]:
    asked: list[str] = []

    async def invoke(token: str, props: dict[str, str]) -> dict[str, Any]:
        asked.append(f"{token} {props['name']}")
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(pulumi.runtime, "invoke_async", invoke)
    for name in ("organization", "project", "stack"):
        monkeypatch.setattr(pulumi, f"get_{name}", lambda name=name: name)
    monkeypatch.setattr(before, "_PAUSES", (0.0, 0.0))
    return asked


def test_half_a_file_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _answering(monkeypatch, HALF, HALF, {"outputs": {"openIncidents": ["A"]}})
    assert asyncio.run(before._read()) == {"openIncidents": ["A"]}
    assert asked == ["pulumi:pulumi:readStackOutputs organization/project/stack"] * 3


def test_what_stays_unreadable_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, HALF, HALF, HALF)
    with pytest.raises(Exception, match="EOF"):
        asyncio.run(before._read())


@pytest.mark.parametrize(
    ("last", "asked", "kept"),
    [
        ("", "staging", "staging"),
        ("all", "all", "all"),
        ("staging", "all", "all"),
        ("all", "staging", "all"),
        ("production", "staging", "production"),
        ("all", "", "all"),
    ],
)
def test_a_stack_keeps_what_it_declared(last: str, asked: str, kept: str) -> None:
    assert before._kept(last, asked) == kept


def test_a_new_stack_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, {"outputs": None})
    assert asyncio.run(before._read()) == {}
