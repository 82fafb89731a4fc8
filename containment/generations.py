"""Batch tokens cannot be listed or revoked, only denied. So the tokens of a batch workload carry one of two policies of
their own, its generation: a lock-down closes the generation that is out and gives new logins the next one. A closed
generation opens again when every token of it must have expired, lifted or not. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from containment.incident import Incident
from containment.scope import leaked_in
from policies.model import Estate, TokenType, Workload

COUNT = 4
"""So many incidents within one TTL can touch a batch workload before its new tokens are denied too."""


def touching(workload: Workload, estate: Estate, incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Incidents, lifted ones too, that had this workload in scope, in the order of their opening."""
    ours = {f"workload:{workload.name}", *(f"secret:{s.name}" for s in estate.granted.get(workload.name, ()))}
    found = [i for i in incidents if i.scope.everything or not ours.isdisjoint(leaked_in(i, estate.repositories))]
    return tuple(sorted(found, key=lambda i: (i.opened_at, i.id)))


def current(workload: Workload, estate: Estate, incidents: Iterable[Incident]) -> int:
    """The generation that a login gets now."""
    return len(touching(workload, estate, incidents)) % COUNT


def closed_until(workload: Workload, estate: Estate, incidents: Iterable[Incident], now: int) -> dict[int, int]:
    """By closed generation, the epoch seconds until which it stays closed; 0 while its incident is not contained.

    When COUNT incidents follow each other faster than tokens expire, every generation is closed: nobody logs in with
    success before the oldest one has expired.
    """
    closed: dict[int, int] = {}
    for position, incident in enumerate(touching(workload, estate, incidents)):
        end = incident.contained_at + workload.ttl.max if incident.contained_at else 0
        if end == 0 or end > now:
            closed[position % COUNT] = end
    return closed


def shut_until(workload: Workload, estate: Estate, incidents: Iterable[Incident], now: int) -> int | None:
    """When the tokens that the workload gets now are accepted again, epoch seconds; 0 while that is not known, None
    where they are accepted."""
    known = tuple(incidents)
    return closed_until(workload, estate, known, now).get(current(workload, estate, known))


def batch_workloads(estate: Estate) -> tuple[Workload, ...]:
    return tuple(w for w in estate.workloads if w.tokens is TokenType.BATCH)
