"""Whole contents: what is wanted is no drift, in whatever order or shape; one thing more is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from access import default
from containment import names
from containment.compiled import gate, onboarding, operators
from policies.load import load
from rotation.drift import whole

ESTATE = load()
DEFAULT = json.dumps({"path": {path: {"capabilities": list(can)} for path, can in default.DEFAULT.items()}})


POLICIES = onboarding.policies(ESTATE)


def _with_one_more(text: str) -> str:
    if not text.startswith("{"):
        return f'{text}path "secret/*" {{ policy = "read" }}\n'
    return json.dumps({"path": {**json.loads(text)["path"], "secret/*": {"capabilities": ["read"]}}})


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_each_policy_as_it_is_written_and_with_a_rule_more(text: str) -> None:
    assert whole.policy({"policy": text}, text) == []
    assert whole.policy({"policy": f"{text}\n"}, text) == []
    assert whole.policy({"policy": _with_one_more(text)}, text) == ['"secret/*"']
    assert whole.policy(None, text) == ["is gone"]
    assert whole.policy({"policy": "path {"}, text)[0].startswith("is not read: ")


def test_a_remark_is_nothing_and_a_constraint_that_is_gone_is_named() -> None:
    text = operators.approver_policy()
    assert whole.policy({"policy": f"# ours\n{text}"}, text) == []
    constrained = text.replace("required_parameters", "mfa_methods")
    assert constrained != text
    assert whole.policy({"policy": constrained}, text) == ['"auth/token/create/pc-apply"']


def test_what_is_to_vanish_by_itself_is_named() -> None:
    ours = json.dumps({"path": {"a/b": {"capabilities": ["deny"]}}})
    ending = json.dumps({"path": {"a/b": {"capabilities": ["deny"], "expiration": "2020-01-01T00:00:00Z"}}})
    assert whole.policy({"policy": ours}, ours) == []
    assert whole.policy({"policy": ending}, ours) == ['"a/b"']
    expiring = {"policy": ours, "expiration": "2040-01-01T00:00:00Z"}
    assert whole.policy(expiring, ours) == whole.conditions(expiring) == ["expires"]


def test_so_is_what_refuses_the_next_write() -> None:
    held = {"policy": gate.open_policy(), "cas_required": True}
    assert whole.conditions(held) == ["cas_required"]
    assert whole.policy(held, '{"path":{"a":{"capabilities":["deny"]}}}') == [
        "cas_required",
        '"a"',
        '"sys/portcullis-none"',
    ]
    assert whole.conditions({"policy": "", "cas_required": False}) == whole.conditions(None) == []


def test_a_quarantine_that_denies_is_a_lock_downs_own() -> None:
    denying = '{"path":{"secret/data/a":{"capabilities":["deny"]}}}'
    assert whole.policy({"policy": denying}, gate.open_policy(), denies=True) == []
    assert whole.policy({"policy": denying}, gate.open_policy()) == ['"secret/data/a"', '"sys/portcullis-none"']
    both = '{"path":{"a":{"capabilities":["deny"]},"b":{"capabilities":["read"]}}}'
    assert whole.policy({"policy": both}, gate.open_policy(), denies=True) == ['"a"', '"b"', '"sys/portcullis-none"']


def test_many_rules_are_counted_and_none_breaks_a_line() -> None:
    many = {"path": {f"a{n}\n": {"capabilities": ["read"]} for n in range(9)}}
    found = whole.policy({"policy": json.dumps(many)}, gate.open_policy())
    assert found[0] == '"a0\\n"'
    assert found[-1] == "and 5 more"
    assert len(found) == 6


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, []),
        ({"secret/data/*": {"capabilities": ["read"]}}, ['"secret/data/*"']),
        ({"cubbyhole/*": {"capabilities": ["read", "sudo"]}}, ['"cubbyhole/*"']),
        ({"secret/data/*": {"capabilities": ["deny"]}}, []),
    ],
)
def test_default_beyond_the_servers_own_text(more: dict[str, Any], named: list[str]) -> None:
    paths = json.loads(DEFAULT)["path"]
    assert whole.default({"policy": json.dumps({"path": {**paths, **more}})}) == named


def test_default_narrowed_is_nobodys_loss_and_wildcards_in_it_are() -> None:
    assert whole.default({"policy": '{"path":{"cubbyhole/*":{"capabilities":["read"]}}}'}) == []
    held = {"policy": DEFAULT, "allow_wildcards_in_identity_templates": True}
    assert whole.default(held) == ["allow_wildcards_in_identity_templates"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, []),
        ({"allowed_policies_glob": ["*"]}, ["allowed_policies_glob"]),
        ({"allowed_policies": ["root"]}, ["allowed_policies"]),
        ({"orphan": False}, ["orphan"]),
        ({"token_period": 60, "path_suffix": "x"}, ["path_suffix", "token_period"]),
        ({"token_type": "batch"}, ["token_type"]),
        ({"token_bound_cidrs": ["10.0.0.0/8"], "disallowed_policies": ["root"]}, []),
    ],
)
def test_a_token_role(change: dict[str, Any], named: list[str]) -> None:
    wanted = onboarding.token_roles(ESTATE)[names.PROBE_ROLE]
    held = {"allowed_policies": [], "token_type": "default-service", "token_period": 0, "name": "pc-probe", **wanted}
    assert whole.values({**held, **change}, wanted, ("name",)) == named
    assert whole.values(None, wanted) == ["is gone"]
