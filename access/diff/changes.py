"""Two snapshots and what was declared beside them, compared: principal by principal, aspect by aspect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TypeAlias

from access.diff import risk, roles
from access.diff.change import Change, Risk, words, worst_first
from access.diff.company import Company
from access.difference import Difference
from access.rule import Capability, Policy
from access.snapshot import Attached, Place, Principal, PrincipalKind, Snapshot
from access.sources.facts import LASTING, Fact
from access.unknown import compared
from policies.errors import InputError
from policies.model import Environment

_OURS = (PrincipalKind.OPERATOR, PrincipalKind.TOKEN_ROLE)
_ROLES = (PrincipalKind.LOGIN_ROLE, PrincipalKind.TOKEN_ROLE)
_PARTS = (PrincipalKind.POLICY, PrincipalKind.GROUP, PrincipalKind.ENTITY, *_ROLES)
_MOMENTS = 100
_PRODUCTION = Environment.PRODUCTION
_ByName: TypeAlias = "Mapping[tuple[PrincipalKind, str], Principal]"
Owner = tuple[str, bool]
"""A team, "" where there is none; and whether only a new subject names it."""


@dataclass(frozen=True)
class Side:
    """`environments` and `owners`: by principal's name, and by path for what is declared there. `gate`: the policy that
    binds whoever it is attached to in a lock-down; "" where there is none."""

    snapshot: Snapshot
    facts: Mapping[tuple[str, str], Fact] = field(default_factory=dict)
    environments: Mapping[str, Environment] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    gate: str = ""


def changes(before: Side, after: Side, *, follow: bool = True, now: datetime | None = None) -> tuple[Change, ...]:
    """Worst first; none where nobody can do anything else than before. `follow`: both sides are declarations, so that
    what the product's own identities may do follows from them. At `now` and whenever a rule expires after it; None:
    as if none did."""
    principals = _principals(before, after, follow, now)
    return worst_first([*principals, *_aspects(before, after), *_targets(before, after)])


def _principals(before: Side, after: Side, follow: bool, asked: datetime | None) -> Iterator[Change]:
    old, new = (_by_name(side.snapshot) for side in (before, after))
    company = cache(partial(Company, after.snapshot))
    for key, principal in {**old, **new}.items():
        if old.get(key) == new.get(key):
            continue
        was, now = _both(key, old, new, before, after)
        seen: set[tuple[object, ...]] = set()
        part = not (follow and principal.kind in _OURS) and _is_part(principal, key in new)
        for when in _moments(was, now, asked):
            for one, beside in _at(was, now, when, company(when) if part else None):
                said = (one.region, one.gained, one.lost, one.loosened, one.tightened, one.freed, one.where, beside)
                if said not in seen:
                    seen.add(said)
                    why = (beside, f"from {when.isoformat()} on" if when and when != asked else "")
                    yield _of_paths(one, principal, before, after, follow, why)
        if key in old and key in new:
            yield from _beside_paths(old[key], new[key], before, after)


def _is_part(principal: Principal, stays: bool) -> bool:
    """Whether its tokens may have more policies. A role that is gone gives no token."""
    return principal.kind in _PARTS and (stays or principal.kind not in _ROLES)


def _both(
    key: tuple[PrincipalKind, str], old: _ByName, new: _ByName, before: Side, after: Side
) -> tuple[Principal, Principal]:
    """A policy that was by itself, and is attached now, is the same to whoever had it by hand. An entity that one side
    does not know is the other's."""
    was, now = (
        by_name.get(key) or Principal(*key, _attached(key, side.snapshot))
        for by_name, side in ((old, before), (new, after))
    )
    return replace(was, entity=was.entity or now.entity), replace(now, entity=now.entity or was.entity)


def _attached(key: tuple[PrincipalKind, str], snapshot: Snapshot) -> tuple[Attached, ...]:
    if key[0] is not PrincipalKind.POLICY:
        return ()
    return tuple(a for p in snapshot.principals for a in p.attached if a.policy.name == key[1])[:1]


def _moments(was: Principal, now: Principal, asked: datetime | None) -> Iterator[datetime | None]:
    """Raises InputError where there are too many."""
    yield asked
    later = sorted(end for end in was.ends | now.ends if asked is not None and end >= asked)
    if len(later) > _MOMENTS:
        raise InputError(f"{now}: rules expire at more than {_MOMENTS} moments: compare fewer at a time")
    yield from (end + timedelta(microseconds=1) for end in later)


def _at(
    was: Principal, now: Principal, when: datetime | None, company: Company | None
) -> Iterator[tuple[Difference, str]]:
    makers = [partial(p.acl_at, when) for p in (was, now)]
    own = compared(*makers, freed=company is not None)
    beside = list(company.beside(was, now, own)) if company else []
    known = {d.region.before for d, _ in beside}
    yield from ((d, "") for d in own if not (d.freed and d.region.before in known))
    yield from beside


def _by_name(snapshot: Snapshot) -> dict[tuple[PrincipalKind, str], Principal]:
    return {(p.kind, p.name): p for p in snapshot.principals}


def _production(before: Side, after: Side, *names: str) -> bool:
    """By the first of the names that either side knows: production on one side is production, and so is what neither
    side knows."""
    for name in names:
        if found := {side.environments[name] for side in (before, after) if name in side.environments}:
            return _PRODUCTION in found
    return True


def _beside_paths(was: Principal, now: Principal, before: Side, after: Side) -> Iterator[Change]:
    """The gate denies nothing in peace, so no path tells that it is gone. A declared TTL is a fact and told as one. No
    path tells what values may put into templates either."""
    held, holds = (any(a.policy.name == after.gate for a in p.attached) for p in (was, now))
    production = _production(before, after, now.name)
    if held != holds:
        gone = "no lock-down binds its tokens"
        graded, reason = (Risk.CRITICAL, gone) if held else (Risk.NARROWER, "narrower")
        old, new = ("bound by it", "not attached") if held else ("not attached", "bound by it")
        yield _beside(now, after.gate, graded, reason, held, production, old, new)
    for what in ("slashes", "wildcards"):
        may, can = (any(_takes(a.policy, what) for a in p.attached) for p in (was, now))
        if may != can:
            graded, reason = (Risk.HIGH, "a value decides which paths it is") if can else (Risk.NARROWER, "narrower")
            old, new = ("refused", "allowed") if can else ("allowed", "refused")
            yield _beside(now, f"{what} in values of templates", graded, reason, can, production, old, new)
    if was.ttl != now.ttl and (str(now), "TTL, max") not in {**before.facts, **after.facts}:
        longer, lives = roles.longer(was.ttl, now.ttl), now.ttl and now.ttl.max
        graded, reason = risk.of_aspect("TTL", lives, production) if longer else (Risk.NARROWER, "narrower")
        yield _beside(now, "TTL", graded, reason, longer, production, roles.lives(was.ttl), roles.lives(now.ttl))


def _takes(policy: Policy, what: str) -> bool:
    allowed = policy.slashes_in_templates if what == "slashes" else policy.wildcards_in_templates
    return allowed and any(rule.templated for rule in policy.rules)


def _beside(
    who: Principal, what: str, graded: Risk, reason: str, widens: bool, production: bool, before: str, after: str
) -> Change:
    return Change(str(who), what, graded, widens, reason, who.place, production=production, before=before, after=after)


def _of_paths(
    one: Difference, principal: Principal, before: Side, after: Side, follow: bool, why: tuple[str, ...]
) -> Change:
    at = one.witness.removesuffix("/")
    production = _production(before, after, at, principal.name)
    graded, reason = risk.of_paths(one, production)
    target = (after if one.widens else before).snapshot.target(at)
    owner, new = _whose(before.owners.get(at, ""), after.owners.get(at, ""))
    return Change(
        subject=str(principal),
        what=_what(one),
        risk=graded,
        widens=one.widens,
        reason="; ".join(filter(None, (reason, *why))),
        place=_place(one) or principal.place,
        owner=owner,
        new=new,
        production=production,
        gained=words(one.gained),
        lost=words(one.lost),
        witness=None if one.freed else (_operation(one), one.told(one.witness)),
        but=(*sorted(one.told(p.text) for p in one.but), *(["…"] if one.more else [])),
        before="denied" if one.freed else "",
        after="not denied" if one.freed else "",
        stands_for=roles.told(target) if target else "",
        follows=follow and principal.kind in _OURS,
    )


def _what(one: Difference) -> str:
    where = "".join(f", where {{{{{directive}}}}} is {text}" for directive, text in one.where)
    return f"{one.told(one.paths)}{' (listed)' if one.region.listing else ''}{where}"


def _operation(one: Difference) -> str:
    capabilities = one.gained or one.lost or (Capability.READ,)
    return min(c.value for c in capabilities)


def _place(one: Difference) -> Place | None:
    """The rule that gives, else the one that gave: where a reviewer has to look."""
    for grant in reversed(one.grants):
        rule = grant.deciding[0] if grant else None
        if rule and not rule.source.startswith("("):
            return Place(rule.source, rule.line)
    return None


def _aspects(before: Side, after: Side) -> Iterator[Change]:
    """Of a subject that is on one side only, what a principal has by it stands with that one. What is no principal's, a
    repository, a mount, a connection, is told by its aspects. What has an owner goes by its owner's leave: declared
    anew, it has whom it names. A copy of a secret that goes is the secret's owner's to leave too: it goes from the
    declarations alone, and its value stays at GitHub, where no rotation replaces it any more."""
    for key, now in after.facts.items():
        was = before.facts.get(key)
        owner = _owner(before, after, now)
        if was is None:
            if now.widens_anew:
                yield _of_aspect("not declared", now.text, now, owner, widens=True)
        elif now.value != was.value:
            production = _PRODUCTION in (was.environment, now.environment)
            yield _of_aspect(was.text, now.text, now, owner, widens=now.widened_from(was), production=production)
    for key, was in before.facts.items():
        if (was.aspect in LASTING or was.given) and key not in after.facts:
            owner = _owner(before, after, was)
            yield _of_aspect(was.text, "no longer declared", was, owner, widens=True, gone=True)


def _owner(before: Side, after: Side, of: Fact) -> Owner:
    """Whose it is, or whose what is given is."""
    if of.given:
        return _whose(*(side.owners.get(of.given, "") for side in (before, after)))
    return _whose(*(f.text if (f := side.facts.get((of.subject, "owner"))) else "" for side in (before, after)))


def _whose(had: str, has: str) -> Owner:
    """A new owner does not speak for what another one had, and whom a new subject names does not speak for it alone."""
    return had or has, bool(has and not had)


def _of_aspect(
    before: str, after: str, now: Fact, owner: Owner, *, widens: bool, production: bool = False, gone: bool = False
) -> Change:
    production = production or now.environment is _PRODUCTION
    aspect = ("left copy" if now.given else "declaration") if gone else now.aspect
    graded, reason = risk.of_aspect(aspect, now.value, production) if widens else risk.of_less(now.aspect)
    return Change(
        subject=now.subject,
        what=now.aspect,
        risk=graded,
        widens=widens,
        reason=reason,
        place=now.place,
        owner=owner[0],
        new=owner[1],
        production=production,
        before=before,
        after=after,
    )


def _targets(before: Side, after: Side) -> Iterator[Change]:
    """What a path stands for, where no declaration speaks of it: roles as a server has them."""
    declared = {subject.partition(" ")[2] for subject, _ in (*before.facts, *after.facts)}
    for path, now in after.snapshot.stands_for.items():
        if path in declared:
            continue
        was = before.snapshot.stands_for.get(path)
        production = _production(before, after, path)
        owner, named = _whose(before.owners.get(path, ""), after.owners.get(path, ""))
        for aspect, old, new, widens in roles.differing(path, before.snapshot, now):
            graded, reason = risk.of_aspect(aspect, now.ttl and now.ttl.max, production)
            graded, reason = (graded, reason) if widens else (Risk.NARROWER, "narrower")
            yield Change(
                subject=f"role {path}",
                what=aspect,
                risk=graded,
                widens=widens,
                reason=reason,
                place=now.place or (was.place if was else None),
                owner=owner,
                new=named,
                production=production,
                before=old,
                after=new,
            )
