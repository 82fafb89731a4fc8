"""What the declarations say of repositories and GitHub answers for: what a merge needs, and who gets in beside one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from access.sources.facts import Fact, Value
from containment.ports import CodeHost
from containment.repository import RULESETS, BranchRule
from policies.errors import PortcullisError
from policies.model import Estate, Repository

_Facts: TypeAlias = dict[tuple[str, str], Fact]

_BRANCH, _PUSHERS, _KEYS = "protected branch", "who may push or merge in peace", "deploy keys"
_RULESETS, _SECRETS, _THERE = "rulesets of others", "other Actions secrets", "protection"
_DEMANDS: Mapping[str, Callable[[BranchRule], Value]] = {
    "approvals that a merge needs": lambda rule: rule.approvals,
    "checks that a merge needs": lambda rule: frozenset(rule.demands.checks),
    "protection holds for administrators": lambda rule: int(rule.enforce_admins and not rule.around),
    "a merge needs the code owners' review": lambda rule: int(rule.demands.code_owners),
    "the last push needs somebody else's approval": lambda rule: int(rule.demands.last_push),
}
_ASPECTS = (_BRANCH, _PUSHERS, _KEYS, _RULESETS, _SECRETS, _THERE, *_DEMANDS)


def asked(facts: Mapping[tuple[str, str], Fact]) -> _Facts:
    """Of the facts of declarations those that GitHub answers for."""
    return {key: fact for key, fact in facts.items() if is_asked(key)}


def is_asked(key: tuple[str, str]) -> bool:
    return key[0].startswith("repository ") and key[1] in _ASPECTS


def held(host: CodeHost, estate: Estate, declared: _Facts) -> tuple[_Facts, tuple[str, ...]]:
    """The same as GitHub has them, of what `declared` (`asked`) has; and what could not be read, in words. A branch's
    own protection may ask for more than is declared, and an incident does."""
    found: _Facts = {}
    unread = []
    for repository in estate.repositories:
        try:
            values = dict(_values(host, repository))
        except PortcullisError as error:
            unread.append(f"repository {repository.name}: {error}")
            continue
        for aspect, value in values.items():
            if fact := declared.get((f"repository {repository.name}", aspect)):
                found[fact.subject, aspect] = _as(fact, value)
    return found, tuple(unread)


def _values(host: CodeHost, repository: Repository) -> Iterator[tuple[str, Value]]:
    name, branch = repository.name, repository.default_branch
    rule = next((r for r in host.branch_rules(name) if r.pattern == branch), None)
    yield _BRANCH, host.default_branch(name)
    yield _THERE, int(rule is not None)
    for aspect, of in _DEMANDS.items():
        yield aspect, of(rule or BranchRule(branch, False, False, 0, False, None, False))
    yield _PUSHERS, _pushers(rule.pushers if rule else None, repository)
    yield _KEYS, frozenset(key.title for key in host.deploy_keys(name))
    yield _RULESETS, frozenset(host.rulesets(name)) - frozenset(RULESETS.values())
    copies = {copy.name.upper() for copy in repository.actions_secrets}
    others = {secret.upper(): secret for secret in repository.other_secrets}
    there = (secret.upper() for secret in host.actions_secrets(name))
    yield _SECRETS, frozenset(others.get(secret, secret) for secret in there if secret not in copies)


def _pushers(held: Iterable[str] | None, repository: Repository) -> str:
    """Fewer than are declared, or named people where nobody is, is as declared: nobody more gets in."""
    declared = repository.protection.pushers
    more = set(held or ()) - set(declared)
    if held is not None and (not declared or not more or (repository.control and more <= set(repository.mergers))):
        held = declared
    return ", ".join(sorted(held or ())) or "whoever may write"


def _as(fact: Fact, value: Value) -> Fact:
    if value == fact.value:
        return fact
    if isinstance(value, frozenset):
        return replace(fact, value=value, text=", ".join(sorted(value)) or "none")
    words = {_THERE: ("none", "declared")}.get(fact.aspect, ("no", "yes"))
    numbers = fact.aspect.startswith("approvals")
    return replace(fact, value=value, text=words[value] if isinstance(value, int) and not numbers else str(value))
