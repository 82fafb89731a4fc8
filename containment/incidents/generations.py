"""Batch tokens cannot be listed or revoked, only denied. So the tokens of a batch workload carry one of four policies
of their own, its generation: a lock-down closes every generation that may be out and gives new logins the next one.
A closed generation opens again when every token of it must have expired, lifted or not. Pure.

Which one was out, and how long such a token lives, is put on the incident's record when it is first worked on: counted
anew by the declarations of a later day it would be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from containment.former import LONGEST, Former
from containment.incidents.incident import Generation, Incident, State
from containment.incidents.scope import leaked_in
from policies.model import Estate, TokenType, Workload

COUNT = 4
"""So many incidents within one TTL can touch a batch workload before its new tokens are denied too."""


def noted(
    incidents: Iterable[Incident], estate: Estate, former: Former, attached: Mapping[str, int] | None = None
) -> tuple[Incident, ...]:
    """`incidents`, each open one with the generations that were out when it was first worked on: of every workload that
    it has in scope, by what is granted now or was while they were made, and that has batch tokens or may have some
    out. `attached`: by workload, the generation that the server gives to a login now, which is closed whatever the
    records say."""
    known = list(incidents)
    lives = {w.name: w.ttl.max for w in batch_workloads(estate)}
    for name, life in former.batch().items():
        lives[name] = max(life, lives.get(name, 0))
    for at, incident in sorted(enumerate(known), key=lambda one: (one[1].opened_at, one[1].id)):
        if incident.state is not State.OPEN or incident.generations is not None:
            continue
        found = [
            Generation(w.name, _out(w, known, attached or {}), LONGEST if former.unread else lives[w.name])
            for w in estate.workloads
            if w.name in lives and _touches(incident, w, estate, former)
        ]
        known[at] = replace(incident, generations=tuple(found))
    return tuple(known)


def all_noted(incidents: Iterable[Incident]) -> bool:
    """Whether each open one has its generations on record."""
    return all(i.generations is not None for i in incidents if i.state is State.OPEN)


def _out(workload: Workload, known: Sequence[Incident], attached: Mapping[str, int]) -> int:
    number = _number(workload, known)
    return number + (attached.get(workload.name) == (number + 1) % COUNT)


def _touches(incident: Incident, workload: Workload, estate: Estate, former: Former) -> bool:
    held = {s.name for s in estate.granted.get(workload.name, ())} | former.granted(workload.name)
    ours = {f"workload:{workload.name}", *(f"secret:{name}" for name in held)}
    return incident.scope.everything or not ours.isdisjoint(leaked_in(incident, estate.repositories))


def current(workload: Workload, incidents: Iterable[Incident]) -> int:
    """The generation that a login gets now."""
    return _number(workload, incidents) % COUNT


def _number(workload: Workload, incidents: Iterable[Incident]) -> int:
    """Counted on and on. What an earlier version has put on record counts for every workload: whom it touched then,
    nobody knows now."""
    known = tuple(incidents)
    before = sum(i.generations is None and i.state is State.LIFTED for i in known)
    closed = (g.number for i in known for g in i.generations or () if g.workload == workload.name)
    return max([before, *(number + 1 for number in closed)])


def closed_until(workload: Workload, incidents: Iterable[Incident], now: int) -> dict[int, int]:
    """By closed generation, the epoch seconds until which it stays closed; 0 while its incident is not contained. Each
    incident closes all but those that logins were given since.

    When COUNT incidents follow each other faster than tokens expire, every generation is closed: nobody logs in with
    success before the oldest one has expired.
    """
    known = tuple(incidents)
    closed: dict[int, int] = {}
    latest = _number(workload, known)
    for number, since, life in _closings(workload, known):
        end = since + max(life, workload.ttl.max) if since else 0
        if end and end <= now:
            continue
        given = {later % COUNT for later in range(number + 1, latest + 1)}
        for one in {number % COUNT, *range(COUNT)} - (given - {number % COUNT}):
            closed[one] = max(end, closed.get(one, end)) if end and closed.get(one, end) else 0
    return closed


def _closings(workload: Workload, incidents: Sequence[Incident]) -> Iterator[tuple[int, int, int]]:
    """Number, when it was contained and how long its tokens live, of each generation that an incident closes."""
    for incident in incidents:
        since = incident.contained_at or incident.lifted_at
        for one in incident.generations or ():
            if one.workload == workload.name:
                yield one.number, since, one.life
    earlier = [i for i in incidents if i.generations is None and i.state is State.LIFTED]
    for number, incident in enumerate(earlier if workload.tokens is TokenType.BATCH else ()):
        yield number, incident.contained_at or incident.lifted_at, workload.ttl.max


def shut_until(workload: Workload, incidents: Iterable[Incident], now: int) -> int | None:
    """When the tokens that the workload gets now are accepted again, epoch seconds; 0 while that is not known, None
    where they are accepted."""
    known = tuple(incidents)
    if workload.tokens is not TokenType.BATCH:
        return None
    return closed_until(workload, known, now).get(current(workload, known))


def batch_workloads(estate: Estate) -> tuple[Workload, ...]:
    return tuple(w for w in estate.workloads if w.tokens is TokenType.BATCH)


def carrying(estate: Estate, incidents: Iterable[Incident], now: int) -> tuple[Workload, ...]:
    """Those that have policies of generations: of batch tokens, or with some out that are denied, though they get
    others by now."""
    known = tuple(incidents)
    return tuple(w for w in estate.workloads if w.tokens is TokenType.BATCH or closed_until(w, known, now))
