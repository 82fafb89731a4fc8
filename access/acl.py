"""What several policies together grant, path by path, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce

from access import template
from access.constraints import joined
from access.index import Index
from access.pattern import Pattern, Precedence, why
from access.rule import DENIED, ROOT_POLICY, UNCONSTRAINED, Capability, Constraints, Policy, Rule
from access.template import Entity

_ROOT = frozenset({Capability.ROOT})


class Operation(StrEnum):
    """What a request asks for. A write is CREATE where nothing is there yet and the backend can tell; else UPDATE."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    LIST = "list"
    SCAN = "scan"


_LISTINGS = (Operation.LIST, Operation.SCAN)


@dataclass(frozen=True, slots=True)
class Grant:
    """All rules on one pattern. `capabilities` as written together: none at all grants nothing, as `deny` does, but
    another policy can add to it."""

    pattern: Pattern
    rules: tuple[Rule, ...]

    @property
    def capabilities(self) -> frozenset[Capability]:
        together = frozenset().union(*(rule.capabilities for rule in self.rules))
        return DENIED if Capability.DENY in together else together

    @property
    def deciding(self) -> tuple[Rule, ...]:
        """Those that deny, if one does; else all."""
        return tuple(rule for rule in self.rules if rule.denies) or self.rules

    @property
    def constraints(self) -> Constraints:
        return reduce(joined, (rule.constraints for rule in self.rules)) if not self.denies else UNCONSTRAINED

    @property
    def denies(self) -> bool:
        return any(rule.denies for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A rule that matches too and decides nothing. `precedence` is None where a `deny` on the same path beats it."""

    rule: Rule
    precedence: Precedence | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`grant` is None where no rule matches. `shadowed` begins with what would win if the winner were not there."""

    path: str
    capabilities: frozenset[Capability]
    grant: Grant | None
    shadowed: tuple[Shadowed, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.grant.deciding if self.grant else ()


class Acl:
    """Policies in force at `now` (None: nothing has expired) for one entity. Paths are full ones: namespace and all.
    `stand_ins`: texts for values that are not known, by directive.

    `unresolved` are the templated rules that do not apply, for want of an entity or a value of its. `forbidden` are
    those of them whose value may not stand in a path: while there is one, OpenBao 2.7 refuses the token everything.
    Raises ValueError where the root policy stands beside another, which no token can have.
    """

    def __init__(
        self,
        policies: Iterable[Policy],
        entity: Entity | None = None,
        now: datetime | None = None,
        stand_ins: Mapping[str, str] | None = None,
    ) -> None:
        self._policies = tuple(policies)
        self._stand_ins = stand_ins or {}
        roots = [policy for policy in self._policies if policy.name == ROOT_POLICY]
        if roots and len(self._policies) > 1:
            raise ValueError("the root policy stands alone")
        self._root = roots[0].namespace if roots else None
        self.unresolved: tuple[Rule, ...] = ()
        self.forbidden: tuple[Rule, ...] = ()
        together: dict[str, list[Rule]] = {}
        rules = list(self._in_force(entity, now))
        for rule in rules if not self.forbidden else ():
            together.setdefault(rule.path, []).append(rule)
        self._grants = {g.pattern: g for g in (Grant(Pattern.of(p), tuple(r)) for p, r in together.items())}
        self._index = Index(self._grants)

    def _in_force(self, entity: Entity | None, now: datetime | None) -> Iterator[Rule]:
        for policy in self._policies:
            if _past(policy.expires, now):
                continue
            blocked = ("" if policy.slashes_in_templates else "/") + ("" if policy.wildcards_in_templates else "*+")
            for rule in policy.rules:
                if _past(rule.expires, now):
                    continue
                if not rule.templated:
                    yield rule
                    continue
                try:
                    path = _filled(rule, policy, entity, blocked, self._stand_ins)
                except template.ForbiddenValueError:
                    self.forbidden += (rule,)
                    path = None
                if path is not None:
                    yield replace(rule, path=path)
                else:
                    self.unresolved += (rule,)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """One a pattern, in the order in which the policies name them."""
        return tuple(self._grants.values())

    def capabilities(self, path: str) -> frozenset[Capability]:
        """As `sys/capabilities` answers: for a path with a slash at its end, what a listing would get."""
        if self._root is not None:
            return _ROOT if path.startswith(self._root) else DENIED
        grant = self._winner(path.lstrip("/"), listing=True)
        return (grant.capabilities if grant else None) or DENIED

    def allows(self, operation: Operation, path: str) -> bool:
        """Whether a request has the capability it needs; `grant(…)` has the constraints that it must meet too. The
        server puts a slash at the end of what is listed or scanned."""
        if self._root is not None:
            return path.startswith(self._root)
        grant = self.grant(operation, path)
        return grant is not None and operation.value in grant.capabilities

    def grant(self, operation: Operation, path: str) -> Grant | None:
        """The rules that decide a request. None: no rule matches, or the root policy decides."""
        path = path.lstrip("/")
        if operation not in _LISTINGS:
            return self._winner(path, listing=False)
        return self._winner(path if path.endswith("/") else f"{path}/", listing=True)

    def explain(self, path: str) -> Explanation:
        """Of the same question as `capabilities`."""
        matching = self._matching(path.lstrip("/"))
        if not matching:
            return Explanation(path, self.capabilities(path), None, ())
        winner, *losers = matching
        denied = [Shadowed(rule, None) for rule in winner.rules if rule not in winner.deciding]
        others = [Shadowed(r, why(winner.pattern, g.pattern)) for g in losers for r in g.rules]
        return Explanation(path, self.capabilities(path), winner, (*denied, *others))

    def _winner(self, path: str, *, listing: bool) -> Grant | None:
        index, bare = self._index, path.removesuffix("/") if listing else path
        pattern = index.exact(path) or (index.exact(bare) if bare != path else None) or index.best(path)
        if pattern is None and bare != path:
            pattern = index.best(bare)
        return self._grants[pattern] if pattern else None

    def _matching(self, path: str) -> list[Grant]:
        index, bare = self._index, path.removesuffix("/")
        found = [index.exact(path), index.exact(bare), *index.all(path), *index.all(bare)]
        return [self._grants[pattern] for pattern in dict.fromkeys(found) if pattern]


def _past(expires: datetime | None, now: datetime | None) -> bool:
    return expires is not None and now is not None and now > expires


def _filled(
    rule: Rule, policy: Policy, entity: Entity | None, blocked: str, stand_ins: Mapping[str, str]
) -> str | None:
    """A slash at the beginning that a value brings with it goes, and `+*` is refused, as if it were written."""
    path = template.fill(rule.path.removeprefix(policy.namespace), entity, policy.namespace, blocked, stand_ins)
    if path is not None and "+*" in path:
        raise template.ForbiddenValueError(path)
    return None if path is None else policy.namespace + path.removeprefix("/")
