"""What a policy that is not the product's grants of what is denied. By the model (`access`), since a batch token shows
nowhere and no server says what one may do.

No two policies together grant a path that neither grants alone (the pattern that wins among all is one's own winner),
so each is judged by itself.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from access.acl import Acl, Operation
from access.rule import DENIED, UNCONSTRAINED, Policy, Rule
from access.template import Entity, directives
from containment import names

_GATE = (names.policy_path(names.GATE), f"sys/policy/{names.GATE}")
_HOLE = re.compile(r"(\{\{.*?\}\}|\+)")
_OF_LOGINS = ("identity.entity.aliases.", "time.")
"""Templates whose values are not an administrator's to give: the next login, or the next hour, brings a new one."""


@dataclass(frozen=True, slots=True)
class Grants:
    """`capabilities`: by path of what is denied. `rules`: paths of those that decide. `to`: entities whose values fill
    their templates, where nobody else is granted anything. `administrators`: its holders may write the gate too."""

    policy: str
    capabilities: Mapping[str, frozenset[str]]
    rules: tuple[str, ...]
    to: tuple[str, ...]
    administrators: bool

    def words(self) -> str:
        can = ", ".join(sorted(frozenset().union(*self.capabilities.values())))
        first, *more = self.capabilities
        others = f" and {len(more)} more" if more else ""
        to = f" to entity {', '.join(self.to)}" if self.to else ""
        return f"grants {can} on {first}{others}{to} by path {', '.join(map(json.dumps, self.rules))}"


def granted(policy: Policy, paths: Sequence[str], entities: Sequence[Entity] | None) -> Grants | None:
    """None when it grants nothing of `paths`, which are sorted, to anybody. `policy` is as of now (`access.served`);
    without `entities` a template may stand for anything."""
    paths = near(policy, paths)
    acl = Acl([policy])
    open_ended = [r for r in acl.unresolved if entities is None or _of_logins(r)]
    found = _together(_decided(acl, paths), _matched(open_ended, paths))
    anybody, to = bool(found), []
    for entity in entities or ():
        more = _decided(Acl([policy], entity), paths)
        if any(can - found.get(path, ({}, frozenset()))[1] for path, (_, can) in more.items()):
            to.append(entity.name)
            found = _together(found, more)
    if not found:
        return None
    rules = tuple(dict.fromkeys(rule for deciding, _ in found.values() for rule in deciding))
    can = {path: held for path, (_, held) in found.items()}
    return Grants(policy.name, can, rules, () if anybody else tuple(to), _writes_gate(acl))


def near(policy: Policy, paths: Sequence[str], *, templated: bool = False) -> list[str]:
    """Those of `paths`, which are sorted, that one of its rules could match, or of its templates; of most policies
    none."""
    known, found = frozenset(paths), set[str]()
    for rule in policy.rules:
        if templated and not rule.templated:
            continue
        head, *wild = re.split(r"\+|\*|\{\{", rule.path, maxsplit=1)
        if wild:
            for path in islice(paths, bisect_left(paths, head), None):
                if not path.startswith(head):
                    break
                found.add(path)
        else:
            found |= known & {head, f"{head}/"}
    return sorted(found)


_Found = dict[str, tuple[dict[str, None], frozenset[str]]]
"""By path the rules that decide, in order, and what they grant together."""


def _decided(acl: Acl, paths: Iterable[str]) -> _Found:
    """By operation: of a path with a slash at its end `sys/capabilities` says what a listing would get, which a rule
    for the path without it decides, and nothing else."""
    found: _Found = {}
    for path in paths:
        can = frozenset(o for o in Operation if acl.allows(o, path))
        if can:
            grants = filter(None, (acl.grant(o, path) for o in Operation if o in can))
            found[path] = dict.fromkeys(r.path for g in grants for r in g.deciding), frozenset(map(str, can))
    return found


def _matched(rules: Iterable[Rule], paths: Iterable[str]) -> _Found:
    found: _Found = {}
    for rule in rules:
        if can := rule.capabilities - DENIED:
            here = (path for path in paths if _may_match(rule, path))
            found = _together(found, {path: ({rule.path: None}, frozenset(map(str, can))) for path in here})
    return found


def _together(one: _Found, other: _Found) -> _Found:
    both = dict(one)
    for path, (rules, can) in other.items():
        before, held = both.get(path, ({}, frozenset()))
        both[path] = before | rules, held | can
    return both


def _of_logins(rule: Rule) -> bool:
    return any(directive.startswith(_OF_LOGINS) for directive in directives(rule.path))


def _may_match(rule: Rule, path: str) -> bool:
    """A value may be anything here: with slashes and wildcards too, where the policy lets it."""
    written = rule.path.removesuffix("*")
    parts = ("[^/]+" if p == "+" else ".*" if p.startswith("{{") else re.escape(p) for p in _HOLE.split(written))
    return re.fullmatch("".join(parts) + (".*" if written != rule.path else ""), path) is not None


def _writes_gate(acl: Acl) -> bool:
    """Of the policy itself and unconditionally: nothing that a lock-down writes holds whoever may do that."""
    grants = [acl.grant(Operation.UPDATE, path) for path in _GATE if acl.allows(Operation.UPDATE, path)]
    return any(grant and grant.constraints == UNCONSTRAINED for grant in grants)
