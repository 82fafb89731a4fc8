"""What is read of a server's answers: names a login can have, globs of token roles, groups in statements."""

from __future__ import annotations

from typing import Any

import pytest

from access.policy import parse
from access.sources.engines import groups
from access.sources.logins import _claimed
from access.sources.reader import Reader
from access.sources.tokens import _allowed, _choices
from containment.compiled import operators
from policies.errors import Unreachable

POLICIES = {n: parse('path "a" { capabilities = ["read"] }', n, name=n) for n in ("default", "root", "app", "app-x")}


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ({"user_claim": "sub", "bound_subject": "a"}, {"a"}),
        ({"user_claim": "email", "bound_subject": "a"}, None),
        ({"user_claim": "sub", "bound_claims": {"sub": ["a", "b"]}}, {"a", "b"}),
        ({"user_claim": "sub", "bound_claims": {"sub": "a"}, "bound_claims_type": "glob"}, None),
        ({"user_claim": "sub", "bound_claims": {"repository": "a"}}, None),
        ({"user_claim": "sub", "bound_claims": None}, None),
    ],
)
def test_whom_a_jwt_role_lets_in(role: dict[str, Any], names: set[str] | None) -> None:
    assert _claimed(role) == names


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ({}, []),
        ({"allowed_policies": ["app", "gone", "root"]}, ["app"]),
        ({"allowed_policies_glob": ["app*"], "disallowed_policies": ["app-x"]}, ["app"]),
        ({"allowed_policies_glob": ["*"], "disallowed_policies_glob": ["app*"]}, ["default"]),
        ({"allowed_policies_glob": ["ap?", "[a]pp"]}, []),
    ],
)
def test_what_a_token_role_allows(role: dict[str, Any], allowed: list[str]) -> None:
    assert list(_allowed(role, POLICIES)) == allowed


def test_default_is_told_apart_only_where_it_meets_a_policy() -> None:
    apart = parse('path "b" { capabilities = ["read"] }', "apart", name="apart")
    met = [name for name, _ in _choices("r", {}, [POLICIES["app"], apart], POLICIES["default"])]
    assert met == ["app", "app, without default", "apart"]
    none = _choices("r", {"token_no_default_policy": True}, [POLICIES["app"]], POLICIES["default"])
    assert [(name, [a.policy.name for a in attached]) for name, attached in none] == [("app", ["app"])]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ('CREATE ROLE "{{name}}" LOGIN IN ROLE "readers"', ("readers",)),
        ('CREATE ROLE "{{name}}" in group readers, "b c";', ("readers", "b c")),
        ('GRANT readers, "writers" TO "{{name}}";', ("readers", "writers")),
        ('GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{{name}}"', ()),
        ('GRANT SELECT ON a TO "{{name}}"; GRANT readers TO "{{name}}"', ("readers",)),
    ],
)
def test_groups_of_statements(statement: str, found: tuple[str, ...]) -> None:
    assert groups([statement]) == found


class _Refuses:
    def now(self) -> int:
        return 1

    def read(self, path: str) -> dict[str, Any] | None:
        raise Unreachable(
            f"vault: read {path}: {'Forbidden: permission denied' if path == 'a' else 'InternalServerError: x'}"
        )


def test_what_is_refused_is_kept_with_a_remedy() -> None:
    reader = Reader(_Refuses())  # type: ignore[arg-type]
    assert (reader.read("b"), reader.read("a")) == ({}, {})
    assert reader.unread[0].startswith("a: refused")
    assert operators.DRIFT in reader.unread[0]
    assert "InternalServerError" in reader.unread[1]
