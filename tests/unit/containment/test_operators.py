"""Whoever writes policies makes no token, by the texts; `tests/integration/test_escalation.py` tries it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from containment import names
from containment.compiled import locked, operators
from containment.compiled.hcl import hcl
from policies.load import load
from policies.model import AuthMethod

ESTATE = load()
POLICIES = {
    operators.OPERATOR: operators.operator_policy(ESTATE),
    operators.CONTAINMENT: operators.containment_policy(ESTATE),
    operators.PROBER: operators.prober_policy(),
    operators.APPROVER: operators.approver_policy(),
    operators.ROTATOR: operators.rotator_policy(ESTATE),
    operators.DRIFT: operators.drift_policy(ESTATE),
    operators.BREAK_GLASS: hcl(json.loads(operators.break_glass_policy())["path"]),
}
SETS = {"create", "update"}
BOTH = {operators.OPERATOR: {"writes"}, operators.CONTAINMENT: {"writes"}, operators.PROBER: {"makes"}}
BOTH |= {operators.APPROVER: {"makes"}}
BOTH |= {operators.ROTATOR: {"makes"}, operators.DRIFT: set(), operators.BREAK_GLASS: {"writes", "makes"}}


def _does(text: str) -> set[str]:
    found = set()
    for path, capabilities in re.findall(r'^path "(.*)" \{\n  capabilities = (.*)$', text, re.MULTILINE):
        if SETS & set(json.loads(capabilities)):
            if path.startswith("sys/policies/"):
                found.add("writes")
            if path == "auth/*" or path.startswith("auth/token/create") or re.search(r"secret-id/?$", path):
                found.add("makes")
    return found


@pytest.mark.parametrize("name", operators.POLICIES)
def test_only_break_glass_writes_policies_and_makes_tokens(name: str) -> None:
    assert _does(POLICIES[name]) == BOTH[name]


@pytest.mark.parametrize("name", [operators.OPERATOR, operators.CONTAINMENT, operators.DRIFT])
def test_who_looks_lists_the_audit_devices_and_changes_none(name: str) -> None:
    """The server lists them to sudo alone. An apply keeps what it saw with the token that contains."""
    rules = operators.keepers(ESTATE)[name]
    assert rules["sys/audit"] == {"capabilities": ["read", "sudo"]}
    assert not [path for path in rules if path.startswith("sys/audit/")]


def test_a_claim_cannot_break_out_of_its_string() -> None:
    claim = 'a"}\n${x}'
    text = hcl({"p": {"capabilities": ["read"], "allowed_parameters": {"c": [{"k": claim}, [claim], True]}}})
    literal = '"a\\"}\\n\\u0024{x}"'
    assert f'    c = [{{"k" = {literal}}}, [{literal}], true]' in text


def test_the_products_own_identities_are_these_and_no_others() -> None:
    assert set(operators.POLICIES) == names.KEEPERS
    assert names.past_the_gate(["portcullis-dashboard"]), "somebody else's, whatever it is called"


def test_the_rules_of_who_looks_for_drift_are_few_however_much_is_declared() -> None:
    """The server takes its time for each request by the number of rules, and drift reads every role."""
    (one, *_) = ESTATE.workloads
    many = replace(ESTATE, workloads=(*ESTATE.workloads, *(replace(one, name=f"more-{n}") for n in range(100))))
    assert len(operators.keepers(many)[operators.DRIFT]) == len(operators.keepers(ESTATE)[operators.DRIFT]) < 100


def test_a_login_role_that_is_declared_no_longer_the_operator_may_delete_and_bind_to_nobody() -> None:
    """An administrator's part that comes before the update names it no more. The product's own logins stay."""
    (one, other) = (next(w for w in ESTATE.workloads if w.auth is method) for method in AuthMethod)
    paths = operators.keepers(replace(ESTATE, workloads=(one, other)))[operators.OPERATOR]
    for method in ("approle", "jwt"):
        rule = paths[f"auth/{method}/role/+"]
        assert rule["capabilities"] == ["read", "update", "delete"], "it makes none"
        assert (
            not {"token_policies", "policies", "bind_secret_id", "bound_audiences"} & rule["allowed_parameters"].keys()
        )
    assert paths["auth/jwt/role/+"]["allowed_parameters"]["bound_claims"][0] == locked.OFF_CLAIMS
    for name in operators.POLICIES:
        assert paths[f"auth/jwt/role/{name}"]["capabilities"] == ["read", "update"], "a job's of the product's own"
    assert "delete" in paths[names.login_role(one)]["capabilities"]
    contains = operators.keepers(ESTATE)[operators.CONTAINMENT]
    assert not [path for path, rule in contains.items() if "/role/" in path and "delete" in rule["capabilities"]]


def test_nobody_but_break_glass_deletes_a_mount() -> None:
    """Every value in it goes with it."""
    may = {
        name
        for name, rules in operators.keepers(ESTATE).items()
        for path, rule in rules.items()
        if path.startswith("sys/mounts") and "delete" in rule["capabilities"]
    }
    assert may == {operators.BREAK_GLASS}
