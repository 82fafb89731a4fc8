"""Which keys of an account are disabled, and which are named, once the one that leaked is replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from containment.effects import upstream
from containment.incidents.incident import Incident, Made, Scope, State
from containment.incidents.replacements import reference
from containment.incidents.scope import affected
from containment.ports import UpstreamKey
from containment.report import Outcome
from containment.run import Progress, Run, Systems
from policies.errors import Unreachable
from policies.load import load

NAME, OTHER = "exchange-trading-key", "exchange-market-key"
ITEM = f"secret:{NAME}"
LEAKED = Incident("I", Scope(False, (ITEM,)), State.OPEN, opened_at=1, denied_at=2)
BY_WORD = replace(LEAKED, opened=(ITEM,))
REPLACED = replace(BY_WORD, made=(Made(ITEM, reference("new"), 3),))


def _key(key: str, tag: str) -> UpstreamKey:
    return UpstreamKey(key, tag, "", enabled=True, permissions=("trade",))


NEW, LATER, THEIRS = _key("new", NAME), _key("later", NAME), _key("theirs", OTHER)


class Exchange:
    def __init__(self, *keys: UpstreamKey) -> None:
        self.held = {k.id: k for k in keys}

    def keys(self, account: str) -> list[UpstreamKey]:
        assert account == "tradepulse-prod"
        return list(self.held.values())

    def disable_key(self, _: str, key: str) -> None:
        self.held[key] = replace(self.held[key], enabled=False)

    @property
    def live(self) -> set[str]:
        return {k.id for k in self.held.values() if k.enabled}


class Server:
    def __init__(self, incident: Incident) -> None:
        self.held = incident

    def update_incident(self, _: str, change: Callable[[Incident], Incident]) -> Incident:
        self.held = change(self.held)
        return self.held


def _run(exchange: Exchange, *incidents: Incident, say: Progress = lambda _: None) -> tuple[Run, Server]:
    estate, server = load(), Server(incidents[0])
    no: Any = None
    vault: Any = server
    answering: Any = lambda _: exchange  # noqa: E731
    systems = Systems(vault, no, answering, no, no)
    run = Run(systems, estate, incidents, incidents[0], say, affected(estate, incidents))
    upstream.disable_keys(run)
    return run, server


def _failed(run: Run) -> list[str]:
    return [f"{e.what} {e.target}: {e.detail}" for e in run.effects if e.outcome is Outcome.FAILED]


def test_what_was_made_with_the_tag_after_the_replacement_is_disabled() -> None:
    exchange = Exchange(NEW, LATER, THEIRS)
    run, server = _run(exchange, REPLACED)
    assert exchange.live == {"new", "theirs"}
    assert not _failed(run)
    assert server.held.disabled == (), "a new key may not do what a key of nobody could"


@pytest.mark.parametrize("others", [(), (LATER,)])
def test_a_replacement_that_is_live_no_longer_is_said(others: tuple[UpstreamKey, ...]) -> None:
    """A lock-down without the vault has disabled it: its workload is refused, and nothing of ours denies that."""
    heard: list[str] = []
    _run(Exchange(replace(NEW, enabled=False), *others), REPLACED, say=heard.append)
    (said,) = [line for line in heard if line.startswith("warning: ")]
    assert said.endswith(f"portcullis rotate run {REPLACED.id} makes another")
    heard.clear()
    _run(Exchange(NEW, *others), REPLACED, say=heard.append)
    assert not [line for line in heard if line.startswith("warning: ")]


def test_the_keys_that_leaked_are_on_record_and_those_of_a_persons_word_stay() -> None:
    exchange = Exchange(NEW, LATER)
    _, server = _run(exchange, LEAKED)
    assert exchange.live == set()
    assert [d.reference for d in server.held.disabled] == [reference("new"), reference("later")]
    exchange = Exchange(NEW, LATER)
    run, _ = _run(exchange, BY_WORD)
    assert exchange.live == {"new", "later"}
    assert not _failed(run)


def test_the_replacement_waits_for_the_proof_of_a_second_leak_of_it() -> None:
    """All that is there may have leaked in one that has denied nothing yet."""
    exchange = Exchange(NEW, LATER)
    _run(exchange, REPLACED, replace(LEAKED, id="J", denied_at=0))
    assert exchange.live == set()


def test_a_replaced_key_beside_which_one_of_its_tag_stays_live_is_not_contained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Exchange, "disable_key", lambda *_: None)
    run, _ = _run(Exchange(NEW, LATER), REPLACED)
    assert _failed(run) == [f"upstream key disabled {NAME}: still live: later"]

    def away(*_: object) -> Any:
        raise Unreachable("away")

    monkeypatch.setattr(Exchange, "keys", away)
    run, _ = _run(Exchange(NEW, LATER), REPLACED)
    assert len(_failed(run)) == 2


@pytest.mark.parametrize("incident", [LEAKED, REPLACED])
def test_two_live_keys_of_another_declaration_are_named_and_left(incident: Incident) -> None:
    exchange = Exchange(NEW, THEIRS, _key("more", OTHER))
    run, _ = _run(exchange, incident)
    (line,) = _failed(run)
    assert line.startswith(
        f"upstream keys known {NAME}: 2 keys of account tradepulse-prod at exchange are live with the tag {OTHER} "
        "(theirs, more): one may be the leaker's: disable there by hand what is not in use, or name that secret as "
        "leaked too"
    )
    assert exchange.live >= {"theirs", "more"}
    exchange.disable_key("", "more")
    assert not _failed(_run(exchange, incident)[0])


def test_a_stranger_and_two_of_a_tag_are_both_named() -> None:
    run, _ = _run(Exchange(NEW, THEIRS, _key("more", OTHER), _key("odd", "nobody")), REPLACED)
    (line,) = _failed(run)
    assert "odd of account tradepulse-prod at exchange is live with the name of no declaration" in line
    assert f"2 keys of account tradepulse-prod at exchange are live with the tag {OTHER} (theirs, more)" in line


def test_a_secret_that_is_rotated_by_hand_has_keys_of_its_own_there() -> None:
    estate = load()
    at = next(s.upstream for s in estate.secrets if s.name == NAME)
    assert at is not None
    by_hand = replace(next(s for s in estate.secrets if s.name == "partner-api-key"), upstream=at)
    estate = replace(estate, secrets=(*(s for s in estate.secrets if s.name != by_hand.name), by_hand))
    keys = [_key("theirs", by_hand.name), THEIRS]
    assert upstream.strange(keys, at, estate, affected(estate, (LEAKED,))) == ""
    more = [*keys, _key("more", by_hand.name)]
    assert f"live with the tag {by_hand.name} (theirs, more)" in upstream.strange(
        more, at, estate, affected(estate, (LEAKED,))
    )
    both = replace(LEAKED, scope=Scope(False, (ITEM, f"secret:{by_hand.name}")))
    assert "(theirs, more)" in upstream.strange(more, at, estate, affected(estate, (both,))), "nobody disables them"


def test_of_a_secret_that_leaked_too_nobody_is_told_to_name_it() -> None:
    """The preview looks before anything is disabled."""
    keys, exchange = (NEW, LATER, THEIRS, _key("more", OTHER)), Exchange()
    run, _ = _run(exchange, replace(LEAKED, scope=Scope(False, (ITEM, f"secret:{OTHER}"))))
    exchange.held = {k.id: k for k in keys}
    assert [upstream.by_hand(run, p, at) for p, at in upstream.issued(run.affected)] == ["", ""]
