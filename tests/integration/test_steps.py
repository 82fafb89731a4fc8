"""Every step of the lock-down matters: with any one taken out, the verdict is "not contained"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from containment import direct
from containment.adapters.vault import HvacVault
from containment.effects import (
    database,
    foreign,
    identities,
    issuance,
    namesakes,
    policies,
    probes,
    repositories,
    strangers,
    tokens,
    upstream,
    workflows,
)
from drill.actors import Actors
from drill.acts import Performer
from drill.leak import LEAKED, leak
from drill.result import STEPS as TRACES
from drill.result import missing_steps, verdict
from drill.run import probe
from policies.load import load
from tests.integration.prepared import Prepared

Seen = tuple[str, set[str]]
"""The verdict, and the kinds of effects there were."""
STEPS: list[tuple[ModuleType, str, Any]] = [
    (policies, "deny", None),
    (policies, "close_generations", None),
    (upstream, "disable_keys", None),
    (upstream, "know_keys", None),
    (identities, "disable", None),
    (issuance, "stop", None),
    (issuance, "cap", None),
    (database, "shut_out", {}),
    (database, "revoke_leases", 0),
    (database, "drop_users", None),
    (database, "end_orphans", None),
    (tokens, "revoke", 0),
    (policies, "open_quarantine", False),
    (policies, "as_declared", None),
    (repositories, "lock", None),
    (repositories, "protect", None),
    (repositories, "protect_others", None),
    (workflows, "switch_off", None),
    (workflows, "narrow", None),
    (workflows, "end_runs", None),
    (namesakes, "compare", None),
    (strangers, "shut_out", None),
    (strangers, "_roles", None),
    (foreign, "judge", None),
    (probes, "probe", None),
]


@pytest.fixture
def locked(local: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Seen]]:
    """Leak, attack with success, lock down straight over the APIs, attack again."""
    with local.fresh() as sandbox:
        for name, value in {**sandbox.environ(), "PORTCULLIS_INCIDENTS": str(tmp_path / "incidents")}.items():
            monkeypatch.setenv(name, value)

        def run() -> Seen:
            actors = Actors(sandbox)
            performer, leaked = Performer(actors), leak(actors, load())
            for attempt in leaked.attempts:
                assert performer.perform(attempt.use), f"void: {attempt.what}"
                assert performer.perform(attempt.control), f"void: the control of {attempt.what}"
            done = direct.contain(HvacVault.from_environment(), "STEPS", ",".join(LEAKED.leaked), print)
            assert done.complaint is None
            seen = tuple(probe(performer, attempt) for attempt in leaked.attempts)
            did = {e.what for e in done.report.effects}
            found = [*done.report.not_contained, *missing_steps(did)]
            return verdict(seen, found, ()), did

        yield run


def test_with_every_step_it_is_contained(locked: Callable[[], Seen]) -> None:
    said, did = locked()
    assert said.startswith("contained")
    assert did == set(TRACES), "an effect that always shows is a step too"


@pytest.mark.parametrize(
    ("module", "name", "answer"), STEPS, ids=[f"{m.__name__.split('.')[-1]}.{n}" for m, n, _ in STEPS]
)
def test_without_a_step_it_is_not(
    locked: Callable[[], Seen], monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, answer: Any
) -> None:
    monkeypatch.setattr(module, name, lambda *_, **__: answer)
    said, _ = locked()
    print(said)
    assert said.startswith("not contained: ")
