"""Whoever hands out the product's policies without the gate: at fault for those that the server has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from containment import names
from containment.effects import strangers
from containment.incidents.incident import Incident, Scope, State
from containment.report import Effect, Outcome
from containment.run import Run, Systems
from containment.undeclared import seen
from policies.errors import Unreachable
from policies.load import load

LEFT = "auth/token/roles/pc-issue-w-former"
OWN = "pc-w-former"


class Server:
    """One carrier, and the policies that are there."""

    def __init__(self, path: str, carrier: dict[str, Any], policies: list[str] | None) -> None:
        self.path, self.carrier, self.policies = path, carrier, policies
        self.listed = 0

    def keys(self, path: str) -> list[str]:
        if path == names.POLICIES:
            self.listed += 1
            if self.policies is None:
                raise Unreachable("vault: list sys/policies/acl: permission denied")
            return self.policies
        folder, _, name = self.path.rpartition("/")
        return [name] if path == folder else []

    def read(self, path: str) -> dict[str, Any]:
        return self.carrier if path == self.path else {}


def _roles(path: str, carrier: dict[str, Any], *policies: str, refused: bool = False) -> tuple[Effect, list[str]]:
    said: list[str] = []
    server = Server(path, carrier, None if refused else list(policies))
    no: Any = None
    systems = Systems(server, no, no, no, no)  # type: ignore[arg-type]
    affected: Any = SimpleNamespace(open=())
    run = Run(systems, load(), (), no, said.append, affected)
    strangers._roles(run)
    assert server.listed <= 1
    (effect,) = run.effects
    return effect, said


def test_what_attaches_a_policy_that_is_gone_is_told_and_keeps_nothing_from_being_contained() -> None:
    effect, said = _roles(LEFT, {"allowed_policies": [names.GATE, names.QUARANTINE, OWN]}, names.GATE)
    assert effect.outcome == "already"
    assert effect.detail == f"attaches {OWN}, which the server does not have: it grants nothing"
    assert said == [f"warning: {LEFT} {effect.detail}; an administrator deletes it: bao delete {LEFT}"]


@pytest.mark.parametrize("refused", [False, True])
def test_a_token_role_that_gives_one_that_is_there_is_to_be_deleted(refused: bool) -> None:
    """It has the gate in its list, and nobody has to ask for it."""
    role = {"allowed_policies": [names.GATE, OWN, "pc-w-gone"]}
    effect, _ = _roles(LEFT, role, names.GATE, OWN, refused=refused)
    assert effect.outcome == "failed"
    attached = f"{OWN}, pc-w-gone" if refused else OWN
    assert effect.detail == (
        f"attaches {attached} without pc-gate: an administrator deletes it: bao delete {LEFT}; then lock down again"
    )


def test_a_glob_is_as_good_as_what_it_matches() -> None:
    glob = {"allowed_policies_glob": ["pc-w-settle*"]}
    assert _roles(LEFT, glob, "pc-w-settlement")[0].outcome == "failed"


@pytest.mark.parametrize("by", ["allowed_policies", "allowed_policies_glob"])
def test_one_that_is_declared_counts_as_there(by: str) -> None:
    """An update may be about to make it."""
    assert _roles(LEFT, {by: ["pc-w-settlement"]}, "pc-w-former")[0].outcome == "failed"


def test_an_entity_may_have_the_gate_too() -> None:
    effect, _ = _roles("identity/entity/id/7", {"name": "eve", "policies": [OWN]}, OWN)
    assert (effect.target, effect.outcome) == ("entity eve", "failed")
    assert effect.detail == f"attaches {OWN} without pc-gate: delete it, or attach pc-gate"


@pytest.mark.parametrize(
    ("mode", "meant", "failed"), [("", (), []), ("primary", (), [1]), ("primary", (seen.REPLICATION,), [])]
)
def test_other_clusters_have_tokens_that_no_list_here_has(mode: str, meant: tuple[str, ...], failed: list[int]) -> None:
    said: list[str] = []
    vault: Any = SimpleNamespace(replicated=lambda: mode, seen=lambda: None)
    no: Any = None
    open_ = Incident("I", Scope(everything=True), State.OPEN, opened_at=1, meant=meant)
    affected: Any = SimpleNamespace(open=(open_,))
    run = Run(Systems(vault, no, no, no, no), load(), (open_,), open_, said.append, affected)
    strangers._others(run)
    assert [1 for e in run.effects if e.outcome is Outcome.FAILED] == failed
    assert len(run.effects) == bool(mode)
