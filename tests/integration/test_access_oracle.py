"""A real server as the oracle of the access model, and wrong models that it must catch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import access.acl
from access.acl import Acl, Grant, Operation
from access.index import Index
from access.pattern import Pattern, Priority
from access.rule import Capability
from bench import access_oracle, access_requests
from bench.server import fresh
from sandbox.services.openbao import OpenBao

RIGHT: Callable[[Pattern], Priority] = vars(Pattern)["priority"].fget
ENOUGH = 20
REQUESTS = access_requests.REQUESTS


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with fresh() as made:
        yield made


def _without(place: int) -> Callable[[pytest.MonkeyPatch], None]:
    """The priority without what stands in one place of it; the alphabet backwards, as the index begins with its end."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        def wrong(self: Pattern) -> tuple[object, ...]:
            instead = 0 if place < 4 else [-ord(char) for char in self.head]
            return (*RIGHT(self)[:place], instead, *RIGHT(self)[place + 1 :])

        monkeypatch.setattr(Pattern, "priority", property(wrong))

    return plant


def _prefix_first(monkeypatch: pytest.MonkeyPatch) -> None:
    best = Index.best
    monkeypatch.setattr(Index, "best", lambda self, path: self._longest(path) or best(self, path))


def _winner(listing: bool) -> Callable[[pytest.MonkeyPatch], None]:
    right = Acl._winner
    return lambda m: m.setattr(Acl, "_winner", lambda self, path, **_: right(self, path, listing=listing))


def _deny_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Grant) -> frozenset[Capability]:
        together = frozenset[Capability]().union(*(rule.capabilities for rule in self.rules))
        return together - {Capability.DENY} or together

    monkeypatch.setattr(Grant, "capabilities", property(wrong))


def _empty_is_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Acl._in_force
    monkeypatch.setattr(Acl, "_in_force", lambda self, *a: (r for r in right(self, *a) if r.capabilities))


PLANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "where the first wildcard is": _without(0),
    "a star at the end is lower": _without(1),
    "fewer segments win": _without(2),
    "the longer wins": _without(3),
    "the alphabet decides": _without(4),
    "a prefix before a segment": _prefix_first,
    "a slash at the end means nothing": _winner(listing=False),
    "another's capabilities outlive a deny": _deny_adds,
    "no capability is no rule": _empty_is_no_rule,
}


def test_model_and_server_agree(bao: OpenBao) -> None:
    pairs, differing = access_oracle.compare(bao, seed=7, sets=60)
    assert pairs > 3000
    assert not differing


@pytest.mark.parametrize("planted", PLANTS)
def test_a_wrong_model_is_caught(bao: OpenBao, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    PLANTS[planted](monkeypatch)
    assert len(access_oracle.compare(bao, seed=7, sets=60)[1]) >= ENOUGH


def test_model_and_requests_agree(bao: OpenBao) -> None:
    made, granted, differing = access_requests.compare(bao, seed=7, sets=20)
    assert made - granted > 500
    assert granted > 100
    assert not differing


WRONG_REQUESTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a listing is asked without its slash": lambda m: m.setattr(access.acl, "_LISTINGS", ()),
    "all is asked as a listing": lambda m: m.setattr(access.acl, "_LISTINGS", tuple(Operation)),
    "to patch is to update": lambda m: m.setattr(
        access_requests, "REQUESTS", [(a, b, Operation.UPDATE if a == "PATCH" else c) for a, b, c in REQUESTS]
    ),
    "to write is to update": lambda m: m.setattr(
        access_requests, "REQUESTS", [(a, b, c or Operation.UPDATE) for a, b, c in REQUESTS]
    ),
}


@pytest.mark.parametrize("planted", WRONG_REQUESTS)
def test_a_wrong_request_is_caught(bao: OpenBao, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    WRONG_REQUESTS[planted](monkeypatch)
    assert access_requests.compare(bao, seed=7, sets=20)[2]
