"""What a policy that changes lets others give: whoever has it may have more beside it, whose rules it hid or denied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from access.acl import Acl
from access.difference import Difference, changed, differences
from access.index import Beginnings
from access.overlap import overlap
from access.pattern import Pattern
from access.rule import ROOT_POLICY, Policy
from access.snapshot import Principal, Snapshot
from access.unknown import standing, told

_NAMED = 3


class Company:
    """Policies of `snapshot`, in force at `now`."""

    def __init__(self, snapshot: Snapshot, now: datetime | None) -> None:
        found = {a.policy.name: a.policy for p in snapshot.principals for a in p.attached}
        self._policies = {name: p for name, p in found.items() if name != ROOT_POLICY}
        acls = {name: Acl([policy], now=now) for name, policy in self._policies.items()}
        self._stand_ins = standing(rule for acl in acls.values() for rule in acl.unresolved)
        self._having: dict[Pattern, list[str]] = {}
        for name, policy in self._policies.items():
            for grant in (Acl([policy], None, now, self._stand_ins) if self._stand_ins else acls[name]).grants:
                self._having.setdefault(grant.pattern, []).append(name)
        self._near, self._now = Beginnings(self._having), now

    def beside(self, was: Principal, now: Principal, own: list[Difference]) -> Iterator[tuple[Difference, str]]:
        """What is gained by those who have another policy too, and which; not what `own` says."""
        unresolved = (*was.acl_at(self._now).unresolved, *now.acl_at(self._now).unresolved)
        stand_ins = {**standing(unresolved), **self._stand_ins}
        held = [p.acl_at(self._now, stand_ins) for p in (was, now)]
        other = changed(*held, freed=True)
        named = {a.policy.name for p in (was, now) for a in p.attached}
        near = {p for c in other for p in self._near.near(c) if overlap(p, c)}
        names = dict.fromkeys(name for p in near for name in self._having[p] if name not in named)
        shown = tuple((char, directive) for directive, char in stand_ins.items())
        together: dict[tuple[object, ...], tuple[Difference, list[str]]] = {}
        for name in names:
            policy = self._only(self._policies[name], near, stand_ins)
            both = [Acl([*_policies(p), policy], p.entity, self._now, stand_ins) for p in (was, now)]
            for one in differences(*both):
                if one.widens and not told(one, own):
                    key = (one.region.before, one.region.listing, one.gained, one.loosened)
                    together.setdefault(key, (replace(one, stand_ins=shown), []))[1].append(name)
        for one, by in together.values():
            more = f" and {len(by) - _NAMED} more" if len(by) > _NAMED else ""
            yield one, f"for whoever has {' or '.join(by[:_NAMED])}{more} beside it"

    def _only(self, policy: Policy, near: Iterable[Pattern], stand_ins: dict[str, str]) -> Policy:
        """Without the rules that decide nothing there."""
        grants = Acl([policy], None, self._now, stand_ins).grants
        rules = tuple(r for g in grants if g.pattern in near for r in g.rules)
        return replace(policy, rules=rules)


def _policies(principal: Principal) -> list[Policy]:
    return list({a.policy.name: a.policy for a in principal.attached}.values())
