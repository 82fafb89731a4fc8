"""What each identity's own policy may grant: a lock-down takes the rest away and gives nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from containment.compiled import gate
from containment.effects import policies
from containment.former import Former
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.report import Outcome
from containment.run import Run, Systems
from policies.errors import Unanswered
from policies.load import load
from policies.model import Capability, Estate, Grant

ESTATE = load()
OPEN = Incident("A", Scope(everything=False, leaked=("secret:partner-api-key",)), State.OPEN, opened_at=10)
OWN, PATH = "pc-w-risk-engine", "secret/data/somebody/else"


class Server:
    def __init__(self) -> None:
        self.held = gate.widest((ESTATE,))
        self.away = False

    def read_policy(self, name: str) -> str | None:
        if self.away:
            raise Unanswered("vault: away")
        return self.held.get(name)

    def holds_policy(self, name: str, text: str) -> bool:
        return self.held.get(name) == text

    def write_policy(self, name: str, text: str) -> None:
        self.held[name] = text

    def run(self, estate: Estate = ESTATE, former: Former | None = None) -> Run:
        vault: Any = self
        no: Any = None
        run = Run(Systems(vault, no, no, no, no), estate, (OPEN,), OPEN, print, affected(estate, (OPEN,)))
        run.former = former or Former()
        policies.as_declared(run)
        return run


def _policy(**paths: list[str]) -> str:
    return json.dumps({"path": {PATH + path: {"capabilities": can} for path, can in paths.items()}})


def test_what_is_as_declared_stays() -> None:
    server = Server()
    before = dict(server.held)
    (effect,) = server.run().effects
    assert (effect.what, effect.outcome) == ("own policy", Outcome.ALREADY)
    assert server.held == before


@pytest.mark.parametrize("kind", ["beside", "instead", "hcl"])
def test_what_no_declaration_gives_goes(kind: str) -> None:
    server = Server()
    declared = server.held[OWN]
    rules = json.loads(declared)["path"]
    beside = json.dumps({"path": {**rules, PATH: {"capabilities": ["read"]}}})
    nothing = gate.open_policy()
    text = {"beside": beside, "instead": _policy(x=["read"]), "hcl": 'path "secret/*" { capabilities = ["read"] }'}[
        kind
    ]
    server.held[OWN] = text
    *_, effect = server.run().effects
    assert (effect.what, effect.target, effect.outcome) == ("own policy", OWN, Outcome.DONE)
    assert server.held[OWN] == (nothing if kind == "instead" else declared)


def test_what_somebody_has_taken_away_is_not_given_back() -> None:
    """Another run, whose incident shuts or narrows it; an update that is under way."""
    server = Server()
    server.held[OWN] = gate.open_policy()
    del server.held["pc-w-settlement"]
    before = dict(server.held)
    assert len(server.run().effects) == 1
    assert server.held == before


def test_what_the_last_apply_gave_or_nobody_knows_stays() -> None:
    """The checkout at hand may be older, or another environment's; who has an uncertain grant keeps it where nothing
    of it leaked."""
    grant = Grant("risk-engine", (Capability.READ,))
    secret = next(s for s in ESTATE.secrets if s.name == "partner-api-key")

    def having(**more: Any) -> Estate:
        changed = (replace(s, **more) if s is secret else s for s in ESTATE.secrets)
        return replace(ESTATE, secrets=tuple(changed))

    given, uncertain = having(grants=(*secret.grants, grant)), having(uncertain=(grant,))
    for estate, former in ((ESTATE, Former(((given, 7),), now=7)), (uncertain, None)):
        server = Server()
        server.held |= gate.widest((given,))
        before = dict(server.held)
        assert len(server.run(estate, former).effects) == 1
        assert server.held == before
    server.run(former=Former(((ESTATE, 7), (given, 6)), now=7))
    assert server.held != before, "given by an apply before the last"


def test_a_vault_that_is_away_is_one_failure() -> None:
    server = Server()
    server.away = True
    (effect,) = server.run().effects
    assert (effect.target, effect.outcome) == ("every identity", Outcome.FAILED)
