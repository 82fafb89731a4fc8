"""The rules' METADATA is what is explained, documented and reported."""

from __future__ import annotations

import pytest

from policies.errors import InputError
from policies.plain import plain
from policies.rules import LOAD, find, metadata, rules
from rotation.checking.pages import FOLDER, pages


def test_each_rule_says_everything() -> None:
    assert len(rules()) > 15
    for rule in rules():
        assert all((rule.title, rule.description, rule.severity, rule.remedy, rule.reference)), rule.name


def test_the_pages_are_those_of_the_rules() -> None:
    """After a change of METADATA: `python -m rotation.checking.pages`."""
    assert {file.name: file.read_text() for file in FOLDER.glob("*.md")} == pages()


def test_a_rule_is_found_by_name() -> None:
    assert find("sharing").file == "portcullis/declaration/sharing/sharing.rego"
    assert find("load") == LOAD
    with pytest.raises(InputError, match="sharing"):
        find("nothing")


def test_what_has_no_metadata_is_an_error() -> None:
    with pytest.raises(InputError):
        metadata("package x\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb", "a\\u202eb"),
        ("two\nlines\u2028", "two\\nlines\\u2028"),
        ("\ud800", "\\ud800"),
        ("Ключ — é", "Ключ — é"),
    ],
)
def test_what_is_not_seen_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown
