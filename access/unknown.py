"""Two sets of policies compared whose templates are filled by values that are not known.

Each value is a character that no rule has, the same on both sides: what holds for it holds for every value that no
rule mentions. A value that another rule does mention, so that the two meet, is compared on its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from access.acl import Acl
from access.difference import Difference, changed, differences
from access.overlap import Cell
from access.pattern import Kind, Pattern
from access.rule import Rule
from access.template import directives
from access.witness import fresh
from policies.errors import InputError

Making: TypeAlias = Callable[[Mapping[str, str]], Acl]
"""By what stands for values."""
_MOST = 500
_Values: TypeAlias = dict[str, str]


def compared(before: Making, after: Making, *, freed: bool = False) -> list[Difference]:
    """As `differences`. Raises InputError where too many values would have to be looked at."""
    old, new = before({}), after({})
    if stand_ins := standing((*old.unresolved, *new.unresolved)):
        old, new = before(stand_ins), after(stand_ins)
    by_char = {char: directive for directive, char in stand_ins.items()}
    shown = tuple(by_char.items())
    found = [replace(d, stand_ins=shown) for d in differences(old, new, freed=freed)]
    for values in _met(old, new, frozenset(by_char), freed=freed) if stand_ins else ():
        named = {by_char[char]: text for char, text in values.items()}
        where = tuple((name, _told(text, by_char)) for name, text in sorted(named.items()))
        for one in differences(*(make({**stand_ins, **named}) for make in (before, after)), freed=freed):
            if one.widens and not told(one, found):
                found.append(replace(one, stand_ins=shown, where=where))
    return found


def standing(unresolved: Iterable[Rule]) -> _Values:
    """By directive a character that none of the rules has."""
    rules = tuple(unresolved)
    taken = set[str]().union(*(rule.path for rule in rules))
    free = (chr(n) for n in range(0xE000, 0xF900) if chr(n) not in taken)
    return dict(zip(dict.fromkeys(d for rule in rules for d in directives(rule.path)), free, strict=False))


def told(one: Difference, by: Iterable[Difference]) -> bool:
    """Whether others say already that the rules that give now give what is gained."""
    rules = _rules(one)
    others = [d for d in by if d.widens and rules & _rules(d) and (d.freed or not one.freed)]
    gained = frozenset[str]().union(*(d.gained for d in others))
    return bool(others) and one.gained <= gained and (not one.loosened or any(d.loosened for d in others))


def _rules(one: Difference) -> set[tuple[str, str, int]]:
    """Those that give now; of a `deny` that is gone, that."""
    grant = one.grants[0 if one.freed else 1]
    return {(r.policy, r.source, r.line) for r in (grant.deciding if grant else ())}


def _told(text: str, by_char: Mapping[str, str]) -> str:
    return "".join(f"{{{{{by_char[c]}}}}}" if c in by_char else c for c in text)


def _met(before: Acl, after: Acl, unknown: frozenset[str], *, freed: bool) -> Iterator[_Values]:
    """Values by which a rule that changed meets another one."""
    patterns = list(dict.fromkeys(g.pattern for acl in (before, after) for g in acl.grants))
    more, seen = fresh(patterns), set[tuple[tuple[str, str], ...]]()
    templates = [p for p in patterns if unknown & {*p.head}]
    for one in changed(before, after, freed=freed):
        for other in patterns if unknown & {*one.head} else templates:
            for values in _meeting(one, other, unknown, more) if one != other else ():
                key = tuple(sorted(values.items()))
                if not values or key in seen:
                    continue
                seen.add(key)
                if len(seen) > _MOST:
                    raise InputError(f"more than {_MOST} values of templates meet other rules: compare fewer at a time")
                yield values


def _meeting(one: Pattern, other: Pattern, unknown: frozenset[str], more: str) -> list[_Values]:
    """Segment by segment."""
    left, right = one.head.split("/"), other.head.split("/")
    if (len(left) < len(right) and not one.glob) or (len(right) < len(left) and not other.glob):
        return []
    found: list[_Values] = [{}]
    for n, (a, b) in enumerate(zip(left, right, strict=False)):
        first, second = Cell(a, one.glob and n == len(left) - 1), Cell(b, other.glob and n == len(right) - 1)
        if any(p.kind is Kind.SEGMENT and t == "+" for t, p in ((a, one), (b, other))):
            continue
        if not unknown & {*a, *b}:
            if first.also(second) is None:
                return []
            continue
        same: list[_Values] = [{}] if first.also(second) is not None else []
        bound = [*_bound(first, second, unknown, more), *_bound(second, first, unknown, more), *same]
        found = [{**f, **v} for f in found for v in bound if all(f.get(k, t) == t for k, t in v.items())][:64]
    return found


def _bound(template: Cell, other: Cell, unknown: frozenset[str], more: str) -> Iterator[_Values]:
    """Values by which the one is the other, the shortest, the other's own, or longer."""
    chars = [c for c in template.text if c in unknown]
    if not chars:
        return
    first = template.text.index(chars[0])
    text = "".join("(.+)" if c in unknown else re.escape(c) for c in template.text)
    texts = [other.text]
    texts += [other.text + more, other.text + more + template.text[first + 1 :]] if other.more else []
    texts += [other.text[: first + 1]] if template.more else []
    for tried in texts:
        if found := re.fullmatch(text + (".*" if template.more else ""), tried, re.S):
            values = dict(zip(chars, found.groups(), strict=True))
            if all(char not in value for char, value in values.items()):
                yield values
