"""In an incident no declaration goes, and no secret moves."""

from __future__ import annotations

from dataclasses import replace

from containment.opening import with_kept
from policies.load import load
from policies.model import Estate, KvSecret, Ttl

NAME = "exchange-trading-key"


def _without(estate: Estate, name: str) -> Estate:
    return replace(estate, secrets=tuple(s for s in estate.secrets if s.name != name))


def test_the_same_declarations_stay_as_they_are() -> None:
    assert with_kept(load(), load()) == load()


def test_a_missing_declaration_is_kept() -> None:
    last = load()
    kept = with_kept(_without(last, NAME), last)
    assert {s.name for s in kept.secrets} == {s.name for s in last.secrets}
    assert len(kept.secrets) == len(last.secrets)


def test_a_new_declaration_is_in_it() -> None:
    estate = load()
    assert with_kept(estate, _without(estate, NAME)) == estate


def test_a_secret_stays_where_it_lies_and_takes_the_rest_from_the_declaration() -> None:
    last = load()
    old = next(s for s in last.secrets if s.name == NAME)
    moved = replace(old, secret=KvSecret("secret", "somewhere/else"), ttl=Ttl(60, 120))
    estate = replace(last, secrets=tuple(moved if s.name == NAME else s for s in last.secrets))
    found = next(s for s in with_kept(estate, last).secrets if s.name == NAME)
    assert found == replace(moved, secret=old.secret)
