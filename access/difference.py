"""What one set of policies grants and another does not, pattern against pattern, each with a request that shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from access import overlap, witness
from access.acl import Acl, Grant, Operation
from access.index import Beginnings
from access.leniency import within
from access.pattern import Kind, Pattern
from access.rule import DENIED, UNCONSTRAINED, Capability, Constraints

_LISTED = frozenset({Capability.LIST, Capability.SCAN})
_NOTHING: frozenset[Capability] = frozenset()
_BUT = 20


@dataclass(frozen=True, slots=True)
class Region:
    """All requests that `before` decided and `after` decides now; None: no rule did. `listing`: what is listed or
    scanned, which the server decides by the path with a slash at its end first."""

    before: Pattern | None
    after: Pattern | None
    listing: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """`gained` and `lost` hold for every request of the region; `loosened` and `tightened` for what must be met beside
    a capability that stays; `freed`: nothing is gained by these alone, but a `deny` is gone. `witness`: one path of it.
    `but`: patterns that overlap the region and win over it, the shortest of them, and whether there are `more`.
    `stand_ins`: characters in all of these that stand for a value that is not known, with its directive; `where`: the
    values by which it is so, where not any will do."""

    region: Region
    gained: frozenset[Capability]
    lost: frozenset[Capability]
    loosened: bool
    tightened: bool
    witness: str
    grants: tuple[Grant | None, Grant | None]
    but: tuple[Pattern, ...]
    more: bool = False
    freed: bool = False
    stand_ins: tuple[tuple[str, str], ...] = ()
    where: tuple[tuple[str, str], ...] = ()

    @property
    def widens(self) -> bool:
        return bool(self.gained) or self.loosened or self.freed

    @property
    def single(self) -> bool:
        """Whether it is one path."""
        return any(p is not None and p.kind is Kind.EXACT for p in (self.region.before, self.region.after))

    def reaches(self, area: Pattern) -> bool:
        """Whether a path of the region may be in `area`: none is where a pattern that wins covers all of it."""
        inside = [p for p in (self.region.before, self.region.after) if p is not None]
        whole = any(overlap.within(area, p) for p in self.but)
        return not whole and all(overlap.overlap(self._any(p), area) for p in inside)

    def _any(self, pattern: Pattern) -> Pattern:
        """Whatever stands for the values that are not known."""
        unknown = {char for char, _ in self.stand_ins}
        segments = ("+" if unknown & {*s} else s for s in pattern.head.split("/"))
        return Pattern.of("/".join(segments) + "*" * pattern.glob) if unknown else pattern

    def told(self, text: str) -> str:
        """With its directives."""
        for char, directive in self.stand_ins:
            text = text.replace(char, f"{{{{{directive}}}}}")
        return text

    @property
    def paths(self) -> str:
        """The region as text: the narrower pattern, or both where neither is within the other."""
        patterns = [p for p in (self.region.before, self.region.after) if p is not None]
        narrower = [p for p in patterns if not any(o != p and overlap.within(o, p) for o in patterns)] or patterns
        return " and ".join(dict.fromkeys(p.text for p in narrower))


def changed(before: Acl, after: Acl, *, freed: bool = False) -> list[Pattern]:
    """Patterns on which the two have other rules. `freed`: a `deny` is not the same as nothing."""
    old, new = ({g.pattern: g for g in acl.grants} for acl in (before, after))
    return [p for p in {**old, **new} if _meaning(old.get(p), freed) != _meaning(new.get(p), freed)]


def differences(before: Acl, after: Acl, *, freed: bool = False) -> list[Difference]:
    """None where both grant the same on every path. In the order of the paths that show them. `freed`: a `deny` that
    goes is told too where nothing is gained, since others may be attached beside these."""
    old, new = ({g.pattern: g for g in acl.grants} for acl in (before, after))
    other = changed(before, after, freed=freed)
    if not other:
        return []
    everything = list({**old, **new})
    found: dict[Region, Difference] = {}
    for path in sorted(witness.requests(other, everything), key=lambda p: (p.endswith("/"), p)):
        for listing in (False, True):
            one = _at(before, after, path, listing, freed)
            if one is not None and one.region not in found:
                found[one.region] = one
    shown = [d for d in found.values() if not _said_already(d, found)]
    near = Beginnings(everything)
    return [_bounded(d, near, old, new) for d in sorted(shown, key=lambda d: (d.witness, d.region.listing))]


def _meaning(grant: Grant | None, denies: bool) -> tuple[frozenset[Capability], Constraints] | None:
    if grant is None:
        return None
    return (grant.capabilities if denies else grant.capabilities - DENIED), grant.constraints


def _at(before: Acl, after: Acl, path: str, listing: bool, denies: bool) -> Difference | None:
    operation = Operation.LIST if listing else Operation.READ
    path = path if path.endswith("/") or not listing else f"{path}/"
    was, now = before.grant(operation, path), after.grant(operation, path)
    held, holds = _judged(was, listing), _judged(now, listing)
    kept = held & holds
    rules_before = was.constraints if was and kept else UNCONSTRAINED
    rules_after = now.constraints if now and kept else UNCONSTRAINED
    loosened, tightened = not within(rules_after, rules_before), not within(rules_before, rules_after)
    freed = denies and not holds and was is not None and was.denies and not (now and now.denies)
    if held == holds and not loosened and not tightened and not freed:
        return None
    region = Region(was.pattern if was else None, now.pattern if now else None, listing)
    return Difference(region, holds - held, held - holds, loosened, tightened, path, (was, now), (), freed=freed)


def _judged(grant: Grant | None, listing: bool) -> frozenset[Capability]:
    """`sudo` counts for both kinds of request."""
    if grant is None:
        return _NOTHING
    capabilities = grant.capabilities - DENIED
    return capabilities & (_LISTED | {Capability.SUDO}) if listing else capabilities - _LISTED


def _said_already(difference: Difference, found: dict[Region, Difference]) -> bool:
    """A listing of which nothing but `sudo` changed, or a `deny` went, as it did for all other requests."""
    region = difference.region
    other = found.get(Region(region.before, region.after, listing=False))
    only = difference.freed or difference.gained | difference.lost == {Capability.SUDO}
    return region.listing and only and other is not None


def _bounded(
    difference: Difference, near: Beginnings, old: dict[Pattern, Grant], new: dict[Pattern, Grant]
) -> Difference:
    region = difference.region
    inside = [p for p in (region.before, region.after) if p is not None]
    sides = ((region.before, old), (region.after, new))
    over = (
        p
        for p in sorted(near.near(max(inside, key=lambda p: len(p.literal))), key=lambda p: len(p.head))
        if any(p in patterns and (w is None or (p != w and overlap.beats(p, w))) for w, patterns in sides)
    )
    found = tuple(islice((p for p in over if all(overlap.overlap(p, i) for i in inside)), _BUT + 1))
    return replace(difference, but=found[:_BUT], more=len(found) > _BUT)
