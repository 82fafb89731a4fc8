"""Estates that do not agree: what an incident works on then. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeAlias

from policies.model import Estate, IncidentAccess, KvSecret, Repository, SecretAccessPolicy

_Secret: TypeAlias = Callable[[SecretAccessPolicy, SecretAccessPolicy], SecretAccessPolicy]


def with_kept(estate: Estate, last: Estate) -> Estate:
    """What an incident works on: no older checkout takes a name, the place where a secret lies, who disables it, a
    class that is denied, what leaks with a repository, or its lock out of a lock-down. A declaration goes with the
    first apply in peace."""
    return _united(estate, last, _as_denied)


def as_before(estate: Estate, last: Estate) -> tuple[str, ...]:
    """`kind:name` of secrets and identities that `with_kept` takes as they were, of which rotation needs the rights."""
    lies = {policy.name: policy.secret for policy in estate.secrets}
    workloads, roles = {one.name for one in estate.workloads}, {one.name for one in estate.ci_roles}
    return (
        *(f"secret:{policy.name}" for policy in last.secrets if lies.get(policy.name) != policy.secret),
        *(f"workload:{one.name}" for one in last.workloads if one.name not in workloads),
        *(f"ci:{one.name}" for one in last.ci_roles if one.name not in roles),
    )


def unfinished(done: Estate, begun: Estate) -> Estate:
    """What the servers may hold when an apply has begun that never came to its end: what was `done` before, whatever it
    took away or made anew, and what it may have added: names, another place of a secret, what denies more."""
    return _united(done, begun, _as_begun)


def with_part(done: Estate | None, estate: Estate, environment: str) -> Estate:
    """What is done once the stack of one environment has declared its part of `estate`: of the others what was `done`
    before, in the order of `estate`."""

    def parts(kind: str) -> tuple[Any, ...]:
        before = [one for one in getattr(done, kind) if one.environment != environment] if done else []
        ours = [one for one in getattr(estate, kind) if one.environment == environment]
        place = {one.name: number for number, one in enumerate(getattr(estate, kind))}
        return tuple(sorted([*before, *ours], key=lambda one: place.get(one.name, len(place))))

    return Estate(**{f.name: parts(f.name) for f in fields(Estate)})


def _united(estate: Estate, other: Estate, secret: _Secret) -> Estate:
    """All of both. What both have is as `estate` has it, but for what `secret` and `_as_locked` make of it."""
    secrets = {policy.name: policy for policy in other.secrets}
    repositories = {repository.name: repository for repository in other.repositories}
    estate = replace(
        estate,
        secrets=tuple(secret(policy, secrets.get(policy.name, policy)) for policy in estate.secrets),
        repositories=tuple(_as_locked(r, repositories.get(r.name, r)) for r in estate.repositories),
    )

    def union(now: tuple[Any, ...], then: tuple[Any, ...]) -> tuple[Any, ...]:
        declared = {one.name for one in now}
        return (*now, *(one for one in then if one.name not in declared))

    return Estate(**{f.name: union(getattr(estate, f.name), getattr(other, f.name)) for f in fields(Estate)})


def _as_denied(policy: SecretAccessPolicy, last: SecretAccessPolicy) -> SecretAccessPolicy:
    if policy.secret != last.secret:  # what is granted where it will lie is granted by nobody where it lies
        policy = _in_both(policy, last)
    policy = _strictest(policy, last)
    uncertain = dict.fromkeys((*policy.uncertain, *last.uncertain))
    return replace(policy, secret=last.secret, elsewhere=last.elsewhere, uncertain=tuple(uncertain))


def _as_begun(done: SecretAccessPolicy, begun: SecretAccessPolicy) -> SecretAccessPolicy:
    held = (done.secret, *done.elsewhere)
    more = tuple(s for s in (begun.secret, *begun.elsewhere) if isinstance(s, KvSecret) and s not in held)
    return _strictest(replace(_in_both(done, begun), elsewhere=(*done.elsewhere, *more)), begun)


def _in_both(policy: SecretAccessPolicy, other: SecretAccessPolicy) -> SecretAccessPolicy:
    """With the grants that both have; any other is uncertain."""
    grants = tuple(grant for grant in policy.grants if grant in other.grants)
    rest = (*policy.grants, *other.grants, *policy.uncertain, *other.uncertain)
    return replace(policy, grants=grants, uncertain=tuple(dict.fromkeys(g for g in rest if g not in grants)))


def _strictest(policy: SecretAccessPolicy, other: SecretAccessPolicy) -> SecretAccessPolicy:
    """Denied as a class where either says so, and its key disabled by whom either names."""
    if other.key_issuer and not policy.key_issuer:
        policy = replace(policy, rotation=other.rotation, upstream=other.upstream)
    deny = IncidentAccess.DENY in (policy.incident_access, other.incident_access)
    return replace(policy, incident_access=IncidentAccess.DENY) if deny else policy


def _as_locked(repository: Repository, last: Repository) -> Repository:
    taken = (one for one in last.actions_secrets if one not in repository.actions_secrets)
    control = repository.control and last.control
    return replace(repository, control=control, actions_secrets=(*repository.actions_secrets, *taken))
