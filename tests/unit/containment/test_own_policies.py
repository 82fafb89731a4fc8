"""What each identity's own policy may grant: a lock-down takes the rest away and gives nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from containment.compiled import gate
from containment.effects import policies
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.ports import Applied
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
        self.last: Applied | None = Applied(1, 5, (ESTATE,))

    def applied(self) -> Applied | None:
        return self.last

    def read_policy(self, name: str) -> str | None:
        if self.away:
            raise Unanswered("vault: away")
        return self.held.get(name)

    def holds_policy(self, name: str, text: str) -> bool:
        return self.held.get(name) == text

    def write_policy(self, name: str, text: str) -> None:
        self.held[name] = text

    def run(self, estate: Estate = ESTATE) -> Run:
        vault: Any = self
        no: Any = None
        run = Run(Systems(vault, no, no, no, no), estate, (OPEN,), OPEN, print, affected(estate, (OPEN,)))
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


def test_what_no_reader_can_follow_is_named_and_ends_nothing_else() -> None:
    """The server takes it: an own policy that was nested deep ended every lock-down before what comes after."""
    server = Server()
    deep = '{"a": [' * 20_000 + "]}" * 20_000
    rule = f'{{"capabilities": ["read"], "allowed_parameters": {deep}}}'
    server.held[OWN] = f'{{"path": {{"{PATH}": {rule}}}}}'
    *_, effect = server.run().effects
    assert (effect.target, effect.outcome) == (OWN, Outcome.FAILED)
    assert "is not as the product writes it" in effect.detail


@pytest.mark.parametrize("kind", ["beside", "instead"])
def test_what_no_declaration_gives_goes(kind: str) -> None:
    server = Server()
    declared = server.held[OWN]
    rules = json.loads(declared)["path"] if kind == "beside" else {}
    server.held[OWN] = json.dumps({"path": {**rules, PATH: {"capabilities": ["read"]}}})
    *_, effect = server.run().effects
    assert (effect.what, effect.target, effect.outcome) == ("own policy", OWN, Outcome.DONE)
    assert server.held[OWN] == (declared if kind == "beside" else gate.open_policy())


@pytest.mark.parametrize(
    "text",
    [
        'path "secret/*" { capabilities = ["deny"] }',
        '{"path": {"x": {"capabilities": [], "policy": "read"}}}',
        '{"path": {"x": {"capabilities": ["read"], "policy": "write"}}}',
        '{"path": {"x": {"capabilities": ["read"]}}, "path": {}}',
        '{"path": {"x": {"capabilities": ["read"], "capabilities": []}}}',
        '{"path": {}, "name": "x"}',
        "[]",
    ],
)
def test_one_that_is_not_as_the_product_writes_it_is_named_and_left(text: str) -> None:
    """Whoever wrote it may have denied more by it; what else the server takes it for is not guessed."""
    server = Server()
    server.held[OWN] = text
    *_, effect = server.run().effects
    assert (effect.target, effect.outcome) == (OWN, Outcome.FAILED)
    assert "is not as the product writes it" in effect.detail
    assert server.held[OWN] == text


def test_nothing_goes_where_nobody_knows_what_the_last_apply_gave() -> None:
    """Gone, or nobody can read it; the checkout at hand may be an old one."""
    for last in (None, Applied(1, 5, ())):
        server = Server()
        server.last = last
        assert len(server.run().effects) == 1
        server.held[OWN] = _policy(x=["read"])
        *_, effect = server.run().effects
        assert (effect.target, effect.outcome) == (OWN, Outcome.FAILED)
        assert server.held[OWN] == _policy(x=["read"])


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
    for estate, last in ((ESTATE, given), (uncertain, ESTATE)):
        server = Server()
        server.last = Applied(2, 5, (last,))
        server.held |= gate.widest((given,))
        before = dict(server.held)
        assert len(server.run(estate).effects) == 1
        assert server.held == before
    server.run()
    assert server.held != before


def test_a_vault_that_is_away_is_one_failure() -> None:
    server = Server()
    server.away = True
    (effect,) = server.run().effects
    assert (effect.target, effect.outcome) == ("every identity", Outcome.FAILED)


def test_of_an_identity_that_is_gone_no_policy_is_made() -> None:
    """It would stand there for good, and be taken for what an update that was killed has left."""
    server = Server()
    del server.held[OWN]
    run = server.run()
    leaked = Incident("B", Scope(everything=False, leaked=(f"workload:{OWN.removeprefix('pc-w-')}",)), State.OPEN, 10)
    run.affected = affected(ESTATE, (leaked,))
    policies.deny(run)
    assert OWN not in server.held
    assert [e.outcome for e in run.effects if e.target == OWN] == [Outcome.ALREADY]
    assert {"pc-gate", "pc-quarantine"} <= server.held.keys()
