"""What people ask of a snapshot: who reaches a path, what one of them reaches, and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from access.acl import Grant, Operation
from access.pattern import Pattern
from access.rule import DENIED, Capability, Rule
from access.snapshot import Principal, Snapshot, Target
from policies.errors import InputError

_DIRECTIVE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_ROOT = frozenset({Capability.ROOT})


@dataclass(frozen=True, slots=True)
class Reach:
    """Of one principal at one path. `capabilities`: what requests get there. They are what `sys/capabilities` tells of
    the path, but to list and scan, which it tells of the path with a slash at its end."""

    principal: Principal
    path: str
    capabilities: frozenset[Capability]
    rules: tuple[Rule, ...]

    @property
    def through(self) -> tuple[str, ...]:
        found = (way for rule in self.rules for way in self.principal.through(rule.policy))
        return tuple(dict.fromkeys(found)) or tuple(a.through for a in self.principal.attached)


@dataclass(frozen=True, slots=True)
class Held:
    """One pattern that a principal has a rule on, and what requests that it matches stand for."""

    grant: Grant
    stands_for: tuple[tuple[str, Target], ...]


def who(snapshot: Snapshot, paths: Iterable[str]) -> tuple[Reach, ...]:
    """Everybody with any capability on any of the paths, in the snapshot's order."""
    asked = tuple(paths)
    return tuple(r for p in snapshot.principals for path in asked if (r := reach(p, path)).capabilities)


@dataclass(frozen=True, slots=True)
class Perhaps:
    """A templated rule of one whose entity is not known, which matches the path for some value of its."""

    principal: Principal
    path: str
    rule: Rule


def perhaps(snapshot: Snapshot, paths: Iterable[str]) -> tuple[Perhaps, ...]:
    """Who may reach a path, depending on who logs in. Rules that grant nothing are not told."""
    asked = tuple(paths)
    return tuple(found for p in snapshot.principals if p.entity is None for found in _perhaps(p, asked))


def _perhaps(principal: Principal, paths: tuple[str, ...]) -> Iterator[Perhaps]:
    slashes = {a.policy.name for a in principal.attached if a.policy.slashes_in_templates}
    for rule in principal.acl.unresolved:
        if rule.capabilities - DENIED:
            pattern = _some(rule.path, ".+" if rule.policy in slashes else "[^/]+")
            yield from (Perhaps(principal, path, rule) for path in paths if pattern.fullmatch(path))


def _some(templated: str, value: str) -> re.Pattern[str]:
    """What the path can become, each `{{…}}` being `value`."""
    fixed = "\0".join(map(re.escape, _DIRECTIVE.split(templated.removesuffix("*"))))
    text = re.sub(r"(?<![^/])\\\+(?![^/])", "[^/]*", fixed).replace("\0", value)
    return re.compile(text + (".*" if templated.endswith("*") else ""), re.DOTALL)


def reach(principal: Principal, path: str) -> Reach:
    acl = principal.acl
    if acl.capabilities(path) == _ROOT:
        return Reach(principal, path, _ROOT, ())
    allowed = [operation for operation in Operation if acl.allows(operation, path)]
    deciding = [grant for operation in allowed if (grant := acl.grant(operation, path)) is not None]
    capabilities = frozenset(Capability(operation.value) for operation in allowed)
    if any(Capability.SUDO in grant.capabilities for grant in deciding):
        capabilities |= {Capability.SUDO}
    return Reach(principal, path, capabilities, tuple(dict.fromkeys(r for grant in deciding for r in grant.rules)))


def of(snapshot: Snapshot, principal: Principal) -> tuple[Held, ...]:
    """Patterns in the order in which the policies name them. What a pattern matches and a more specific rule decides
    is not told of it."""
    decided: dict[Pattern, list[tuple[str, Target]]] = {}
    for path, target in snapshot.stands_for.items():
        grant = principal.acl.grant(Operation.READ, path)
        if grant is not None and grant.capabilities - DENIED:
            decided.setdefault(grant.pattern, []).append((path, target))
    return tuple(Held(grant, tuple(decided.get(grant.pattern, ()))) for grant in principal.acl.grants)


def named(snapshot: Snapshot, name: str) -> tuple[Principal, ...]:
    """By name, or by kind and name (`entity ops`): one that may log in as several entities is several.

    Raises InputError when nobody has that name, or more than one kind of them.
    """
    words = {w for p in snapshot.principals for w in (p.name, str(p))}
    found = [p for p in snapshot.principals if name in (p.name, str(p)) or p.name.startswith(f"{name} as entity ")]
    kinds = sorted({str(p.kind) for p in found})
    if len(kinds) > 1:
        raise InputError(f"{name!r} is ambiguous: write {' or '.join(repr(f'{kind} {name}') for kind in kinds)}")
    if not found:
        near = get_close_matches(name, words, 3, 0.5)
        raise InputError(f"nobody is called {name!r}" + (f"; there is {', '.join(near)}" if near else ""))
    return tuple(found)
