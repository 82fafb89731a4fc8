"""What a declaration says beside paths, and which way is wider. Pure: a subject's aspects, each with a direction.

A subject is named by what it is on the servers (a secret by its path), so that a file that is renamed or split is none;
what a path is called is an aspect of it. Identities and repositories are called on the servers as they are declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from access.snapshot import Place
from containment import names
from policies import fields, sql
from policies.model import (
    CiRole,
    DatabaseConnection,
    DatabaseSecret,
    Environment,
    Estate,
    IncidentAccess,
    Mount,
    Repository,
    SecretAccessPolicy,
    Source,
    Tier,
    TokenType,
    Ttl,
    Workload,
)


class Wider(StrEnum):
    """When a new value of an aspect gives more than the old one did."""

    GREATER = "greater"
    LESS = "less"
    MORE_MEMBERS = "more members"
    FEWER_CONDITIONS = "fewer conditions"
    OTHER = "other"
    """Any other value: who can say what a new owner or another upstream account means?"""


Value = int | str | frozenset[str]

LASTING = ("name", "identity", "protection")
"""Of each kind of subject that has an owner the aspect that it always has: without it, it is declared no more."""


@dataclass(frozen=True, slots=True)
class Fact:
    """`value`: seconds for a TTL; a rank where the aspect has an order, `text` being its word. `given`: the path of
    what the subject has by it, whose owner answers, when it is taken out too. `alone`: no principal's paths tell that a
    new subject brings it."""

    subject: str
    aspect: str
    value: Value
    text: str
    wider: Wider
    environment: Environment
    place: Place
    given: str = ""
    alone: bool = False

    @property
    def widens_anew(self) -> bool:
        """Where there was nothing. Whom a new subject names as its owner widens nothing, and answers for nothing."""
        if not self.alone or self.aspect == "owner":
            return False
        return self.wider is Wider.OTHER or (self.wider is Wider.MORE_MEMBERS and bool(self.value))

    def widened_from(self, before: Fact) -> bool:
        old, new = before.value, self.value
        match self.wider:
            case Wider.GREATER:
                return isinstance(old, int) and isinstance(new, int) and new > old
            case Wider.LESS:
                return isinstance(old, int) and isinstance(new, int) and new < old
            case Wider.MORE_MEMBERS:
                return isinstance(old, frozenset) and isinstance(new, frozenset) and not new <= old
            case Wider.FEWER_CONDITIONS:
                return isinstance(old, frozenset) and isinstance(new, frozenset) and not new >= old
            case Wider.OTHER:
                return old != new


_TIERS = (Tier.STANDARD, Tier.HIGH, Tier.CRITICAL)


class _Subject:
    """Facts of one declaration: `secret secret/data/trading/exchange`."""

    def __init__(self, kind: str, name: str, environment: Environment, source: Source, *, alone: bool = False) -> None:
        self._subject, self._environment, self._source, self._alone = f"{kind} {name}", environment, source, alone

    def __call__(
        self,
        aspect: str,
        field: str,
        value: Value,
        wider: Wider,
        text: str = "",
        *,
        given: str = "",
        alone: bool = False,
    ) -> Fact:
        line = fields.line(self._source.lines, field) if self._source.lines else self._source.line
        said = text or (", ".join(sorted(value)) or "none" if isinstance(value, frozenset) else str(value))
        place = Place(self._source.file, line)
        return Fact(self._subject, aspect, value, said, wider, self._environment, place, given, alone or self._alone)

    def environment(self) -> Fact:
        """Which is the folder that it is in, and so the rules and approvals that hold for it."""
        rank = int(self._environment is Environment.PRODUCTION)
        return self("environment", "metadata.name", rank, Wider.LESS, self._environment.value)

    def identity(self, login: str, claims: frozenset[str], ttl: Ttl, tokens: TokenType = TokenType.SERVICE) -> Fact:
        """Who may log in: what it is granted stands with its paths, and it may be granted nothing yet."""
        bound = f" with {', '.join(sorted(claims))}" if claims else ""
        text = f"logs in by {login}{bound} for {tokens.value} tokens of {ttl.default} s, {ttl.max} s at most"
        return self("identity", "metadata.name", 1, Wider.OTHER, text, alone=True)

    def seconds(self, aspect: str, field: str, value: int) -> Fact:
        return self(aspect, field, value, Wider.GREATER, f"{value} s")


def facts(estate: Estate) -> dict[tuple[str, str], Fact]:
    """By subject and aspect."""
    return {(f.subject, f.aspect): f for f in _all(estate)}


def _all(estate: Estate) -> Iterator[Fact]:
    paths = {s.name: names.granted_path(s) for s in estate.secrets}
    for secret in estate.secrets:
        yield from _secret(secret)
    for mount in estate.mounts:
        yield from _mount(mount)
    for connection in estate.connections:
        yield from _connection(connection)
    for workload in estate.workloads:
        yield from _workload(workload)
    for role in estate.ci_roles:
        yield from _ci_role(role)
    for repository in estate.repositories:
        yield from _repository(repository, paths)


def _secret(secret: SecretAccessPolicy) -> Iterator[Fact]:
    fact = _Subject("secret", names.granted_path(secret), secret.environment, secret.source)
    yield fact.environment()
    # By it go an incident's scope, what is kept apart, who may write in production and a key's tag upstream.
    yield fact("name", "metadata.name", secret.name, Wider.OTHER)
    yield fact("owner", "spec.owner", secret.owner, Wider.OTHER)
    yield fact("tier", "spec.tier", _TIERS.index(secret.tier), Wider.LESS, secret.tier.value)
    yield fact.seconds("TTL, default", "spec.ttl.default", secret.ttl.default)
    yield fact.seconds("TTL, max", "spec.ttl.max", secret.ttl.max)
    yield fact.seconds("TTL in an incident", "spec.incident.ttl", secret.incident_ttl)
    kept = secret.incident_access is IncidentAccess.KEEP
    yield fact("access in an incident", "spec.incident.access", int(kept), Wider.GREATER, secret.incident_access.value)
    yield fact("rotation", "spec.rotation.method", secret.rotation.value, Wider.OTHER)
    yield fact.seconds("rotation period", "spec.rotation.period", secret.rotation_period)
    upstream = f"{secret.upstream.name} {secret.upstream.account}" if secret.upstream else "none"
    yield fact("upstream", "spec.upstream", upstream, Wider.OTHER)
    if isinstance(secret.secret, DatabaseSecret):
        statements = "\n".join(sql.creation(secret.secret.grant))
        yield fact("database connection", "spec.secret.connection", secret.secret.connection, Wider.OTHER)
        yield fact("SQL statements", "spec.secret.grant", statements, Wider.OTHER, secret.secret.grant.value)


def _mount(mount: Mount) -> Iterator[Fact]:
    fact = _Subject("mount", mount.name, mount.environment, mount.source, alone=True)
    yield fact.environment()
    yield fact("type", "spec.type", mount.type.value, Wider.OTHER)
    yield fact.seconds("TTL, default", "spec.ttl.default", mount.ttl.default)
    yield fact.seconds("TTL, max", "spec.ttl.max", mount.ttl.max)


def _connection(connection: DatabaseConnection) -> Iterator[Fact]:
    name = f"{connection.mount}/config/{connection.name}"
    fact = _Subject("database connection", name, connection.environment, connection.source, alone=True)
    yield fact.environment()
    yield fact("URL", "spec.urlEnv", connection.url_env, Wider.OTHER)
    yield fact("user", "spec.username", connection.username, Wider.OTHER)
    yield fact("password", "spec.passwordEnv", connection.password_env, Wider.OTHER)
    yield fact("URL for containment", "spec.containmentUrlEnv", connection.containment_url_env, Wider.OTHER)


def _workload(workload: Workload) -> Iterator[Fact]:
    fact = _Subject("workload", workload.name, workload.environment, workload.source)
    yield fact.environment()
    yield fact.identity(workload.auth.value, _claims(workload), workload.ttl, workload.tokens)
    yield fact("owner", "spec.owner", workload.owner, Wider.OTHER)
    yield fact("login", "spec.auth", workload.auth.value, Wider.OTHER)
    yield fact("claims that a login must have", "spec.boundClaims", _claims(workload), Wider.FEWER_CONDITIONS)
    batch = workload.tokens is TokenType.BATCH
    yield fact("tokens", "spec.tokens", int(batch), Wider.GREATER, workload.tokens.value)
    yield fact.seconds("TTL, default", "spec.ttl.default", workload.ttl.default)
    yield fact.seconds("TTL, max", "spec.ttl.max", workload.ttl.max)


def _ci_role(role: CiRole) -> Iterator[Fact]:
    fact = _Subject("CI role", role.name, role.environment, role.source)
    yield fact.environment()
    yield fact.identity(names.login_method(role), _claims(role), role.ttl)
    yield fact("owner", "spec.owner", role.owner, Wider.OTHER)
    yield fact("repository", "spec.repository", role.repository, Wider.OTHER)
    yield fact("claims that a login must have", "spec.boundClaims", _claims(role), Wider.FEWER_CONDITIONS)
    yield fact.seconds("TTL, default", "spec.ttl.default", role.ttl.default)
    yield fact.seconds("TTL, max", "spec.ttl.max", role.ttl.max)


def _claims(identity: Workload | CiRole) -> frozenset[str]:
    return frozenset(f"{name}={value}" for name, value in identity.bound_claims)


def _repository(repository: Repository, paths: dict[str, str]) -> Iterator[Fact]:
    fact = _Subject("repository", repository.name, repository.environment, repository.source, alone=True)
    yield fact.environment()
    copies = frozenset(f"{a.name} from {paths.get(a.secret, a.secret)}" for a in repository.actions_secrets)
    merges = "spec.requiredApprovals"
    yield fact("protection", "metadata.name", 1, Wider.LESS, "declared")
    yield fact("owner", "spec.owner", repository.owner, Wider.OTHER)
    yield fact("protected branch", "spec.defaultBranch", repository.default_branch, Wider.OTHER)
    yield fact("approvals that a merge needs", merges, repository.required_approvals, Wider.LESS)
    yield fact("who merges in an incident", "spec.mergers", frozenset(repository.mergers), Wider.MORE_MEMBERS)
    control = "takes reviewed merges" if repository.control else "locked"
    yield fact("in an incident", "spec.control", int(repository.control), Wider.GREATER, control)
    yield fact("secrets of its workflows", "spec.actionsSecrets", copies, Wider.MORE_MEMBERS)
    for index, copy in enumerate(repository.actions_secrets):
        path = paths.get(copy.secret, copy.secret)
        where = f"spec.actionsSecrets[{index}]"
        yield fact(f"copy of {path} as {copy.name}", where, frozenset({copy.name}), Wider.MORE_MEMBERS, given=path)
    yield fact("deploy keys", "spec.deployKeys", frozenset(repository.deploy_keys), Wider.MORE_MEMBERS)
    yield fact("rulesets of others", "spec.rulesets", frozenset(repository.rulesets), Wider.MORE_MEMBERS)
    yield fact("other Actions secrets", "spec.otherSecrets", frozenset(repository.other_secrets), Wider.MORE_MEMBERS)
    asked = repository.protection
    checks = frozenset(asked.required_checks)
    yield fact("checks that a merge needs", "spec.protection.requiredChecks", checks, Wider.FEWER_CONDITIONS)
    pushers = ", ".join(sorted(asked.pushers)) or "whoever may write"
    yield fact("who may push or merge in peace", "spec.protection.pushers", pushers, Wider.OTHER)
    for what, field, value in (
        ("protection holds for administrators", "enforceAdmins", asked.enforce_admins),
        ("a merge needs the code owners' review", "codeOwnerReviews", asked.code_owner_reviews),
        ("the last push needs somebody else's approval", "lastPushApproval", asked.last_push_approval),
    ):
        yield fact(what, f"spec.protection.{field}", int(value), Wider.LESS, "yes" if value else "no")
