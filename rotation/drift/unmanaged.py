"""What exists on the servers and is declared nowhere. Pure: from what was listed to what nobody may have made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from containment import names
from containment.compiled import logins, onboarding, operators
from containment.incidents import generations
from containment.incidents.incident import Incident
from containment.repository import DECLARABLE, RULESETS, BranchRule, settings
from policies.model import AuthMethod, DatabaseSecret, Estate, MountType, Repository, Workload

_BUILT_IN_POLICIES = {"default", "root"}
_BUILT_IN_MOUNTS = {"cubbyhole", "identity", "system", "ns_cubbyhole", "ns_identity", "ns_system"}
"""By type: the server makes them and nobody can unmount them."""


@dataclass(frozen=True, slots=True, order=True)
class Unmanaged:
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class VaultHolds:
    """Names as the server lists them; `mounts` and `methods` without slashes, by type; roles by where they are."""

    policies: tuple[str, ...]
    mounts: Mapping[str, str]
    methods: Mapping[str, str]
    auth_roles: Mapping[str, tuple[str, ...]]
    database_roles: Mapping[str, tuple[str, ...]]
    connections: Mapping[str, tuple[str, ...]]
    entity_policies: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    """Of requests: name to path, "" for all of them."""


@dataclass(frozen=True, slots=True)
class RepositoryHolds:
    """Branch protections, ruleset names and deploy key titles; one that exists twice stands twice. `token`: in words,
    what a workflow's may."""

    rules: tuple[BranchRule, ...]
    rulesets: tuple[str, ...]
    deploy_keys: tuple[str, ...]
    token: tuple[str, ...] = ()


def in_vault(holds: VaultHolds, estate: Estate, incidents: Sequence[Incident] = (), now: int = 0) -> list[Unmanaged]:
    mounts = {m.name for m in estate.mounts} | {names.STORE}
    own = own_policies(estate, incidents, now)
    found = {
        "policy": set(holds.policies) - own - {*operators.POLICIES} - _BUILT_IN_POLICIES,
        "mount": {m for m, kind in holds.mounts.items() if kind not in _BUILT_IN_MOUNTS} - mounts,
        "auth method": set(holds.methods) - {names.APPROLE, names.JWT, "token"},
        "entity policy": {f"{policy} on {entity}" for entity, own in holds.entity_policies.items() for policy in own},
        "identity group": set(holds.groups),
        "namespace": set(holds.namespaces),
        "rate limit": set(_limits(holds, estate)),
    }
    for method, roles in holds.auth_roles.items():
        found[f"auth role {method}"] = set(roles) - _auth_roles(method, estate)
    for mount, roles in holds.database_roles.items():
        declared = {
            s.secret.role for s in estate.secrets if isinstance(s.secret, DatabaseSecret) and s.secret.mount == mount
        }
        found[f"database role {mount}"] = set(roles) - declared
    for mount, connections in holds.connections.items():
        found[f"database connection {mount}"] = set(connections) - {
            c.name for c in estate.connections if c.mount == mount
        }
    return sorted(Unmanaged(kind, name) for kind, extra in found.items() for name in extra)


def _limits(holds: VaultHolds, estate: Estate) -> Iterator[str]:
    """One on the credentials of a declared database alone keeps floods out and stands in no lock-down's way; any other
    may refuse what it asks for."""
    harmless = {f"{m.name}/creds/*" for m in estate.mounts if m.type is MountType.DATABASE}
    for name, path in holds.limits.items():
        of_incident = name == names.FLOOD_LIMIT
        if of_incident or path not in harmless:
            words = " (made for an incident: it goes with the flood, docs/incident_playbooks.md)" if of_incident else ""
            yield f"{name} on {path or 'every path'}{words}"


def own_policies(estate: Estate, incidents: Sequence[Incident] = (), now: int = 0) -> set[str]:
    """Of what is declared, all that Pulumi and the executor write."""
    own = {p for i in logins.identities(estate) for p in names.token_policies(i)}
    batch = generations.carrying(estate, incidents, now)
    return own | {names.generation_policy(w, n) for w in batch for n in range(generations.COUNT)} | {*names.SHARED}


def _auth_roles(method: str, estate: Estate) -> set[str]:
    if method == "token":
        return set(onboarding.token_roles(estate))
    identities = logins.identities(estate)
    ours = {operators.DRIFT, operators.APPROVER} if method == names.JWT else set()
    return ours | {i.name for i in identities if (i.auth if isinstance(i, Workload) else AuthMethod.JWT) == method}


def on_repository(holds: RepositoryHolds, repository: Repository) -> list[Unmanaged]:
    declared = {r.pattern: r for locked in (False, True) for r in settings(repository, locked).branches}
    extra = {
        "branch protection": _beyond((r.pattern for r in holds.rules), set(declared)),
        "ruleset": _beyond(holds.rulesets, {*RULESETS.values(), *repository.rulesets}),
        "deploy key": _beyond(holds.deploy_keys, set(repository.deploy_keys)),
    }
    found = [Unmanaged(kind, f"{repository.name}: {name}") for kind, left in extra.items() for name in left]
    found += [Unmanaged("workflow permission", f"{repository.name}: {words}") for words in holds.token]
    # Pulumi writes none of these ways, so that it sees none of them either.
    found += [
        Unmanaged("way around", f"{repository.name} {rule.pattern}: {way}")
        for rule in holds.rules
        if rule.pattern in declared
        for way in rule.around
    ]
    # A check that never reports keeps merges out of the one repository that takes any in an incident.
    ours = [(r, declared[r.pattern].demands) for r in holds.rules if repository.control and r.pattern in declared]
    for rule, asked in ours:
        more = rule.demands.beyond(asked, DECLARABLE)
        found += [Unmanaged("demand", f"{repository.name} {rule.pattern}: {one}") for one in more]
    return sorted(found)


def secrets_of(held: Iterable[str], repository: Repository) -> list[Unmanaged]:
    """Actions secrets that no declaration knows. One that is taken out of a declaration stays at GitHub, where no
    rotation replaces it."""
    declared = {name.upper() for name in (*(c.name for c in repository.actions_secrets), *repository.other_secrets)}
    extra = (name for name in held if name.upper() not in declared)
    return sorted(Unmanaged("actions secret", f"{repository.name}: {name}") for name in extra)


def _beyond(found: Iterable[str], declared: set[str]) -> list[str]:
    """Names that are not declared, and those that are there more than once."""
    left, wanted = [], set(declared)
    for name in found:
        if name in wanted:
            wanted.discard(name)
        else:
            left.append(name)
    return left
