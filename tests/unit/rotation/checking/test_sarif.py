"""SARIF by what the standard requires (2.1.0, sections 3.13 to 3.30) and what code scanning needs beyond it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.adapters.opa import Violation
from policies.rules import rules
from rotation.checking.sarif import sarif

FOUND = Violation("production/a.yaml", 4, "sharing", "critical", "n", "spec.grants[0]", "shared", "split it")


def _result(violation: Violation) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(sarif([violation], rules())))
    result: dict[str, Any] = document["runs"][0]["results"][0]
    return result


def test_a_document_without_results_is_whole() -> None:
    document = sarif([], rules())
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    run = document["runs"][0]
    assert run["results"] == []
    assert run["tool"]["driver"]["name"] == "portcullis"
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert 0 < float(rule["properties"]["security-severity"]) <= 10


def test_a_result_points_at_its_line_and_rule() -> None:
    document = sarif([FOUND], rules())
    result = document["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "production/a.yaml"}, "region": {"startLine": 4}}
    assert document["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "sharing"
    assert result["level"] == "error"
    assert result["message"]["text"] == "shared; split it"


def test_what_has_no_place_has_no_location() -> None:
    result = _result(Violation("(unknown)", 0, "shape", "critical", "", "", "no list", "ask whole"))
    assert result["locations"] == []


def test_an_unknown_rule_has_no_index() -> None:
    assert "ruleIndex" not in _result(Violation("a.yaml", 1, "new", "dire", "n", "", "m", "r"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[click](https://evil.example)", "\\\\[click\\\\](https://evil.example)"),
        ("{0}", "{{0}}"),
        ("\x1b[31m", "\\\\\\\\x1b\\\\[31m"),
        ("a\u202eb", "\\\\\\\\u202e"),
    ],
)
def test_a_message_is_no_link_no_placeholder_and_no_escape(text: str, shown: str) -> None:
    result = _result(Violation("a.yaml", 1, "sharing", "high", text, text, text, "r"))
    assert json.loads(f'"{shown}"') in result["message"]["text"]
    assert all(ord(c) >= 32 and c != "\u202e" for c in result["message"]["text"])
    assert all(ord(c) >= 32 for c in result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"])


def test_a_file_is_a_uri_whatever_it_is_called() -> None:
    result = _result(Violation("production/a b\n%.yaml", 1, "sharing", "high", "n", "", "m", "r"))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "production/a%20b%0A%25.yaml"
