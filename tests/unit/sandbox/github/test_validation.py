"""Calls and answers held to GitHub's description."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox.doubles.github.app import find
from sandbox.doubles.github.validation import (
    OPERATIONS,
    accepted,
    fill_response,
    problems,
    request_problems,
    response_problems,
)

RULESET: dict[str, Any] = {"name": "lock", "enforcement": "active", "rules": [{"type": "update"}]}


def check(method: str, path: str, body: Any, query: dict[str, str] | None = None) -> list[str]:
    found = find(method, path)
    assert found is not None
    return request_problems(*found, query or {}, body)


def test_a_described_body_passes() -> None:
    assert check("POST", "/repos/o/r/rulesets", RULESET) == []


@pytest.mark.parametrize(
    "change",
    [{"bogus": 1}, {"enforcement": "sometimes"}, {"name": 7}, {"rules": [{"type": "invented"}]}],
)
def test_a_body_outside_the_description_is_named_without_its_values(change: dict[str, Any]) -> None:
    found = check("POST", "/repos/o/r/rulesets", RULESET | change)
    assert found
    assert "sometimes" not in str(found)


def test_missing_and_unexpected_bodies_and_queries() -> None:
    assert check("POST", "/repos/o/r/rulesets", None)
    assert check("DELETE", "/repos/o/r/rulesets/1", {"x": 1})
    assert check("GET", "/repos/o/r/rulesets", None, {"colour": "red"}) == ["query colour: not described"]


@pytest.mark.parametrize(
    ("place", "good", "wrong"),
    [
        ("/repos/o/r/actions/runs?status=", ["queued", "success"], ["no-such-status", ""]),
        ("/repos/o/r/actions/runs?per_page=", ["1", "100"], ["x", "0", "101", "1.0", "", "true"]),
        ("/repos/o/r/actions/runs?page=", ["1", "7"], ["-1", "x"]),
        ("/repos/o/r/branches?protected=", ["true", "false"], ["1", "yes"]),
        ("/repos/o/r/branches/", ["main", "1", "true"], []),
        ("/repos/o/r/pulls/", ["7"], ["seven", "1.0"]),
    ],
)
def test_a_query_and_a_path_are_held_by_value(place: str, good: list[str], wrong: list[str]) -> None:
    def said(value: str) -> list[str]:
        path, _, query = f"{place}{value}".partition("?")
        return check("GET", path, None, dict(parse_qsl(query, keep_blank_values=True)))

    assert [value for value in good if said(value)] == []
    assert [value for value in wrong if not said(value)] == []
    assert not any(value in str(said(value)) for value in wrong if len(value) > 4)


def test_unknown_routes_are_not_found() -> None:
    assert find("GET", "/repos/o/r/nothing") is None
    assert find("DELETE", "/meta") is None


def test_slashes_in_refs_and_escaped_branches() -> None:
    found = find("GET", "/repos/o/r/git/ref/heads/a/b")
    assert found is not None
    assert found[1]["ref"] == "heads/a/b"
    found = find("GET", "/repos/o/r/branches/a%2Fb/protection")
    assert found is not None
    assert found[1]["branch"] == "a/b"


def test_an_answer_is_completed_and_then_held() -> None:
    found = find("GET", "/repos/o/r/actions/permissions")
    assert found is not None
    assert response_problems(found[0], 200, fill_response(found[0], 200, {"enabled": True})) == []
    assert response_problems(found[0], 200, {"enabled": "yes"})
    assert response_problems(found[0], 200, {"enabled": True, "extra": 1})
    assert response_problems(found[0], 299, {})


def test_the_providers_known_departures_are_taken() -> None:
    found = find("PUT", "/repos/o/r/rulesets/1")
    assert found is not None
    assert accepted(found[0], RULESET | {"source": "o/r", "source_type": "Repository"}) == RULESET


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_served_operation_can_answer(operation: Any) -> None:
    """The emptiest body that the description allows is found for each, so that no route can only fail."""
    for status, schema in operation.responses.items():
        if schema is not None and status in ("200", "201") and "oneOf" not in schema:
            empty: Any = [] if schema.get("type") == "array" else {}
            assert problems(schema, fill_response(operation, int(status), empty)) == []
