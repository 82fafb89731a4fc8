"""What is declared nowhere: start from exactly what is declared, add one thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment import names
from containment.compiled import operators
from containment.ports import WorkflowToken
from containment.repository import RULESET, RULESETS, BranchRule, Demands, settings
from policies.load import load
from policies.model import AuthMethod, CiRole, DatabaseSecret, Protection, Repository, Workload
from rotation.drift.unmanaged import RepositoryHolds, VaultHolds, in_vault, on_repository, secrets_of

ESTATE = load()
IDENTITIES: list[Workload | CiRole] = [*ESTATE.workloads, *ESTATE.ci_roles]
DATABASES = [m.name for m in ESTATE.mounts if m.type == "database"]
EXACT = VaultHolds(
    policies=(
        *("default", "root", names.GATE, names.QUARANTINE, *operators.POLICIES),
        *(names.own_policy(i) for i in IDENTITIES),
    ),
    mounts={**{m.name: m.type for m in ESTATE.mounts}, "portcullis": "kv", "sys": "system", "identity": "identity"},
    methods={"approle": "approle", "jwt": "jwt", "token": "token"},
    auth_roles={
        "approle": tuple(w.name for w in ESTATE.workloads if w.auth is AuthMethod.APPROLE),
        "jwt": tuple(w.name for w in ESTATE.workloads if w.auth is AuthMethod.JWT)
        + tuple(c.name for c in ESTATE.ci_roles),
        "token": (
            names.PROBE_ROLE,
            names.APPLY_ROLE,
            *(names.issue_role(i) for i in IDENTITIES if operators.issuable(i)),
        ),
    },
    database_roles={
        m: tuple(s.secret.role for s in ESTATE.secrets if isinstance(s.secret, DatabaseSecret) and s.secret.mount == m)
        for m in DATABASES
    },
    connections={m: tuple(c.name for c in ESTATE.connections if c.mount == m) for m in DATABASES},
    entity_policies={"entity_1": ()},
    groups=(),
)


def test_what_is_declared_is_no_drift() -> None:
    assert in_vault(EXACT, ESTATE) == []


@pytest.mark.parametrize(
    ("holds", "named"),
    [
        (replace(EXACT, policies=(*EXACT.policies, "pc-w-nobody")), "policy pc-w-nobody"),
        (replace(EXACT, mounts={**EXACT.mounts, "x": "ssh"}), "mount x"),
        (replace(EXACT, methods={**EXACT.methods, "userpass": "userpass"}), "auth method userpass"),
        (replace(EXACT, auth_roles={**EXACT.auth_roles, "approle": ("x",)}), "auth role approle x"),
        (replace(EXACT, auth_roles={**EXACT.auth_roles, "approle": ("cicd",)}), "auth role approle cicd"),
        (replace(EXACT, auth_roles={**EXACT.auth_roles, "token": ("x",)}), "auth role token x"),
        (replace(EXACT, database_roles={"database": ("x",)}), "database role database x"),
        (replace(EXACT, entity_policies={"entity_1": ("x",)}), "entity policy x on entity_1"),
        (replace(EXACT, groups=("x",)), "identity group x"),
        (replace(EXACT, connections={"database": ("x",)}), "database connection database x"),
    ],
)
def test_one_thing_more(holds: VaultHolds, named: str) -> None:
    assert [str(u) for u in in_vault(holds, ESTATE)] == [named]


def test_the_login_role_that_a_workload_had_before_its_method_was_changed() -> None:
    (one, *others) = (w for w in ESTATE.workloads if w.auth is AuthMethod.APPROLE)
    by_jwt = replace(one, auth=AuthMethod.JWT)
    rest = tuple(w for w in ESTATE.workloads if w.name != one.name)
    roles = {**EXACT.auth_roles, "jwt": (*EXACT.auth_roles["jwt"], one.name)}
    found = in_vault(replace(EXACT, auth_roles=roles), replace(ESTATE, workloads=(by_jwt, *rest)))
    assert others
    assert [str(u) for u in found] == [f"auth role approle {one.name}"]


def _exact(repository: Repository) -> RepositoryHolds:
    return RepositoryHolds(settings(repository, False).branches, tuple(RULESETS.values()), repository.deploy_keys)


def test_repository() -> None:
    repository = next(r for r in ESTATE.repositories if r.deploy_keys)
    exact = _exact(repository)
    more_rules = (*exact.rules, replace(exact.rules[0], pattern="x"))
    assert on_repository(exact, repository) == []
    for more, kind in (
        (replace(exact, rules=more_rules), "branch protection"),
        (replace(exact, rulesets=(*exact.rulesets, RULESET)), "ruleset"),
        (replace(exact, deploy_keys=(*exact.deploy_keys, "x")), "deploy key"),
        (replace(exact, deploy_keys=exact.deploy_keys * 2), "deploy key"),
        (replace(exact, token=WorkflowToken(False, True).words), "workflow permission"),
        (replace(exact, rules=(replace(exact.rules[0], around=("its deletion",)), *exact.rules[1:])), "way around"),
    ):
        assert [u.kind for u in on_repository(more, repository)] == [kind]
    named = replace(repository, rulesets=("theirs",))
    assert on_repository(replace(exact, rulesets=(*exact.rulesets, "theirs")), named) == []


def _with(exact: RepositoryHolds, pattern: str, demands: Demands) -> RepositoryHolds:
    def asked(rule: BranchRule) -> BranchRule:
        return replace(rule, demands=demands) if rule.pattern == pattern else rule

    return replace(exact, rules=tuple(map(asked, exact.rules)))


def test_what_keeps_merges_out_of_the_control_repository_is_named() -> None:
    control = replace(next(r for r in ESTATE.repositories if r.control), protection=Protection())
    theirs = Demands(("never-reports", "tests"), code_owners=True, last_push=True, signatures=True)
    exact = _exact(control)
    assert on_repository(exact, control) == []
    for pattern in ("main", "incident/*"):
        assert [str(u) for u in on_repository(_with(exact, pattern, theirs), control)] == [
            f"demand {control.name} {pattern}: approval of the last push",
            f"demand {control.name} {pattern}: check never-reports",
            f"demand {control.name} {pattern}: check tests",
            f"demand {control.name} {pattern}: code owners' reviews",
        ]
    declared = replace(
        control,
        protection=Protection(required_checks=theirs.checks, code_owner_reviews=True, last_push_approval=True),
    )
    assert on_repository(_with(exact, "main", theirs), declared) == [], "signatures cannot be declared"
    other = next(r for r in ESTATE.repositories if not r.control)
    assert on_repository(_with(_exact(other), "main", theirs), other) == [], "no merge is waited for there"


def test_an_actions_secret_that_no_declaration_knows() -> None:
    core = next(r for r in ESTATE.repositories if r.actions_secrets)
    known = [copy.name for copy in core.actions_secrets]
    assert secrets_of([name.upper() for name in known], core) == []
    left = replace(core, actions_secrets=())
    assert [str(u) for u in secrets_of(known, left)] == [
        f"actions secret {core.name}: {name}" for name in sorted(known)
    ]
    assert secrets_of([], core) == []
    others = replace(core, other_secrets=("NPM_TOKEN",))
    assert secrets_of([*known, "npm_token"], others) == []
    assert [str(u) for u in secrets_of(["npm_token"], core)] == [f"actions secret {core.name}: npm_token"]
