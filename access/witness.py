"""Requests that stand for all paths that two sets of policies decide differently.

A path's answer changes only where the rule that wins before or the rule that wins after is itself changed. So each
changed pattern is crossed with every pattern that overlaps it, and the overlap is filled with a text that no pattern
mentions: whatever matches that request matches the whole of the overlap, so nothing more specific hides there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, product
from string import ascii_letters, digits

from access.index import Beginnings
from access.overlap import Cell, common
from access.pattern import Kind, Pattern
from policies.errors import InputError

_MOST = 250_000
"""Pairs of one principal, ten seconds or more: five hundred patterns with wildcards, all changed and all alike."""
_DEEPEST = 200
_NOTHING = Pattern(Kind.EXACT, "", glob=False)
_TEXTS = "xyzwvuXYZWVU" + ascii_letters + digits


def fresh(patterns: Iterable[Pattern]) -> str:
    """A letter or digit that stands in no pattern; beyond ASCII where all of those are taken."""
    taken = set().union(*(pattern.head for pattern in patterns))
    letters = (chr(n) for n in range(0x3B1, 0x110000) if chr(n).isalpha())
    return next(c for c in chain(_TEXTS, letters) if c not in taken)


def requests(changed: Iterable[Pattern], patterns: Iterable[Pattern]) -> list[str]:
    """Paths, each once: at least one for every pair of winners that differ. `patterns`: all of both sides. Raises
    InputError where there are too many to be looked at."""
    everything = list(patterns)
    text = fresh(everything)
    last = max(everything, key=lambda p: p.head.count("/"), default=_NOTHING)
    # One segment more than any pattern has, and one for the slash of a listing.
    deepest = last.head.count("/") + 3
    if deepest > _DEEPEST:
        raise InputError(
            f"{last.text[:100]}...: a path of {deepest - 2} segments: no more than {_DEEPEST - 2} are compared"
        )
    found: dict[str, None] = {}
    for pattern, others in _crossed(changed, everything):
        for other in {pattern: None, **dict.fromkeys(others)}:
            for one, two in product(_spellings(pattern), _spellings(other)):
                for cells in common(one, two, deepest):
                    found.update(dict.fromkeys(_filled(cells, text)))
    return [path for path in found if path.strip("/")]  # nothing at all cannot be asked for


def _crossed(changed: Iterable[Pattern], everything: list[Pattern]) -> list[tuple[Pattern, list[Pattern]]]:
    """Each with what may overlap it, but for exact ones, which stand for themselves."""
    loose = Beginnings(p for p in everything if p.kind is not Kind.EXACT)
    found: list[tuple[Pattern, list[Pattern]]] = []
    pairs = 0
    for pattern in changed:
        others = [] if pattern.kind is Kind.EXACT else loose.near(pattern)
        found.append((pattern, others))
        pairs += len(others)
        if pairs > _MOST:
            raise InputError(
                f"{pattern.text} and others: more than {_MOST:,} pairs of patterns with wildcards that may overlap, "
                "one of each pair changed: compare fewer at a time"
            )
    return found


def _spellings(pattern: Pattern) -> tuple[Pattern, ...]:
    """What is listed is asked for with a slash at its end, so a pattern without one speaks of that too."""
    if pattern.glob:
        return (pattern,)
    return pattern, Pattern(pattern.kind, f"{pattern.head}/", glob=False)


def _filled(cells: tuple[Cell, ...], text: str) -> Iterator[str]:
    """The last segment also as short as it may be: nothing at all is a slash at the end."""
    *body, last = [cell.text + text if cell.more else cell.text for cell in cells]
    yield "/".join([*body, last])
    if cells[-1].more:
        yield "/".join([*body, cells[-1].text])
