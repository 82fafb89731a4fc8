"""Whether the workloads of one incident are back, whatever another incident holds closed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment import generations, names
from containment.incident import Incident, Scope, State
from policies.load import load
from rotation.steps.incident import steps
from rotation.work import NotProven, Work

ESTATE = load()
BATCH = next(w for w in ESTATE.workloads if w.name == "analytics-batch")


def _incident(name: str, secret: str, at: int) -> Incident:
    scope = Scope(everything=False, leaked=(f"secret:{secret}",))
    return Incident(name, scope, State.OPEN, opened_at=at, contained_at=at + 1, opened=(f"secret:{secret}",))


def _recovered(incident: Incident, *others: Incident, refused: Collection[str]) -> str:
    """`refused`: paths that answer 403 to everybody."""
    everything = (incident, *others)
    vault = SimpleNamespace(
        incidents=lambda: everything,
        now=lambda: 1000,
        try_read=lambda _policies, path: 403 if path in refused else 200,
    )
    work: Any = SimpleNamespace(estate=ESTATE, vault=vault, incident=lambda: incident, policies=lambda _w: [])
    return steps(cast(Work, work))[0].verify()


def _all_closed(at: int) -> list[Incident]:
    return [_incident(f"INC-{n}", "analytics-readonly", at + n) for n in range(generations.COUNT)]


def test_an_unrelated_incident_is_not_held_back() -> None:
    refused = {"database/creds/analytics-readonly"}
    said = _recovered(_incident("INC-9", "settlement-readonly", 900), *_all_closed(980), refused=refused)
    assert "answer 200" in said


def test_it_is_said_until_when_new_tokens_are_denied() -> None:
    first, *others = _all_closed(980)
    lifted = [replace(i, state=State.LIFTED) for i in others]
    path = names.granted_path(next(s for s in ESTATE.secrets if s.name == "market-data-ingest"))
    with pytest.raises(NotProven):
        _recovered(_incident("INC-9", "market-data-ingest", 990), refused={path})
    denied = {names.granted_path(s) for s in ESTATE.granted[BATCH.name]}
    everything = replace(first, scope=Scope(everything=True))
    with pytest.raises(
        NotProven, match=r"analytics-batch reads .*: 403: its new tokens are denied until 00:4\d:\d\d UTC"
    ):
        _recovered(everything, *lifted, refused=denied)
