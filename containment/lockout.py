"""That a lock-down of these declarations can be taken back and opens nothing: proven before any is made.

By the model of what policies grant (`access`), for the largest incident that the declarations allow, and as if the
lock-down's own policies were attached to whoever works it, which a group can do behind everybody's back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from access.acl import Acl, Grant
from access.difference import differences
from access.overlap import overlap
from access.pattern import Pattern
from access.policy import parse
from access.rule import Capability, Policy, Rule
from containment import names
from containment.compiled import caps, gate, operators
from containment.incidents.generations import batch_workloads
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import Affected, affected
from containment.way_out import WAY_OUT
from policies.errors import Finding
from policies.model import CiRole, Estate, Workload


class LockedOut(Finding):
    """A lock-down of these declarations could not be taken back, or would open something."""


def prove(estate: Estate) -> None:
    """Raises LockedOut naming each path. Asks no server."""
    found = lost(estate)
    if found:
        raise LockedOut(f"no way out of a lock-down of these declarations: {'; '.join(found)}; nothing was changed")


def lost(estate: Estate) -> tuple[str, ...]:
    """What stands in the way, each with its path; empty is proof that nothing does."""
    worst = largest(estate)
    denying = [parse(text, name, name=name) for name, text in _shared(worst).items()]
    return (*_kept(estate, worst, denying), *_opened(estate, worst, denying))


def largest(estate: Estate) -> Affected:
    """Everything in scope, and every secret and workload known to have leaked: what any incident denies is in it."""
    leaked = [f"secret:{s.name}" for s in estate.secrets] + [f"workload:{w.name}" for w in estate.workloads]
    return affected(estate, [Incident("any", Scope(everything=True, leaked=tuple(leaked)), State.OPEN, opened_at=0)])


def _kept(estate: Estate, worst: Affected, denying: list[Policy]) -> Iterator[str]:
    """What whoever works a lock-down lacks, or would lose by its policies."""
    restored = {cap.path: ("update",) for cap in caps.caps(worst, worst.open)}
    keepers = operators.keepers(estate)
    who: dict[str, list[str]] = {}
    for name in (operators.OPERATOR, operators.CONTAINMENT, operators.BREAK_GLASS):
        needed = WAY_OUT if name == operators.BREAK_GLASS else {**WAY_OUT, **restored}
        held = [Rule(p, _capabilities(r), name, name, 0) for p, r in keepers[name].items()]
        for way in _missing(needed, [Policy(name, tuple(held), name), *denying]):
            who.setdefault(way, []).append(name)
    for way, losers in who.items():
        yield f"{', '.join(losers)} could not {way}"


def _missing(needed: Mapping[str, tuple[str, ...]], policies: list[Policy]) -> Iterator[str]:
    everything = Acl(policies)
    loose = {path: c for path, c in needed.items() if path.endswith("*")}
    for path in sorted(needed.keys() - loose.keys()):
        explained = everything.explain(path)
        if lacks := set(needed[path]) - explained.capabilities:
            yield _words(lacks, path, explained.grant)
    wanted = tuple(Rule(p, frozenset(map(Capability, c)), "needed", "needed", 0) for p, c in loose.items())
    near = [_overlapping(policy, [Pattern.of(path) for path in loose]) for policy in policies]
    for found in differences(Acl([Policy("needed", wanted, "needed")]), Acl(near)):
        if found.lost and not found.region.listing:
            yield _words(found.lost, found.witness, found.grants[1])


def _overlapping(policy: Policy, patterns: list[Pattern]) -> Policy:
    """Without the rules that decide nothing there, which are nearly all."""
    rules = ((rule, Pattern.of(rule.path)) for rule in policy.rules)
    near = tuple(rule for rule, own in rules if any(overlap(own, p) for p in patterns))
    return Policy(policy.name, near, policy.source)


def _words(lacks: Iterable[str], path: str, grant: Grant | None) -> str:
    why = f"{grant.deciding[0].policy} decides {grant.pattern.text}" if grant else "nothing grants it"
    return f"{' or '.join(sorted(lacks))} {path} ({why})"


def _opened(estate: Estate, worst: Affected, denying: list[Policy]) -> Iterator[str]:
    """What an identity would gain: its own policy narrows, and all that is put beside it denies."""
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    peace = affected(estate, ())
    for identity in identities:
        name = names.own_policy(identity)
        after = parse(gate.own_policy(identity, estate, worst), name, name=name)
        if all(rule.denies for rule in after.rules):
            continue
        before = parse(gate.own_policy(identity, estate, peace), name, name=name)
        for found in differences(Acl([before]), Acl([after])):
            if found.widens:
                yield f"{name} would gain {', '.join(sorted(found.gained))} on {found.witness}"
    generations = [
        parse(gate.generation(w, estate, closed=True), w.name, name=names.generation_policy(w, 0))
        for w in batch_workloads(estate)
    ]
    for policy in (*denying, *generations):
        yield from (f"{policy.name} would grant {rule.path}" for rule in policy.rules if not rule.denies)


def _shared(worst: Affected) -> dict[str, str]:
    return {names.GATE: gate.gate(worst), names.QUARANTINE: gate.quarantine(worst)}


def _capabilities(rule: Mapping[str, Any]) -> frozenset[Capability]:
    return frozenset(map(Capability, rule["capabilities"]))
