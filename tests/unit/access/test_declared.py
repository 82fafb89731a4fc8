"""Declarations as principals: the same policies that the servers are given, each rule with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from access.acl import Acl
from access.policy import parse
from access.questions import who
from access.rule import Capability, Policy
from access.snapshot import PrincipalKind
from access.sources import declared
from containment import names
from containment.compiled import gate, operators
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from policies.load import load
from policies.model import CiRole, Workload

ESTATE = load()
IDENTITIES: list[Workload | CiRole] = [*ESTATE.workloads, *ESTATE.ci_roles]
PEACE = affected(ESTATE, ())
KEY = next(s for s in ESTATE.secrets if s.name == "exchange-trading-key")


def _granted(policy: Policy) -> dict[str, frozenset[Capability]]:
    return {g.pattern.text: g.capabilities for g in Acl([policy]).grants}


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda i: i.name)
def test_an_identitys_policy_is_the_one_that_is_written(identity: Workload | CiRole) -> None:
    written = parse(gate.own_policy(identity, ESTATE, PEACE), "written")
    assert _granted(declared.own_policy(identity, ESTATE, PEACE)) == _granted(written)


def test_each_rule_is_where_the_grant_is_written() -> None:
    for identity in IDENTITIES:
        for rule in declared.own_policy(identity, ESTATE, PEACE).rules:
            if rule.source != declared.BY_PRODUCT:
                line = Path(rule.source).read_text().splitlines()[rule.line - 1]
                assert identity.name in line or isinstance(identity, CiRole), rule


def test_it_has_what_each_role_attaches_and_the_keepers() -> None:
    snapshot = declared.snapshot(ESTATE)
    found = {(p.kind, p.name): [a.policy.name for a in p.attached] for p in snapshot.principals}
    assert len(found) == len(snapshot.principals)
    for identity in IDENTITIES:
        kind = PrincipalKind.WORKLOAD if isinstance(identity, Workload) else PrincipalKind.CI_ROLE
        assert found[kind, identity.name] == names.token_policies(identity)
    assert {name for kind, name in found if kind is PrincipalKind.OPERATOR} == set(operators.POLICIES)


def test_a_grant_means_the_database_groups() -> None:
    target = declared.snapshot(ESTATE).target("database/creds/settlement-readonly")
    assert target is not None
    assert (target.groups, target.connection) == (("tradepulse_readonly",), "tradepulse")


def test_during_an_incident_what_leaked_is_out_of_reach() -> None:
    incident = Incident("INC-1", Scope(False, ("secret:exchange-trading-key",)), State.OPEN, opened_at=1)
    path = names.granted_path(KEY)
    before = {str(r.principal) for r in who(declared.snapshot(ESTATE), [path])}
    after = {str(r.principal) for r in who(declared.snapshot(ESTATE, affected(ESTATE, [incident])), [path])}
    assert "workload execution-engine" in before - after
    assert "operator portcullis-rotator" in after
