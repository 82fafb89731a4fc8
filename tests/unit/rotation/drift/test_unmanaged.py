"""What is declared nowhere: start from exactly what is declared, add one thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment import names, operators
from containment.repository import RULESET, RULESETS, settings
from policies.load import load
from policies.model import AuthMethod, CiRole, DatabaseSecret, Workload
from rotation.drift.unmanaged import RepositoryHolds, VaultHolds, in_vault, on_repository

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


def test_repository() -> None:
    repository = next(r for r in ESTATE.repositories if r.deploy_keys)
    patterns = tuple(rule.pattern for rule in settings(repository, locked=False).branches)
    exact = RepositoryHolds(patterns, tuple(RULESETS.values()), repository.deploy_keys)
    assert on_repository(exact, repository) == []
    for more, kind in (
        (replace(exact, patterns=(*patterns, "x")), "branch protection"),
        (replace(exact, rulesets=(*exact.rulesets, RULESET)), "ruleset"),
        (replace(exact, deploy_keys=(*exact.deploy_keys, "x")), "deploy key"),
        (replace(exact, deploy_keys=exact.deploy_keys * 2), "deploy key"),
    ):
        assert [u.kind for u in on_repository(more, repository)] == [kind]
    named = replace(repository, rulesets=("theirs",))
    assert on_repository(replace(exact, rulesets=(*exact.rulesets, "theirs")), named) == []
