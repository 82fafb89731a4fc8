"""Batch tokens cannot be listed or revoked, only denied. So the tokens of a batch workload carry one of two policies of
their own, its generation: a lock-down closes the generation that is out and gives new logins the other one. A closed
generation opens again when every token of it must have expired, lifted or not. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from containment.incident import Incident
from policies.model import Estate, TokenType, Workload

COUNT = 2


def touching(workload: Workload, estate: Estate, incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Incidents, lifted ones too, that had this workload in scope, in the order of their opening."""
    granted = {s.name for s in estate.granted.get(workload.name, ())}
    found = [
        i
        for i in incidents
        if i.scope.everything or workload.name in i.scope.names("workload") or granted & i.scope.names("secret")
    ]
    return tuple(sorted(found, key=lambda i: (i.opened_at, i.id)))


def current(workload: Workload, estate: Estate, incidents: Iterable[Incident]) -> int:
    """The generation that a login gets now."""
    return len(touching(workload, estate, incidents)) % COUNT


def closed_until(workload: Workload, estate: Estate, incidents: Iterable[Incident], now: int) -> dict[int, int]:
    """By closed generation, the epoch seconds until which it stays closed; 0 while its incident is not contained.

    When two incidents follow each other faster than tokens expire, both generations are closed: nobody logs in with
    success before the older one has expired.
    """
    closed: dict[int, int] = {}
    for position, incident in enumerate(touching(workload, estate, incidents)):
        end = incident.contained_at + workload.ttl.max if incident.contained_at else 0
        if end == 0 or end > now:
            closed[position % COUNT] = end
    return closed


def batch_workloads(estate: Estate) -> tuple[Workload, ...]:
    return tuple(w for w in estate.workloads if w.tokens is TokenType.BATCH)
