"""The difference of two sets of policies against the answers of each, path by path."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.acl import Acl, Operation
from access.difference import Difference, differences
from access.index import Beginnings
from access.overlap import overlap
from access.pattern import Pattern
from access.policy import parse
from access.rule import DENIED, Capability, Policy, Rule
from policies.errors import InputError

_PATTERNS = [
    head + tail
    for words, count in ((("a", "ab", "+", "a+"), 1), (("a", "+", "b"), 2), (("a", "+"), 3))
    for head in map("/".join, product(words, repeat=count))
    for tail in ("", "/", "*", "/*")
    if "+*" not in head + tail
]
_PATHS = ["/".join(p) for count in (1, 2, 3, 4) for p in product(["a", "b", "ab", "q", ""], repeat=count) if p[0]]
_RULE = st.tuples(st.sampled_from(_PATTERNS), st.sampled_from(["", "read", "update", "list", "read list sudo", "deny"]))


def _acl(rules: list[tuple[str, str]]) -> Acl:
    made = (Rule(p, frozenset(map(Capability, words.split())), "p", "p.hcl", n) for n, (p, words) in enumerate(rules))
    return Acl([Policy("p", tuple(made), "p.hcl")])


@st.composite
def _pair(draw: st.DrawFn) -> tuple[Acl, Acl]:
    """Mostly the same rules, as a change has it."""
    same = draw(st.lists(_RULE, max_size=4))
    return _acl(same + draw(st.lists(_RULE, max_size=2))), _acl(same + draw(st.lists(_RULE, max_size=2)))


def _held(acl: Acl, path: str) -> tuple[frozenset[str], frozenset[str]]:
    asked, listed = acl.grant(Operation.READ, path), acl.grant(Operation.LIST, path)
    return (
        frozenset((asked.capabilities if asked else frozenset()) - DENIED - {"list", "scan"}),
        frozenset((listed.capabilities if listed else frozenset()) - DENIED) & {"list", "scan", "sudo"},
    )


def _said(found: list[Difference], before: Acl, after: Acl, path: str, listing: bool) -> Difference | None:
    operation = Operation.LIST if listing else Operation.READ
    was, now = before.grant(operation, path), after.grant(operation, path)
    key = (was.pattern if was else None, now.pattern if now else None)
    return next((d for d in found if (d.region.before, d.region.after, d.region.listing) == (*key, listing)), None)


@settings(max_examples=300, deadline=None)
@given(_pair())
def test_every_path_is_told_and_none_wrongly(pair: tuple[Acl, Acl]) -> None:
    before, after = pair
    found = differences(before, after)
    for path in _PATHS:
        (asked, listed), (asks, lists) = _held(before, path), _held(after, path)
        said = _said(found, before, after, path, listing=False)
        assert (said.gained, said.lost) == (asks - asked, asked - asks) if said else asks == asked, path
        said = _said(found, before, after, path, listing=True)
        if said:
            assert (said.gained, said.lost) == (lists - listed, listed - lists), path
        else:
            assert (lists ^ listed) <= {"sudo"}, path


@settings(max_examples=200, deadline=None)
@given(_pair())
def test_every_witness_shows_it(pair: tuple[Acl, Acl]) -> None:
    before, after = pair
    for one in differences(before, after):
        (asked, listed), (asks, lists) = _held(before, one.witness), _held(after, one.witness)
        was, now = (listed, lists) if one.region.listing else (asked, asks)
        assert (one.gained, one.lost) == (now - was, was - now)


def _of(text: str) -> Acl:
    return Acl([parse(text, "p.hcl")])


def test_a_plus_within_a_segment_is_a_plain_character() -> None:
    before = _of('path "secret/data/*" { capabilities = ["read"] }')
    after = _of('path "secret/data/team-+/*" { capabilities = ["read"] }')
    (one,) = differences(before, after)
    assert (one.paths, set(one.lost), set(one.gained)) == ("secret/data/*", {"read"}, set())
    assert [p.text for p in one.but] == ["secret/data/team-+/*"]
    assert one.witness == "secret/data/x"


def test_a_more_specific_rule_that_goes_gives_what_it_hid() -> None:
    text = 'path "secret/*" { capabilities = ["read"] }\n'
    (one,) = differences(_of(text + 'path "secret/data/x" { capabilities = ["deny"] }'), _of(text))
    assert (one.witness, set(one.gained), one.paths) == ("secret/data/x", {"read"}, "secret/data/x")


def test_the_same_in_other_words_is_no_difference() -> None:
    one = _of('path "a" { policy = "read" }\npath "b" { capabilities = ["deny", "read"] }')
    two = _of(
        'path "b" { capabilities = ["deny"] }\n'
        'path "a" { capabilities = ["list"] }\n'
        'path "a" { capabilities = ["read"] }'
    )
    assert differences(one, two) == []


def test_what_must_be_met_beside_it() -> None:
    free = _of('path "a" { capabilities = ["update"] }')
    bound = _of('path "a" { capabilities = ["update"]\n allowed_parameters = { "x" = [1, 2] } }')
    tighter = _of('path "a" { capabilities = ["update"]\n allowed_parameters = { "x" = [1] } }')
    (one,) = differences(bound, free)
    assert (one.loosened, one.tightened, one.widens) == (True, False, True)
    (one,) = differences(bound, tighter)
    assert (one.loosened, one.tightened) == (False, True)


def test_of_many_that_win_over_a_region_a_few_are_told() -> None:
    rules = [(f"secret/{n:03d}", "deny") for n in range(100)] + [("secret/1*", "deny")]
    (one,) = differences(_acl(rules), _acl([*rules, ("secret/*", "read")]))
    assert (len(one.but), one.more, one.but[0].text) == (20, True, "secret/1*")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_PATTERNS), unique=True), st.sampled_from(_PATTERNS))
def test_no_pattern_that_overlaps_is_passed_over(texts: list[str], text: str) -> None:
    patterns, one = [Pattern.of(t) for t in texts], Pattern.of(text)
    near = Beginnings(patterns).near(one)
    assert [p for p in near if overlap(p, one)] == [p for p in patterns if overlap(p, one)]


def test_of_many_patterns_few_are_near() -> None:
    patterns = [Pattern.of(f"secret/data/{n:04d}/+") for n in range(1000)]
    assert Beginnings(patterns).near(Pattern.of("secret/data/0007/*")) == [patterns[7]]


def test_what_would_take_hours_is_refused() -> None:
    before, after = ([(f"+/{n}/a*", "read") for n in range(first, first + 600)] for first in (0, 600))
    with pytest.raises(InputError, match=r"more than 250,000 pairs of patterns with wildcards .*: compare fewer"):
        differences(_acl(before), _acl(after))


def test_a_path_of_thousands_of_segments_is_refused() -> None:
    with pytest.raises(InputError, match="a path of 10001 segments: no more than 198 are compared"):
        differences(_acl([("a*", "read")]), _acl([("a/" * 10_000 + "*", "read")]))
