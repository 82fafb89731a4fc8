"""Mounts, database roles, policies and identities as components; what an incident does to each is an argument."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

import pulumi
import pulumi_vault as vault

from containment import names
from containment.compiled import gate, locked
from containment.incidents import generations
from containment.incidents.incident import Incident
from containment.incidents.scope import Affected
from policies import sql
from policies.errors import InputError
from policies.model import (
    AuthMethod,
    CiRole,
    DatabaseConnection,
    DatabaseSecret,
    Estate,
    Mount,
    MountType,
    SecretAccessPolicy,
    TokenType,
    Ttl,
    Workload,
)
from stacks.registration import batches, registered
from stacks.settings import EVERY_ENVIRONMENT

_DATABASE_TTLS = ["default_ttl", "max_ttl"]
_MOUNT_TTLS = ["default_lease_ttl_seconds", "max_lease_ttl_seconds"]
_TOKEN_TTLS = ["token_ttl", "token_max_ttl"]
WORKLOAD = "portcullis:access:Workload"


@dataclass(frozen=True, slots=True)
class Context:
    """What every component needs to know: the declarations, what is affected, and by which incidents."""

    estate: Estate
    affected: Affected
    incidents: tuple[Incident, ...]
    """All that the servers know, the lifted ones too."""
    now: int
    environment: str
    """What this stack declares; the gate is one for all, so it is always compiled from everything."""


class SecretMount(pulumi.ComponentResource):
    def __init__(self, mount: Mount, context: Context) -> None:
        super().__init__("portcullis:access:Mount", mount.name)
        in_scope = mount in context.affected.mounts
        ttl = locked.login_ttl(mount.ttl) if in_scope else mount.ttl
        opts = pulumi.ResourceOptions(parent=self, protect=True)
        self.mount = vault.Mount(
            mount.name,
            path=mount.name,
            type="kv" if mount.type is MountType.KV else "database",
            options={"version": "2"} if mount.type is MountType.KV else None,
            default_lease_ttl_seconds=ttl.default,
            max_lease_ttl_seconds=ttl.max,
            opts=_left_to_the_lock_down(opts, in_scope, _MOUNT_TTLS),
        )


class Connection(pulumi.ComponentResource):
    def __init__(self, connection: DatabaseConnection, roles: list[str], mount: SecretMount) -> None:
        super().__init__("portcullis:access:DatabaseConnection", connection.name)
        vault.database.SecretBackendConnection(
            connection.name,
            backend=mount.mount.path,
            name=connection.name,
            allowed_roles=sorted(roles),
            verify_connection=True,
            postgresql=vault.database.SecretBackendConnectionPostgresqlArgs(
                connection_url=_variable(connection, connection.url_env),
                username=connection.username,
                password=pulumi.Output.secret(_variable(connection, connection.password_env)),
                username_template=names.USERNAME_TEMPLATE,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


class SecretAccess(pulumi.ComponentResource):
    """A SecretAccessPolicy: for a database secret its role; a KV secret's value is never Pulumi's.

    Pulumi knows the role by its place: what it deletes after it has made the rest would be, under another declaration's
    name, the role that it has just made there."""

    def __init__(self, policy: SecretAccessPolicy, mount: SecretMount, context: Context) -> None:
        super().__init__("portcullis:access:SecretAccessPolicy", policy.name)
        self.last: pulumi.CustomResource | None = None
        secret = policy.secret
        if not isinstance(secret, DatabaseSecret):
            return
        in_scope = context.affected.in_scope(policy)
        opts = pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(name=policy.name)])  # of an earlier version
        role = vault.database.SecretBackendRole(
            f"{secret.mount}/{secret.role}",
            backend=mount.mount.path,
            name=secret.role,
            db_name=secret.connection,
            creation_statements=sql.creation(secret.grant),
            revocation_statements=[sql.revocation()],
            default_ttl=locked.role_ttl(policy) if in_scope else policy.ttl.default,
            max_ttl=locked.role_ttl(policy) if in_scope else policy.ttl.max,
            opts=_left_to_the_lock_down(opts, in_scope, _DATABASE_TTLS),
        )
        self.last = role


class Identity(pulumi.ComponentResource):
    """A workload: its own exact-path policy and its login role, gate and quarantine attached."""

    def __init__(self, workload: Workload, context: Context) -> None:
        super().__init__(WORKLOAD, workload.name)
        opts = pulumi.ResourceOptions(parent=self)
        own = names.own_policy(workload)
        vault.Policy(own, name=own, policy=gate.own_policy(workload, context.estate, context.affected), opts=opts)
        generation = generations.current(workload, context.incidents)
        closed = generations.closed_until(workload, context.incidents, context.now)
        if workload.tokens is TokenType.BATCH or closed:
            for number in range(generations.COUNT):
                name = names.generation_policy(workload, number)
                text = gate.generation(workload, context.estate, number in closed)
                vault.Policy(name, name=name, policy=text, opts=opts)
        policies = names.token_policies(workload, generation)
        in_scope = context.affected.in_scope(workload)
        ttl = locked.login_ttl(workload.ttl) if in_scope else workload.ttl
        role_opts = _left_to_the_lock_down(opts, in_scope, _TOKEN_TTLS)
        if workload.auth is AuthMethod.APPROLE:
            self.last: pulumi.CustomResource = vault.approle.AuthBackendRole(
                workload.name,
                backend=names.APPROLE,
                role_name=workload.name,
                token_policies=policies,
                token_type=workload.tokens.value,
                token_ttl=ttl.default,
                token_max_ttl=ttl.max,
                opts=role_opts,
            )
        elif context.affected.is_shut(workload):
            self.last = _jwt_role(workload, locked.OFF_CLAIMS, locked.OFF_TTL, policies, workload.tokens, opts)
        else:
            claims = dict(workload.bound_claims)
            self.last = _jwt_role(workload, claims, ttl, policies, workload.tokens, role_opts)


class CiIdentity(pulumi.ComponentResource):
    """A CI role; in an incident it stays where it is and accepts no login."""

    def __init__(self, role: CiRole, context: Context) -> None:
        super().__init__("portcullis:access:CiRole", role.name)
        opts = pulumi.ResourceOptions(parent=self)
        own = names.own_policy(role)
        vault.Policy(own, name=own, policy=gate.own_policy(role, context.estate, context.affected), opts=opts)
        off = context.affected.is_shut(role)
        claims = locked.OFF_CLAIMS if off else dict(role.bound_claims)
        ttl = locked.OFF_TTL if off else role.ttl
        _jwt_role(role, claims, ttl, names.token_policies(role), TokenType.SERVICE, opts)


def _left_to_the_lock_down(
    opts: pulumi.ResourceOptions, in_scope: bool, properties: list[str]
) -> pulumi.ResourceOptions:
    """The TTLs of a role or mount that exists are the executor's while an incident has it in scope (docs/adr/0008); one
    that is new begins with the incident's."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=properties)) if in_scope else opts


def _jwt_role(
    identity: Workload | CiRole,
    claims: dict[str, str],
    ttl: Ttl,
    policies: list[str],
    tokens: TokenType,
    opts: pulumi.ResourceOptions,
) -> vault.jwt.AuthBackendRole:
    return vault.jwt.AuthBackendRole(
        identity.name,
        backend=names.JWT,
        role_name=identity.name,
        role_type="jwt",
        user_claim="sub",
        bound_audiences=[names.AUDIENCE],
        bound_claims=claims,
        token_policies=policies,
        token_type=tokens.value,
        token_ttl=ttl.default,
        token_max_ttl=ttl.max,
        opts=opts,
    )


def _variable(connection: DatabaseConnection, name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise InputError(f"{connection.source.file}:{connection.source.line}: environment variable {name} is not set")
    return value


def chosen(context: Context) -> Estate:
    estate, wanted = context.estate, context.environment
    if wanted == EVERY_ENVIRONMENT:
        return estate
    kinds = [kind.name for kind in fields(Estate)]
    return Estate(**{kind: tuple(x for x in getattr(estate, kind) if x.environment == wanted) for kind in kinds})


def _by_place(secrets: tuple[SecretAccessPolicy, ...], context: Context) -> tuple[SecretAccessPolicy, ...]:
    """One of each place, one that is in scope before another: a database role whose secret is called otherwise by now
    is two secrets' in an incident."""
    found: dict[str, SecretAccessPolicy] = {}
    for policy in sorted(secrets, key=lambda policy: not context.affected.in_scope(policy)):
        found.setdefault(names.granted_path(policy), policy)
    return tuple(found.values())


async def declare(context: Context) -> None:
    """Everything but the gate, which is registered and awaited before this is called."""
    estate = chosen(context)
    mounts = {m.name: SecretMount(m, context) for m in estate.mounts}
    for connection in estate.connections:
        roles = [
            s.secret.role
            for s in context.estate.secrets
            if isinstance(s.secret, DatabaseSecret) and s.secret.connection == connection.name
        ]
        Connection(connection, roles, mounts[connection.mount])
    for role in estate.ci_roles:
        CiIdentity(role, context)
    for policies in batches(_by_place(estate.secrets, context)):
        await registered(SecretAccess(policy, mounts[policy.secret.mount], context).last for policy in policies)
    for workloads in batches(estate.workloads):
        await registered(Identity(workload, context).last for workload in workloads)
