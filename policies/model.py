"""What may be declared: frozen, typed, no I/O.

One declaration is one YAML document (`apiVersion: portcullis/v1`); `policies.load` reads them. All TTLs are whole
seconds here and durations like `30m` in YAML. Names are unique per kind within an environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

INCIDENT_TTL_LIMIT = 1800
"""Seconds. The runbook: dynamic credentials live 30 minutes or less until an incident is over."""

KV_SUBPATHS = ("data", "metadata", "subkeys", "delete", "undelete", "destroy")
"""Every API prefix under which KV version 2 serves one secret (OpenBao API docs, KV secrets engine v2)."""


class Environment(StrEnum):
    PRODUCTION = "production"
    STAGING = "staging"


class Tier(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    STANDARD = "standard"


class SecretKind(StrEnum):
    KV = "kv"
    DATABASE = "database"


class Capability(StrEnum):
    READ = "read"
    LIST = "list"
    CREATE = "create"
    UPDATE = "update"


class IncidentAccess(StrEnum):
    """What an incident that has the secret in scope, though not known as leaked, does to re-authenticated workloads."""

    KEEP = "keep"
    DENY = "deny"


class RotationMethod(StrEnum):
    DATABASE_LEASE = "database-lease"
    EXCHANGE_KEY = "exchange-key"
    MANUAL = "manual"


class MountType(StrEnum):
    KV = "kv"
    DATABASE = "database"


class DatabaseGrant(StrEnum):
    """Allow-listed SQL templates (`policies.sql`); a declaration names one and never carries SQL."""

    READONLY = "readonly"
    INGEST = "ingest"
    ANALYTICS = "analytics"


class AuthMethod(StrEnum):
    APPROLE = "approle"
    JWT = "jwt"


class TokenType(StrEnum):
    """Batch tokens are cheap and can be neither listed nor revoked (OpenBao docs, Tokens, token types)."""

    SERVICE = "service"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a declaration was read: file relative to the repository, line of its name counted from 1."""

    file: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Of each of its fields, as `policies.fields` names them; not kept with the estate on a server."""


@dataclass(frozen=True, slots=True)
class Ttl:
    default: int
    max: int


@dataclass(frozen=True, slots=True)
class Grant:
    workload: str
    capabilities: tuple[Capability, ...]


@dataclass(frozen=True, slots=True)
class KvSecret:
    mount: str
    path: str


@dataclass(frozen=True, slots=True)
class DatabaseSecret:
    mount: str
    role: str
    connection: str
    grant: DatabaseGrant


@dataclass(frozen=True, slots=True)
class Upstream:
    """The system that issued a static secret: the account there, and the file of keys that can disable it."""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class SecretAccessPolicy:
    name: str
    environment: Environment
    description: str
    owner: str
    tier: Tier
    secret: KvSecret | DatabaseSecret
    grants: tuple[Grant, ...]
    ttl: Ttl
    incident_ttl: int
    incident_access: IncidentAccess
    rotation: RotationMethod
    rotation_period: int
    upstream: Upstream | None
    source: Source = field(compare=False)
    elsewhere: tuple[KvSecret, ...] = ()
    """Where it may lie too, since an apply that was to move it never came to its end. Declared nowhere."""
    uncertain: tuple[Grant, ...] = ()
    """What such an apply was to give or to take: they may be held, and nobody gives them again."""

    @property
    def holders(self) -> tuple[str, ...]:
        """Workloads that are granted it, or may be."""
        return tuple(dict.fromkeys(grant.workload for grant in (*self.grants, *self.uncertain)))

    @property
    def readers(self) -> tuple[str, ...]:
        """Workloads that are granted to read it."""
        return tuple(dict.fromkeys(g.workload for g in self.grants if Capability.READ in g.capabilities))

    @property
    def key_issuer(self) -> Upstream | None:
        """The upstream where we disable keys and make new ones. Of a secret that is rotated by hand, its upstream says
        whom a person turns to."""
        return self.upstream if self.rotation is RotationMethod.EXCHANGE_KEY else None

    @property
    def kind(self) -> SecretKind:
        return SecretKind.KV if isinstance(self.secret, KvSecret) else SecretKind.DATABASE


@dataclass(frozen=True, slots=True)
class Mount:
    name: str
    environment: Environment
    type: MountType
    ttl: Ttl
    source: Source = field(compare=False)


@dataclass(frozen=True, slots=True)
class DatabaseConnection:
    """A PostgreSQL server behind a database mount. `url_env` and `password_env` name environment variables."""

    name: str
    environment: Environment
    mount: str
    url_env: str
    username: str
    password_env: str
    containment_url_env: str
    source: Source = field(compare=False)


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    environment: Environment
    owner: str
    auth: AuthMethod
    ttl: Ttl
    tokens: TokenType
    bound_claims: tuple[tuple[str, str], ...]
    source: Source = field(compare=False)


@dataclass(frozen=True, slots=True)
class CiRole:
    """A CI identity: a JWT role whose tokens may read `secrets` (names of SecretAccessPolicy)."""

    name: str
    environment: Environment
    owner: str
    repository: str
    bound_claims: tuple[tuple[str, str], ...]
    ttl: Ttl
    secrets: tuple[str, ...]
    source: Source = field(compare=False)


@dataclass(frozen=True, slots=True)
class ActionsSecret:
    """A secret of a repository's workflows: a copy of the declared KV secret `secret`, under the name `name`."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class Protection:
    """What the default branch asks for beyond approvals. `pushers`: who alone may push or merge in peace, each a login
    or `organization/team`, which have no case at GitHub; nobody: whoever may write."""

    enforce_admins: bool = False
    required_checks: tuple[str, ...] = ()
    code_owner_reviews: bool = False
    last_push_approval: bool = False
    pushers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pushers", tuple(name.lower() for name in self.pushers))


@dataclass(frozen=True, slots=True)
class Repository:
    """A GitHub repository. `control`: keeps taking reviewed merges by `mergers` while everything else is locked."""

    name: str
    environment: Environment
    owner: str
    default_branch: str
    control: bool
    mergers: tuple[str, ...]
    required_approvals: int
    actions_secrets: tuple[ActionsSecret, ...]
    deploy_keys: tuple[str, ...]
    """Titles; any other deploy key on the repository is drift."""
    source: Source = field(compare=False)
    protection: Protection = Protection()
    rulesets: tuple[str, ...] = ()
    """Names of somebody else's; any other beside those of a lock-down is drift."""
    other_secrets: tuple[str, ...] = ()
    """Names of Actions secrets that are no copy of a declared secret; any other one is drift."""


@dataclass(frozen=True)
class Estate:
    """Everything declared, in file order."""

    secrets: tuple[SecretAccessPolicy, ...]
    mounts: tuple[Mount, ...]
    connections: tuple[DatabaseConnection, ...]
    workloads: tuple[Workload, ...]
    ci_roles: tuple[CiRole, ...]
    repositories: tuple[Repository, ...]

    @cached_property
    def granted(self) -> dict[str, tuple[SecretAccessPolicy, ...]]:
        """What each workload is granted or may be, by its name; computed once, since every identity asks."""
        found: dict[str, list[SecretAccessPolicy]] = {}
        for policy in self.secrets:
            for workload in policy.holders:
                found.setdefault(workload, []).append(policy)
        return {workload: tuple(policies) for workload, policies in found.items()}
