"""No run that was cut short leaves a better word than what it has seen."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from containment.adapters.vault import HvacVault
from containment.decide import Asked, Decision
from containment.incident import Incident, Mode, Scope, State
from policies.errors import Unreachable
from stacks import first, outputs, settings
from stacks.outputs import Standing

OPEN = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
LOCKED, PEACE = Decision((OPEN,), OPEN, None), Decision((), None, None)


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    told: dict[str, Any] = {"mode": "open"}
    monkeypatch.setattr(pulumi, "export", told.__setitem__)
    return told


@pytest.mark.parametrize(
    ("decision", "proven", "word"),
    [
        (LOCKED, True, Standing.LOCKED),
        (LOCKED, False, Standing.NOT_CONTAINED),
        (PEACE, True, Standing.OPEN),
        (PEACE, False, Standing.UNKNOWN),
    ],
)
def test_only_what_was_seen_is_told(exported: dict[str, Any], decision: Decision, proven: bool, word: Standing) -> None:
    outputs.tell(decision, proven=proven)
    assert exported["mode"] == word


@pytest.mark.parametrize(
    ("mode", "word"), [(Mode.LOCK, "not contained"), (Mode.KEEP, "unknown"), (Mode.LIFT, "unknown")]
)
def test_a_server_that_is_killed_at_once_leaves_no_word_of_an_earlier_run(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, Any], mode: Mode, word: str
) -> None:
    class Killed:
        def compiled(self) -> None:
            raise Unreachable("vault: read: ConnectionError")

    monkeypatch.setattr(settings, "read", lambda: settings.Settings(Asked(mode, "A", ""), "all"))
    monkeypatch.setattr(HvacVault, "from_environment", Killed)
    monkeypatch.setattr(HvacVault, "for_containment", Killed)
    monkeypatch.setattr(first, "_verdict", lambda _: "")
    with pytest.raises(pulumi.RunError, match="ConnectionError"):
        first.deny()
    assert exported["mode"] == word
