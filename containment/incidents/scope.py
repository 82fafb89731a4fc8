"""From the words a responder types to what is affected: pure, and refused before anything changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from containment import names
from containment.errors import UnknownScope
from containment.incidents.incident import EVERYTHING, Incident, Scope, State
from policies.model import (
    CiRole,
    DatabaseSecret,
    Estate,
    IncidentAccess,
    KvSecret,
    Mount,
    Repository,
    SecretAccessPolicy,
    Workload,
)


def parse_scope(text: str, estate: Estate) -> Scope:
    """`""` is everything. Otherwise comma-separated names, each `kind:name` or a name that only one kind has; the word
    `everything` among them has everything in scope beside what is named.

    Raises UnknownScope naming every offender, and for a text without any name: it was not meant to be everything.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not text:
        return Scope(everything=True)
    if not words:
        raise UnknownScope(f"{text!r} names nothing; leave it empty for everything")
    known = {
        "secret": {s.name for s in estate.secrets},
        "workload": {w.name for w in estate.workloads},
        "ci": {c.name for c in estate.ci_roles},
        "repository": {r.name for r in estate.repositories},
    }
    leaked: list[str] = []
    offenders: list[str] = []
    for word in (word for word in words if word != EVERYTHING):
        kind, _, name = word.rpartition(":")
        kinds = [k for k in known if name in known[k] and kind in ("", k)]
        if len(kinds) == 1:
            leaked.append(f"{kinds[0]}:{name}")
        else:
            why = f"is ambiguous, write {' or '.join(f'{k}:{name}' for k in kinds)}"
            offenders.append(f"{word!r} {why if kinds else f'is declared nowhere{_meant(name, known)}'}")
    names = tuple(sorted(set(leaked)))
    if offenders:
        raise UnknownScope("; ".join(offenders), names)
    return Scope(EVERYTHING in words, names)


def _meant(name: str, known: Mapping[str, Collection[str]]) -> str:
    """Whatever kind was written: it may be what is wrong."""
    near = get_close_matches(name, sorted(set().union(*known.values())))
    found = [f"{kind}:{one}" for one in near for kind in known if one in known[kind]]
    return f" (there is {', '.join(found)})" if found else ""


@dataclass(frozen=True)
class Affected:
    """The union of the open incidents, resolved against the declarations."""

    denied: tuple[SecretAccessPolicy, ...]
    """Leaked static secrets whose replacement is not proven yet: every exact path is denied."""
    denied_class: tuple[SecretAccessPolicy, ...]
    """In scope by class and declared `incident.access: deny`: the granted path is denied until the lift."""
    secrets: tuple[SecretAccessPolicy, ...]
    """In scope: leases revoked, TTLs capped, quarantined while tokens are revoked; among them the database roles that a
    leaked workload or CI role is granted."""
    leaked_secrets: tuple[SecretAccessPolicy, ...]
    """Named as leaked, or held by a repository that is."""
    workloads: tuple[Workload, ...]
    leaked_workloads: tuple[Workload, ...]
    leaked: tuple[Workload | CiRole, ...]
    """Identities that are named as leaked."""
    unreplaced_workloads: tuple[Workload, ...]
    """Leaked and not yet replaced: no login at all."""
    ci_roles: tuple[CiRole, ...]
    """All of them in every incident: deployments pause."""
    mounts: tuple[Mount, ...]
    """All of them where everything is in scope: TTLs capped."""
    repositories: tuple[Repository, ...]
    """All of them in every incident: nothing is merged or run until it is over."""
    leaked_repositories: tuple[Repository, ...]
    open: tuple[Incident, ...]

    @property
    def control_leaked(self) -> bool:
        """Its jobs log in as the product's own identities, and make the operator's token (docs/adr/0011)."""
        return any(r.control for r in self.leaked_repositories)

    @property
    def shut(self) -> tuple[Workload | CiRole, ...]:
        """Identities that may do nothing at all."""
        return (*self.unreplaced_workloads, *self.ci_roles)

    @cached_property
    def _shut_names(self) -> frozenset[tuple[type, str]]:
        return frozenset((type(i), i.name) for i in self.shut)

    def is_shut(self, identity: Workload | CiRole) -> bool:
        return (type(identity), identity.name) in self._shut_names

    @cached_property
    def narrowed(self) -> tuple[Workload, ...]:
        """Those that are granted what is denied, and not shut: their own policies do not grant it meanwhile, so that a
        token which somebody made with such a policy and without the gate is refused too."""
        holders = {workload for s in self.denied for workload in s.holders}
        return tuple(w for w in self.workloads if w.name in holders and not self.is_shut(w))

    def is_denied(self, policy: SecretAccessPolicy) -> bool:
        """Whether it leaked and is not replaced."""
        return policy.name in self._denied_names

    @cached_property
    def denied_paths(self) -> frozenset[str]:
        """Every API path of what is denied: each identity's own policy asks for them."""
        return frozenset(path for policy in self.denied for path in names.exact_paths(policy))

    @cached_property
    def _denied_names(self) -> frozenset[str]:
        return frozenset(s.name for s in self.denied)

    @cached_property
    def _secret_names(self) -> frozenset[str]:
        return frozenset(s.name for s in self.secrets)

    @cached_property
    def _workload_names(self) -> frozenset[str]:
        return frozenset(w.name for w in self.workloads)

    def in_scope(self, what: SecretAccessPolicy | Workload) -> bool:
        """By name, since a stack asks this of everything that is declared."""
        return what.name in (self._secret_names if isinstance(what, SecretAccessPolicy) else self._workload_names)


def leaked_in(incident: Incident, repositories: Sequence[Repository]) -> tuple[str, ...]:
    """`kind:name` of what leaked in it. With a repository leak the secrets that its workflows hold."""
    leaked = incident.scope.names("repository")
    held = (f"secret:{a.secret}" for r in repositories if r.name in leaked for a in r.actions_secrets)
    return tuple(dict.fromkeys([*incident.scope.leaked, *held]))


def leased_to(identity: Workload | CiRole, estate: Estate) -> list[SecretAccessPolicy]:
    """Database roles that it may have leases of. A lease says not whose it is; one of a batch token does not end with
    the token, one of a service token some time after it, or not at all, and the server tells nobody."""
    if isinstance(identity, CiRole):
        held = [s for s in estate.secrets if s.name in identity.secrets]
    else:
        held = list(estate.granted.get(identity.name, ()))
    return [s for s in held if isinstance(s.secret, DatabaseSecret)]


def affected(estate: Estate, incidents: Sequence[Incident]) -> Affected:
    """What the open ones of `incidents` touch. Names no longer declared are handled by the compiled estate."""
    opened_incidents = tuple(i for i in incidents if i.state is State.OPEN)
    scopes = [i.scope for i in opened_incidents]
    everything = any(s.everything for s in scopes)

    def leaked(kind: str) -> frozenset[str]:
        return frozenset().union(*(s.names(kind) for s in scopes)) if scopes else frozenset()

    leaked_repositories = tuple(r for r in estate.repositories if r.name in leaked("repository"))
    taken = leaked("secret") | {a.secret for r in leaked_repositories for a in r.actions_secrets}
    # What was replaced in one incident may have leaked again in another: each waits for its own replacement.
    unreplaced = frozenset(
        name for i in opened_incidents for name in leaked_in(i, estate.repositories) if name not in i.opened
    )
    leaked_secrets = tuple(s for s in estate.secrets if s.name in taken)
    static = tuple(s for s in leaked_secrets if isinstance(s.secret, KvSecret))
    leaked_names = leaked("workload")
    leaked_workloads = tuple(w for w in estate.workloads if w.name in leaked_names)
    leaked_roles = tuple(role for role in estate.ci_roles if role.name in leaked("ci"))
    by_leaked: tuple[Workload | CiRole, ...] = (*leaked_workloads, *leaked_roles)
    leased = {s.name for identity in by_leaked for s in leased_to(identity, estate)}
    secrets = tuple(s for s in estate.secrets if everything or s.name in taken or s.name in leased)
    scoped = leaked_names | {workload for s in leaked_secrets for workload in s.holders}
    return Affected(
        denied=tuple(s for s in static if f"secret:{s.name}" in unreplaced),
        denied_class=tuple(s for s in secrets if everything and s.incident_access is IncidentAccess.DENY),
        secrets=secrets,
        leaked_secrets=leaked_secrets,
        workloads=tuple(w for w in estate.workloads if everything or w.name in scoped),
        leaked_workloads=leaked_workloads,
        leaked=by_leaked,
        unreplaced_workloads=tuple(w for w in leaked_workloads if f"workload:{w.name}" in unreplaced),
        ci_roles=estate.ci_roles if opened_incidents else (),
        mounts=estate.mounts if everything else (),
        repositories=estate.repositories if opened_incidents else (),
        leaked_repositories=leaked_repositories,
        open=opened_incidents,
    )
