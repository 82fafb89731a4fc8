"""What a policy of others grants of what leaked; `tests/integration/test_foreign_policies.py` asks the server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from access import served
from access.policy import parse
from access.rule import Policy
from access.template import Alias, Entity
from containment import names
from containment.compiled import gate
from containment.effects import foreign
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.undeclared.foreign import granted, near
from policies.load import load

PATH = "secret/data/partners/api"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEAM = Entity("1", "ada", {"team": "partners"}, (Alias("acc", "partners"),))
OTHER = Entity("2", "bob", {"team": "elsewhere"})
ALIAS = "secret/data/{{identity.entity.aliases.acc.name}}/api"


def _policy(*rules: tuple[str, str]) -> Policy:
    text = json.dumps({"path": {path: {"capabilities": can.split()} for path, can in rules}})
    return parse(text, "legacy", name="legacy")


@pytest.mark.parametrize(
    ("path", "capabilities", "reaches"),
    [
        ("secret/data/partners/*", "read", True),
        ("secret/data/+/api", "update", True),
        ("*", "list", True),
        ("*", "sudo", False),
        (f"{PATH}", "patch", True),
        ("secret/data/{{identity.entity.name}}/api", "read", True),
        ("secret/{{identity.entity.metadata.where}}*", "read", True),
        ("secret/data/{{identity.entity.name}}/other", "read", False),
        ("secret/data/{{identity.entity.name}}/api", "deny", False),
        (PATH, "deny", False),
        ("secret/data/partners", "read", False),
        ("secret/data/elsewhere/*", "read", False),
    ],
)
def test_what_a_rule_reaches_when_a_template_may_stand_for_anything(
    path: str, capabilities: str, reaches: bool
) -> None:
    assert bool(granted(_policy((path, capabilities)), [PATH], None)) is reaches


@pytest.mark.parametrize(
    ("path", "entities", "to"),
    [
        ("secret/data/{{identity.entity.metadata.team}}/*", (TEAM, OTHER), ("ada",)),
        ("secret/data/{{identity.entity.metadata.team}}/*", (OTHER,), None),
        ("secret/data/{{identity.entity.id}}/*", (TEAM, OTHER), None),
        ("secret/data/partners/*", (TEAM,), ()),
        (ALIAS, (OTHER,), ()),  # the next login may have that name
    ],
)
def test_a_template_stands_for_what_entities_have(
    path: str, entities: tuple[Entity, ...], to: tuple[str, ...] | None
) -> None:
    found = granted(_policy((path, "read")), [PATH], entities)
    assert (found.to if found else None) == to


def test_a_denied_path_is_granted_still_under_its_other_spelling() -> None:
    (secret,) = [s for s in load().secrets if s.name == "partner-api-key"]
    paths = sorted(names.denied_paths(secret))
    six = [(path, "deny") for path in names.exact_paths(secret)]
    found = granted(_policy(("secret/*", "delete read"), *six), paths, ())
    assert found
    assert found.capabilities.keys() == {"secret/data/partners/api/", "secret/metadata/partners/api/"}
    assert granted(_policy(("secret/*", "delete read"), *((path, "deny") for path in paths)), paths, ()) is None


def test_the_gates_rules_are_what_takes_a_grant_out() -> None:
    estate = load()
    incident = Incident("I", Scope(everything=False, leaked=("secret:partner-api-key",)), State.OPEN, opened_at=0)
    closed = affected(estate, [incident])
    paths = sorted(path for s in closed.denied for path in names.denied_paths(s))
    gated = json.loads(gate.gate(closed))
    gated["path"]["secret/*"] = {"capabilities": ["read", "delete"]}
    assert paths
    assert granted(parse(json.dumps(gated), "x"), paths, ()) is None


@pytest.mark.parametrize(
    ("rules", "administrators"),
    [
        ([("*", "create read update")], True),
        ([("*", "read"), ("sys/policies/acl/*", "update")], True),
        ([("*", "read"), ("sys/policies/acl/*", "read")], False),
        ([("*", "update"), ("sys/policies/acl/pc-*", "deny"), ("sys/policy/*", "deny")], False),
    ],
)
def test_who_may_write_the_gate_is_an_administrator(rules: list[tuple[str, str]], administrators: bool) -> None:
    found = granted(_policy(*rules), [PATH], ())
    assert found
    assert found.administrators is administrators


def test_who_may_write_the_gate_under_a_condition_is_none() -> None:
    text = json.dumps(
        {
            "path": {
                "*": {"capabilities": ["read"]},
                "sys/policies/acl/*": {"capabilities": ["update"], "allowed_parameters": {"policy": ["x"]}},
            }
        }
    )
    found = granted(parse(text, "x"), [PATH], ())
    assert found
    assert not found.administrators


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a/b", ["a/b", "a/b/"]),
        ("a/b*", ["a/b", "a/b-c", "a/b/"]),
        ("+/b", ["a/b", "a/b-c", "a/b/", "b"]),
        ("c", []),
    ],
)
def test_only_near_paths_are_asked_about(path: str, found: list[str]) -> None:
    assert near(_policy((path, "read")), ["a/b", "a/b-c", "a/b/", "b"]) == found


def test_what_has_expired_grants_nothing() -> None:
    rule = {"capabilities": ["read"], "expiration": "2025-01-01T00:00:00Z"}
    answer = {"name": "x", "policy": json.dumps({"path": {PATH: rule, "secret/data/elsewhere": {**rule}}})}
    policy = served.policy(answer, "x", "x", NOW)
    assert policy
    assert granted(policy, [PATH], ()) is None
    late = served.policy(answer, "x", "x", datetime(2024, 1, 1, tzinfo=UTC))
    assert late
    assert granted(late, [PATH], ())
    assert served.policy({**answer, "expiration": "2025-01-01T00:00:00Z"}, "x", "x", NOW) is None


class Server:
    """Each policy grants the same."""

    def __init__(self, *policies: str) -> None:
        self.policies = policies

    def keys(self, path: str) -> list[str]:
        assert path == names.POLICIES
        return list(self.policies)

    def read(self, path: str) -> dict[str, Any]:
        text = json.dumps({"path": {PATH: {"capabilities": ["read"]}}})
        return {"name": path.removeprefix(f"{names.POLICIES}/"), "policy": text}

    def capabilities(self, paths: list[str]) -> dict[str, frozenset[str]]:
        return dict.fromkeys(paths, frozenset({"root"}))

    def now(self) -> int:
        return int(NOW.timestamp())


@pytest.mark.parametrize("name", ["root", "portcullis-break-glass", "pc-gate", "pc-w-settlement", "pc-ci-cicd"])
def test_what_is_the_products_or_roots_is_nobody_elses(name: str) -> None:
    assert _granting(name) == []


@pytest.mark.parametrize(
    "name", ["legacy", "default", "pc-tmp-debug", "pc-w-former", "pc-ci-former", "pc-b-settlement-0", "pc-quarantine"]
)
def test_whatever_else_grants_it_is_judged_and_what_is_called_like_the_products_too(name: str) -> None:
    assert _granting(name) == [f'policy {name} grants read on {PATH} by path "{PATH}"']


def _granting(name: str) -> list[str]:
    server: Any = Server(name)
    return foreign.granting(server, [PATH], load())
