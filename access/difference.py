"""What one set of policies grants and another does not, pattern against pattern, each with a request that shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from access import overlap, witness
from access.acl import Acl, Grant, Operation
from access.index import Beginnings
from access.leniency import within
from access.pattern import Kind, Pattern
from access.rule import DENIED, UNCONSTRAINED, Capability, Constraints

_LISTED = frozenset({Capability.LIST, Capability.SCAN})
_NOTHING: frozenset[Capability] = frozenset()


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
    a capability that stays. `witness`: one path of it. `but`: patterns that overlap the region and win over it."""

    region: Region
    gained: frozenset[Capability]
    lost: frozenset[Capability]
    loosened: bool
    tightened: bool
    witness: str
    grants: tuple[Grant | None, Grant | None]
    but: tuple[Pattern, ...]

    @property
    def widens(self) -> bool:
        return bool(self.gained) or self.loosened

    @property
    def single(self) -> bool:
        """Whether it is one path."""
        return any(p is not None and p.kind is Kind.EXACT for p in (self.region.before, self.region.after))

    def reaches(self, area: Pattern) -> bool:
        """Whether a path of the region may be in `area`: none is where a pattern that wins covers all of it."""
        inside = [p for p in (self.region.before, self.region.after) if p is not None]
        whole = any(overlap.within(area, p) for p in self.but)
        return not whole and all(overlap.overlap(p, area) for p in inside)

    @property
    def paths(self) -> str:
        """The region as text: the narrower pattern, or both where neither is within the other."""
        patterns = [p for p in (self.region.before, self.region.after) if p is not None]
        narrower = [p for p in patterns if not any(o != p and overlap.within(o, p) for o in patterns)] or patterns
        return " and ".join(dict.fromkeys(p.text for p in narrower))


def differences(before: Acl, after: Acl) -> list[Difference]:
    """None where both grant the same on every path. In the order of the paths that show them."""
    old, new = ({g.pattern: g for g in acl.grants} for acl in (before, after))
    changed = [p for p in {**old, **new} if _meaning(old.get(p)) != _meaning(new.get(p))]
    if not changed:
        return []
    everything = list({**old, **new})
    found: dict[Region, Difference] = {}
    for path in sorted(witness.requests(changed, everything), key=lambda p: (p.endswith("/"), p)):
        for listing in (False, True):
            one = _at(before, after, path, listing)
            if one is not None and one.region not in found:
                found[one.region] = one
    shown = [d for d in found.values() if not _said_already(d, found)]
    near = Beginnings(everything)
    return [_bounded(d, near, old, new) for d in sorted(shown, key=lambda d: (d.witness, d.region.listing))]


def _meaning(grant: Grant | None) -> tuple[frozenset[Capability], Constraints] | None:
    return None if grant is None else (grant.capabilities - DENIED, grant.constraints)


def _at(before: Acl, after: Acl, path: str, listing: bool) -> Difference | None:
    operation = Operation.LIST if listing else Operation.READ
    path = path if path.endswith("/") or not listing else f"{path}/"
    was, now = before.grant(operation, path), after.grant(operation, path)
    held, holds = _judged(was, listing), _judged(now, listing)
    kept = held & holds
    rules_before = was.constraints if was and kept else UNCONSTRAINED
    rules_after = now.constraints if now and kept else UNCONSTRAINED
    loosened, tightened = not within(rules_after, rules_before), not within(rules_before, rules_after)
    if held == holds and not loosened and not tightened:
        return None
    region = Region(was.pattern if was else None, now.pattern if now else None, listing)
    return Difference(region, holds - held, held - holds, loosened, tightened, path, (was, now), ())


def _judged(grant: Grant | None, listing: bool) -> frozenset[Capability]:
    """`sudo` counts for both kinds of request."""
    if grant is None:
        return _NOTHING
    capabilities = grant.capabilities - DENIED
    return capabilities & (_LISTED | {Capability.SUDO}) if listing else capabilities - _LISTED


def _said_already(difference: Difference, found: dict[Region, Difference]) -> bool:
    """A listing of which nothing but `sudo` changed, as it did for all other requests."""
    region = difference.region
    other = found.get(Region(region.before, region.after, listing=False))
    only = difference.gained | difference.lost == {Capability.SUDO}
    return region.listing and only and other is not None


def _bounded(
    difference: Difference, near: Beginnings, old: dict[Pattern, Grant], new: dict[Pattern, Grant]
) -> Difference:
    region = difference.region
    inside = [p for p in (region.before, region.after) if p is not None]
    candidates = near.near(inside[0])
    over = dict.fromkeys(
        p
        for winner, patterns in ((region.before, old), (region.after, new))
        for p in candidates
        if p in patterns and (winner is None or (p != winner and overlap.beats(p, winner)))
    )
    but = tuple(p for p in over if all(overlap.overlap(p, i) for i in inside))
    return replace(difference, but=but)
