"""The decision over a pushed or merged ref: a base case that nothing refuses, then one thing changed at a time."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.doubles.github.protection import (
    Actor,
    BranchRule,
    Bypass,
    BypassActor,
    Change,
    Level,
    Ruleset,
    Update,
    Way,
    covers,
    decide,
    matching_rule,
)

WRITER = Actor(7, frozenset({70}), frozenset({"U_7", "T_70"}), Level.WRITE)
ADMIN = replace(WRITER, level=Level.ADMIN)
PUSH = Update("refs/heads/main", Change.UPDATE)
MERGE = replace(PUSH, way=Way.MERGE)
RULE = BranchRule("main")
RULESET = Ruleset("lock", True, "branch", ("~ALL",), (), frozenset())


def allowed(
    actor: Actor = WRITER, update: Update = PUSH, rule: BranchRule | None = None, ruleset: Ruleset | None = None
) -> bool:
    return decide(actor, update, "main", [rule] if rule else [], [ruleset] if ruleset else []).allowed


def test_nothing_in_force_lets_a_writer_push() -> None:
    assert allowed()
    assert allowed(rule=RULE, ruleset=RULESET)


def test_a_reader_never_pushes() -> None:
    assert decide(replace(WRITER, level=Level.READ), PUSH, "main", [], []).code == "403"


@pytest.mark.parametrize(
    ("changes", "update", "verdict"),
    [
        ({"lock_branch": True}, PUSH, False),
        ({"lock_branch": True}, replace(MERGE, approvals=9), False),
        ({"requires_reviews": True, "review_count": 1}, PUSH, False),
        ({"requires_reviews": True, "review_count": 1}, MERGE, False),
        ({"requires_reviews": True, "review_count": 1}, replace(MERGE, approvals=1), True),
        ({"requires_reviews": True, "bypass_pull_request_actors": frozenset({"T_70"})}, PUSH, True),
        ({"restricts_pushes": True}, PUSH, False),
        ({"restricts_pushes": True, "push_actors": frozenset({"U_7"})}, PUSH, True),
        ({"restricts_pushes": True, "blocks_creations": True}, replace(PUSH, change=Change.CREATE), False),
        ({"blocks_creations": True}, replace(PUSH, change=Change.CREATE), True),
        ({}, replace(PUSH, change=Change.FORCE), False),
        ({"allows_force_pushes": True}, replace(PUSH, change=Change.FORCE), True),
        ({"bypass_force_push_actors": frozenset({"U_7"})}, replace(PUSH, change=Change.FORCE), True),
        ({}, replace(PUSH, change=Change.DELETE), False),
        ({"allows_deletions": True}, replace(PUSH, change=Change.DELETE), True),
        ({"checks": frozenset({"ci"})}, PUSH, False),
        ({"checks": frozenset({"ci"})}, replace(PUSH, checks=frozenset({"ci"})), True),
        ({"requires_linear_history": True}, replace(MERGE, merge_commit=True), False),
    ],
)
def test_branch_protection(changes: dict[str, Any], update: Update, verdict: bool) -> None:
    assert allowed(update=update, rule=replace(RULE, **changes)) is verdict


def test_admins_pass_a_lock_only_when_it_is_not_enforced_for_them() -> None:
    locked = replace(RULE, lock_branch=True)
    assert allowed(ADMIN, rule=locked)
    assert not allowed(ADMIN, rule=replace(locked, is_admin_enforced=True))


def test_admins_cannot_force_a_protected_branch() -> None:
    assert not allowed(ADMIN, replace(PUSH, change=Change.FORCE), RULE)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("update", Change.UPDATE),
        ("update", Change.FORCE),
        ("creation", Change.CREATE),
        ("deletion", Change.DELETE),
        ("non_fast_forward", Change.FORCE),
        ("pull_request", Change.UPDATE),
    ],
)
def test_each_rule_refuses_its_change_to_administrators_too(rule: str, change: Change) -> None:
    ruleset = replace(RULESET, rules=frozenset({rule}))
    decision = decide(ADMIN, replace(PUSH, change=change), "main", [], [ruleset])
    assert decision.code == "GH013"
    assert allowed(ADMIN, replace(PUSH, change=change), ruleset=replace(ruleset, active=False))


@pytest.mark.parametrize(
    ("actor", "entry", "way", "verdict"),
    [
        (WRITER, BypassActor("User", 7, Bypass.ALWAYS), Way.PUSH, True),
        (WRITER, BypassActor("User", 8, Bypass.ALWAYS), Way.PUSH, False),
        (WRITER, BypassActor("Team", 70, Bypass.ALWAYS), Way.PUSH, True),
        (WRITER, BypassActor("Team", 70, Bypass.PULL_REQUEST), Way.PUSH, False),
        (WRITER, BypassActor("Team", 70, Bypass.PULL_REQUEST), Way.MERGE, True),
        (WRITER, BypassActor("RepositoryRole", 5, Bypass.ALWAYS), Way.PUSH, False),
        (ADMIN, BypassActor("RepositoryRole", 5, Bypass.ALWAYS), Way.PUSH, True),
        (ADMIN, BypassActor("OrganizationAdmin", 1, Bypass.ALWAYS), Way.PUSH, False),
        (replace(ADMIN, organization_admin=True), BypassActor("OrganizationAdmin", 1, Bypass.ALWAYS), Way.PUSH, True),
        (WRITER, BypassActor("DeployKey", None, Bypass.ALWAYS), Way.PUSH, False),
    ],
)
def test_bypass(actor: Actor, entry: BypassActor, way: Way, verdict: bool) -> None:
    ruleset = replace(RULESET, rules=frozenset({"update"}), bypass=(entry,))
    assert allowed(actor, replace(PUSH, way=way), ruleset=ruleset) is verdict


@pytest.mark.parametrize(
    ("include", "exclude", "ref", "verdict"),
    [
        (("~DEFAULT_BRANCH",), (), "refs/heads/main", True),
        (("~DEFAULT_BRANCH",), (), "refs/heads/other", False),
        (("refs/heads/release/*",), (), "refs/heads/release/1", True),
        (("~ALL",), ("refs/heads/docs",), "refs/heads/docs", False),
        (("~ALL",), (), "refs/tags/v1", False),
        ((), (), "refs/heads/main", False),
    ],
)
def test_conditions(include: tuple[str, ...], exclude: tuple[str, ...], ref: str, verdict: bool) -> None:
    assert covers(replace(RULESET, include=include, exclude=exclude), ref, "main") is verdict


def test_an_exact_pattern_wins_over_an_older_wildcard() -> None:
    assert matching_rule([BranchRule("m*"), BranchRule("main", lock_branch=True)], "main") == BranchRule(
        "main", lock_branch=True
    )


RULES = st.sampled_from(["update", "creation", "deletion", "non_fast_forward", "pull_request"])
UPDATES = st.builds(
    Update,
    ref=st.sampled_from(["refs/heads/main", "refs/heads/x"]),
    change=st.sampled_from(Change),
    way=st.sampled_from(Way),
    approvals=st.integers(0, 3),
)


@given(update=UPDATES, rules=st.frozensets(RULES), more=st.frozensets(RULES), actor=st.sampled_from([WRITER, ADMIN]))
def test_more_rules_never_allow_more(update: Update, rules: frozenset[str], more: frozenset[str], actor: Actor) -> None:
    if not allowed(actor, update, ruleset=replace(RULESET, rules=rules)):
        assert not allowed(actor, update, ruleset=replace(RULESET, rules=rules | more))


@given(update=UPDATES, actor=st.sampled_from([WRITER, ADMIN]))
def test_a_full_lock_refuses_everything_and_says_why(update: Update, actor: Actor) -> None:
    rules = frozenset({"update", "creation", "deletion"})
    decision = decide(actor, update, "main", [], [replace(RULESET, rules=rules)])
    assert not decision.allowed
    assert decision.reasons
