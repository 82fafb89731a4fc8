"""The order between patterns and the joining of policies, case by case."""

from __future__ import annotations

import pytest

from access.acl import Acl, Operation
from access.errors import RefusedPolicyError
from access.policy import parse
from access.template import Entity


def _answer(text: str, path: str) -> list[str]:
    return sorted(Acl([parse(text, "p.hcl")]).capabilities(path))


def _rules(*pairs: tuple[str, str]) -> str:
    return "\n".join(f'path "{path}" {{ capabilities = ["{word}"] }}' for path, word in pairs)


@pytest.mark.parametrize(
    ("loser", "winner", "path"),
    [
        ("a/*", "a/b", "a/b"),
        ("a/*", "a/b*", "a/bc"),
        ("a/+/c", "a/b*", "a/b/c"),
        ("a/+/*", "a/*", "a/b/c"),
        ("a/*", "a/+", "a/b"),
        ("+/b/c", "a/+/c", "a/b/c"),
        ("a/+/+", "a/+/c", "a/b/c"),
    ],
)
def test_the_more_specific_wins_in_either_order(loser: str, winner: str, path: str) -> None:
    for pairs in ([(loser, "read"), (winner, "list")], [(winner, "list"), (loser, "read")]):
        assert _answer(_rules(*pairs), path) == ["list"]


def test_deny_wins_on_the_same_path_only() -> None:
    assert _answer(_rules(("a", "read"), ("a", "deny")), "a") == ["deny"]
    assert _answer(_rules(("a/*", "deny"), ("a/b", "read")), "a/b") == ["read"]


def test_no_capability_grants_nothing_and_still_wins() -> None:
    assert _answer('path "a" { capabilities = [] }\npath "*" { policy = "write" }', "a") == ["deny"]


def test_explanation_names_file_line_and_what_was_shadowed() -> None:
    told = Acl([parse("# first\n" + _rules(("a/*", "read"), ("a/b", "list")), "p.hcl")]).explain("a/b")
    assert [(r.source, r.line) for r in told.rules] == [("p.hcl", 3)]
    assert [s.rule.line for s in told.shadowed] == [2]


def test_template_is_filled_or_reported() -> None:
    policy = parse(_rules(("a/{{identity.entity.name}}", "read")), "p.hcl")
    assert Acl([policy], Entity("id", "bob")).allows(Operation.READ, "a/bob")
    assert [r.path for r in Acl([policy]).unresolved] == ["a/{{identity.entity.name}}"]


def test_a_value_with_a_slash_refuses_everything_and_is_named() -> None:
    policy = parse(_rules(("a/{{identity.entity.name}}", "read"), ("b", "read")), "p.hcl")
    acl = Acl([policy], Entity("id", "x/y"))
    assert not acl.allows(Operation.READ, "b")
    assert [rule.path for rule in acl.forbidden] == ["a/{{identity.entity.name}}"]


@pytest.mark.parametrize(
    "text", ["", 'path "a" { capabilities = ["x"] }', 'path "a+*" {}', 'paths "a" {}', 'path "a" {']
)
def test_what_the_server_refuses_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(RefusedPolicyError, match=r"^p\.hcl:1: "):
        parse(text, "p.hcl")
