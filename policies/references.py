"""What no schema can say of the declarations: names that must be unique or exist, and bounds between fields. Pure; one
function a kind of declaration, each naming every offender."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policies import fields, model
from policies.document import Problem
from policies.logins import Identity, pairs, repository_of


@dataclass(frozen=True)
class _Declared:
    """The estate, by name, and what was found of it and does not load, by kind and name: that is not missing."""

    estate: model.Estate
    unread: Collection[tuple[str, str]]

    def absent(self, item: Any, field: str, kind: str, name: str, message: str) -> Iterator[Problem]:
        if (kind, name) not in self.unread:
            yield _problem(item, field, message, "declare it")

    @cached_property
    def mounts(self) -> dict[str, model.Mount]:
        return {m.name: m for m in self.estate.mounts}

    @cached_property
    def connections(self) -> dict[str, model.DatabaseConnection]:
        return {c.name: c for c in self.estate.connections}

    @cached_property
    def workloads(self) -> dict[str, model.Workload]:
        return {w.name: w for w in self.estate.workloads}

    @cached_property
    def secrets(self) -> dict[str, model.SecretAccessPolicy]:
        return {s.name: s for s in self.estate.secrets}

    @cached_property
    def repositories(self) -> frozenset[str]:
        return frozenset(r.name for r in self.estate.repositories)


def problems(estate: model.Estate, unread: Collection[tuple[str, str]]) -> list[Problem]:
    """`unread`: kind and name of what does not load; of a mount, its path."""
    declared = _Declared(estate, unread)
    return [
        *_names(declared),
        *_mounts(declared),
        *_identities(declared),
        *_connections(declared),
        *_ttls(declared),
        *_secrets(declared),
        *_workloads(declared),
        *_unused(declared),
        *_repositories(declared),
        *_ci_roles(declared),
    ]


def _problem(item: Any, field: str, message: str, remedy: str) -> Problem:
    return Problem(item.source.file, fields.line(item.source.lines, field), field, message, remedy)


def _named_by(item: Any) -> str:
    return "spec.path" if isinstance(item, model.Mount) else "metadata.name"


def _place(item: Any) -> str:
    return f"{item.source.file}:{fields.line(item.source.lines, _named_by(item))}"


def _names(declared: _Declared) -> Iterator[Problem]:
    estate = declared.estate
    kinds: tuple[tuple[Any, ...], ...] = (
        estate.secrets,
        estate.mounts,
        estate.connections,
        estate.workloads,
        estate.ci_roles,
        estate.repositories,
    )
    for kind in kinds:
        seen: dict[str, Any] = {}
        for item in kind:
            first = seen.setdefault(item.name, item)
            if first is not item:
                message = f"{item.name!r} is declared in {_place(first)} already"
                yield _problem(item, _named_by(item), message, "rename one")
    for role in estate.ci_roles:
        if role.name in declared.workloads:
            message = f"{role.name!r} is a workload too, declared in {_place(declared.workloads[role.name])}"
            yield _problem(role, "metadata.name", message, "rename one: both are login roles")


_RESERVED = ("auth", "cubbyhole", "identity", "portcullis", "sys")
"""First segments that are the server's own, and the product's store: whoever writes there writes what is in force."""

_OURS = "portcullis-"
"""Identities of the product's own; one logs in by a role of this name."""


def _mounts(declared: _Declared) -> Iterator[Problem]:
    for mount in declared.estate.mounts:
        if mount.name.split("/")[0] in _RESERVED:
            yield _problem(mount, "spec.path", f"{mount.name!r} is reserved", "mount it elsewhere")
        for other in declared.estate.mounts:
            if other.name.startswith(f"{mount.name}/"):
                message = f"lies within {mount.name!r}, declared in {_place(mount)}"
                yield _problem(other, "spec.path", message, "mount it beside it")


def _identities(declared: _Declared) -> Iterator[Problem]:
    identities: list[model.Workload | model.CiRole] = [*declared.estate.workloads, *declared.estate.ci_roles]
    for identity in identities:
        if identity.name.startswith(_OURS):
            yield _problem(identity, "metadata.name", f"names that begin with {_OURS!r} are reserved", "rename it")
        for claim, value in identity.bound_claims:
            if "*" in value or "," in value or value != value.strip():  # the provider splits at commas, and trims
                message = f"{value!r} is compared letter by letter, and is nobody's"
                yield _problem(identity, f"spec.boundClaims.{claim}", message, "write one claim out")
    yield from _logins(identities)


def _logins(identities: Iterable[Identity]) -> Iterator[Problem]:
    """A lock-down shuts the identity that is named; who may log in as another by the same JWT goes on."""
    for identity, other in pairs(identities):
        message = f"a JWT may log in as {other.name!r} too, declared in {_place(other)}: a leak of one is of both"
        yield _problem(identity, "spec.boundClaims", message, "bind a claim in which they differ")


def _connections(declared: _Declared) -> Iterator[Problem]:
    for connection in declared.estate.connections:
        yield from _mount(connection, "spec.mount", connection.mount, model.MountType.DATABASE, declared)


def _mount(item: Any, field: str, name: str, wanted: model.MountType, declared: _Declared) -> Iterator[Problem]:
    mount = declared.mounts.get(name)
    if mount is None or mount.type is not wanted:
        yield from declared.absent(item, field, "Mount", name, f"no {wanted} mount {name!r}")
    elif mount.environment is not item.environment:
        yield _problem(item, field, f"{name!r} is {mount.environment}", "use its own environment's")


def _ttls(declared: _Declared) -> Iterator[Problem]:
    estate = declared.estate
    timed: list[model.SecretAccessPolicy | model.Mount | model.Workload | model.CiRole] = [
        *estate.secrets,
        *estate.mounts,
        *estate.workloads,
        *estate.ci_roles,
    ]
    for item in timed:
        if item.ttl.default > item.ttl.max:
            yield _problem(
                item, "spec.ttl.default", f"{item.ttl.default} s exceeds max, {item.ttl.max} s", "lower the default"
            )


def _secrets(declared: _Declared) -> Iterator[Problem]:
    places: dict[tuple[str, str], model.SecretAccessPolicy] = {}
    roles: dict[str, model.SecretAccessPolicy] = {}
    for policy in declared.estate.secrets:
        secret = policy.secret
        wanted = model.MountType.KV if isinstance(secret, model.KvSecret) else model.MountType.DATABASE
        yield from _mount(policy, "spec.secret.mount", secret.mount, wanted, declared)
        if isinstance(secret, model.DatabaseSecret):
            yield from _connection(policy, secret, declared)
            yield from _role(policy, secret, roles.setdefault(secret.role, policy))
        place = (secret.mount, secret.path if isinstance(secret, model.KvSecret) else secret.role)
        if place in places:
            first = places[place]
            message = f"{'/'.join(place)} already belongs to {first.name!r}, declared in {_place(first)}"
            field = "path" if isinstance(secret, model.KvSecret) else "role"
            yield _problem(policy, f"spec.secret.{field}", message, "one owner a path")
        places.setdefault(place, policy)
        yield from _grants(policy, declared)
        yield from _rotation(policy)


def _connection(
    policy: model.SecretAccessPolicy, secret: model.DatabaseSecret, declared: _Declared
) -> Iterator[Problem]:
    field, used = "spec.secret.connection", declared.connections.get(secret.connection)
    if used is None:
        name = secret.connection
        yield from declared.absent(policy, field, "DatabaseConnection", name, f"no connection {name!r}")
    elif used.mount != secret.mount:
        yield _problem(policy, field, f"{used.name!r} is on mount {used.mount!r}", "name that mount's")


def _role(
    policy: model.SecretAccessPolicy, secret: model.DatabaseSecret, first: model.SecretAccessPolicy
) -> Iterator[Problem]:
    """Two servers may be one: users go by the role's name alone."""
    if first is not policy and first.secret.mount != secret.mount:
        message = f"{secret.role!r} is {first.name!r}'s too, declared in {_place(first)}: users of both have one prefix"
        yield _problem(policy, "spec.secret.role", message, "call one otherwise: a lock-down ends users by that prefix")
    for index, grant in enumerate(policy.grants):
        if model.Capability.READ not in grant.capabilities:
            message = "without read nobody gets a database user"
            yield _problem(policy, f"spec.grants[{index}].capabilities", message, "grant read, or nothing")


def _grants(policy: model.SecretAccessPolicy, declared: _Declared) -> Iterator[Problem]:
    for index, grant in enumerate(policy.grants):
        field, workload = f"spec.grants[{index}].workload", declared.workloads.get(grant.workload)
        if workload is None:
            name = grant.workload
            yield from declared.absent(policy, field, "Workload", name, f"no workload {name!r}")
        elif workload.environment is not policy.environment:
            yield _problem(policy, field, f"{grant.workload!r} is {workload.environment}", "split it")


def _rotation(policy: model.SecretAccessPolicy) -> Iterator[Problem]:
    if policy.incident_ttl > model.INCIDENT_TTL_LIMIT:
        yield _problem(
            policy,
            "spec.incident.ttl",
            f"{policy.incident_ttl} s is longer than {model.INCIDENT_TTL_LIMIT} s",
            "30m or less",
        )
    if policy.rotation is model.RotationMethod.EXCHANGE_KEY and policy.upstream is None:
        yield _problem(policy, "spec.upstream", "missing for an exchange key", "name where it is disabled")
    if policy.rotation is model.RotationMethod.EXCHANGE_KEY and policy.kind is model.SecretKind.DATABASE:
        yield _problem(policy, "spec.rotation.method", "a database role has no key", "database-lease")
    leased = policy.rotation is model.RotationMethod.DATABASE_LEASE
    if leased and policy.kind is not model.SecretKind.DATABASE:
        yield _problem(policy, "spec.rotation.method", "a KV secret has no leases", "exchange-key or manual")


def _workloads(declared: _Declared) -> Iterator[Problem]:
    for workload in declared.estate.workloads:
        if workload.auth is model.AuthMethod.JWT and not workload.bound_claims:
            yield _problem(workload, "spec.boundClaims", "missing for a JWT workload", "bind at least one claim")
        if workload.auth is model.AuthMethod.APPROLE and workload.bound_claims:
            yield _problem(workload, "spec.boundClaims", "AppRole checks no claims", "remove them, or use jwt")


def _unused(declared: _Declared) -> Iterator[Problem]:
    if any(kind == "Repository" for kind, _ in declared.unread):
        return  # it may copy any of them
    copied = {a.secret for r in declared.estate.repositories for a in r.actions_secrets}
    for policy in declared.estate.secrets:
        if not policy.grants and policy.name not in copied:
            remedy = "grant it to a workload or name it in a repository"
            yield _problem(policy, "spec.grants", "nobody may use it", remedy)


def _repositories(declared: _Declared) -> Iterator[Problem]:
    taken: dict[str, model.Repository] = {}
    for repository in declared.estate.repositories:
        for name in (f"ruleset {repository.name}", f"ruleset {repository.name}-tag", _protection(repository)):
            if (other := taken.setdefault(name, repository)) is not repository:
                message = f"Pulumi would have one name for its {name.replace(' ', ' of ', 1)} and for {other.name!r}'s"
                yield _problem(repository, "metadata.name", message, "call one otherwise on GitHub")
        for index, copy in enumerate(repository.actions_secrets):
            field, source = f"spec.actionsSecrets[{index}]", declared.secrets.get(copy.secret)
            if source is None or source.kind is not model.SecretKind.KV:
                name, at = copy.secret, f"{field}.secret"
                yield from declared.absent(repository, at, "SecretAccessPolicy", name, f"no KV secret {name!r}")
            elif source.environment is not repository.environment:
                yield _problem(repository, f"{field}.secret", f"{copy.secret!r} is {source.environment}", "use its own")
            if copy.name in {c.name for c in repository.actions_secrets[:index]}:
                yield _problem(repository, f"{field}.name", f"{copy.name!r} is declared twice", "one secret a name")
        if repository.control and not repository.mergers:
            message = "nobody, though it is to take merges in an incident"
            yield _problem(repository, "spec.mergers", message, "name who merges there")


def _protection(repository: model.Repository) -> str:
    return f"protection {repository.name}-{repository.default_branch}"


_WHICH_RUN = frozenset({"environment", "job_workflow_ref", "ref", "sub"})
"""Claims of a workflow's token that tell one run from another (GitHub docs, OpenID Connect reference)."""


def _ci_roles(declared: _Declared) -> Iterator[Problem]:
    for role in declared.estate.ci_roles:
        if role.repository not in declared.repositories:
            name = role.repository
            yield from declared.absent(role, "spec.repository", "Repository", name, f"no repository {name!r}")
        if (theirs := repository_of(role)) not in ("", role.repository):
            message = f"{theirs!r} is another repository than spec.repository: its leak would not be this role's"
            yield _problem(role, "spec.boundClaims.repository", message, "name one and the same")
        claims = {claim for claim, _ in role.bound_claims}
        if not claims & _WHICH_RUN:
            message = f"any branch and any pull request meets {', '.join(sorted(claims))}"
            yield _problem(role, "spec.boundClaims", message, f"bind one of {', '.join(sorted(_WHICH_RUN))} too")
        for index, name in enumerate(role.secrets):
            field = f"spec.secrets[{index}]"
            secret = declared.secrets.get(name)
            if secret is None:
                yield from declared.absent(role, field, "SecretAccessPolicy", name, f"no SecretAccessPolicy {name!r}")
            elif secret.environment is not role.environment:
                message = f"{name!r} is {secret.environment}"
                yield _problem(role, field, message, "use its own environment's")
