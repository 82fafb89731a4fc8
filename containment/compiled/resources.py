"""What Pulumi may register, and with which inputs, by the declarations: its own gate denies the rest. Pure.

As Pulumi calls them: a resource by its type and name, an input by its path. What an input may be is a list of values,
null where it may be left out; or `all`, what a list must hold beside anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containment import names
from containment.compiled import locked, planned
from containment.incidents import generations
from containment.repository import ORGANIZATION_ACTIONS, RULESETS, BranchRule, settings
from policies import sql
from policies.model import (
    AuthMethod,
    CiRole,
    DatabaseConnection,
    DatabaseSecret,
    Estate,
    Mount,
    MountType,
    Repository,
    SecretAccessPolicy,
    TokenType,
    Ttl,
    Workload,
)

Inputs = dict[str, Any]
Resources = dict[str, dict[str, Inputs]]

EVERY = "*"
"""Any name of that type."""
ANY: dict[str, list[str]] = {"all": []}

_GROUPS = (
    "pulumi:pulumi:Stack",
    "pulumi:providers:pulumi",
    *(f"portcullis:access:{kind}" for kind in ("CiRole", "DatabaseConnection", "Mount", "SecretAccessPolicy")),
    "portcullis:access:Workload",
    "portcullis:github:OrganizationActions",
    "portcullis:github:Repository",
)
"""They write nothing themselves, and so have no input."""
_REVIEWS, _PUSHES, _CHECKS = "requiredPullRequestReviews/0/", "restrictPushes/0/", "requiredStatusChecks/0/"
_MOST_APPROVALS = 6


def resources(estate: Estate, environ: Mapping[str, str], *, incident: bool) -> Resources:
    """`environ`: names the servers. `incident`: what one sets a resource to is allowed beside what is declared."""
    jwt: list[Workload | CiRole] = [w for w in estate.workloads if w.auth is AuthMethod.JWT]
    return {
        **{kind: {EVERY: {}} for kind in _GROUPS},
        "pulumi:providers:vault": {EVERY: {"version": ANY}},
        "pulumi:providers:github": {"github": _github(environ)},
        "vault:index/policy:Policy": {n: {"name": [n], "policy": ANY} for n in planned.policies(estate)},
        "vault:index/mount:Mount": {m.name: _mount(m, incident) for m in estate.mounts},
        "vault:database/secretBackendConnection:SecretBackendConnection": {
            c.name: _connection(c, estate, environ) for c in estate.connections
        },
        "vault:database/secretBackendRole:SecretBackendRole": {
            f"{s.secret.mount}/{s.secret.role}": _database_role(s, s.secret, incident)
            for s in estate.secrets
            if isinstance(s.secret, DatabaseSecret)
        },
        "vault:appRole/authBackendRole:AuthBackendRole": {
            w.name: {"backend": [names.APPROLE], "bindSecretId": [True], **_login(w, incident)}
            for w in estate.workloads
            if w.auth is AuthMethod.APPROLE
        },
        "vault:jwt/authBackendRole:AuthBackendRole": {i.name: _jwt(i, incident) for i in (*jwt, *estate.ci_roles)},
        **_repositories(estate.repositories, incident),
    }


def of_one(known: Resources, kind: str, name: str) -> dict[str, Inputs]:
    """What the declarations give of one resource, by its name; nothing where they do not."""
    declared = known.get(kind, {})
    found = declared.get(name, declared.get(EVERY))
    return {} if found is None else {name: found}


def with_repository(declared: dict[str, Inputs], also: str) -> dict[str, Inputs]:
    """With GitHub's own id of the repository beside its name: a protection that was imported has that one."""
    return {
        name: {**wanted, "repositoryId": [*wanted["repositoryId"], also]} if "repositoryId" in wanted else wanted
        for name, wanted in declared.items()
    }


def _github(environ: Mapping[str, str]) -> Inputs:
    return {
        "version": ANY,
        "baseUrl": [environ.get("GITHUB_BASE_URL") or "https://api.github.com/"],
        "token": ANY,
        "readDelayMs": ["0"],
        "writeDelayMs": ["0"],
    }


def _mount(mount: Mount, incident: bool) -> Inputs:
    kv, ttls = mount.type is MountType.KV, [mount.ttl, *([locked.login_ttl(mount.ttl)] if incident else [])]
    return {
        "path": [mount.name],
        "type": ["kv" if kv else "database"],
        "options": [{"version": "2"} if kv else None],
        "defaultLeaseTtlSeconds": [ttl.default for ttl in ttls],
        "maxLeaseTtlSeconds": [ttl.max for ttl in ttls],
    }


def _connection(connection: DatabaseConnection, estate: Estate, environ: Mapping[str, str]) -> Inputs:
    secrets = (s.secret for s in estate.secrets if isinstance(s.secret, DatabaseSecret))
    return {
        "backend": [connection.mount],
        "name": [connection.name],
        "allowedRoles": [sorted(s.role for s in secrets if s.connection == connection.name)],
        "verifyConnection": [True],
        "postgresql/connectionUrl": [environ.get(connection.url_env)],
        "postgresql/username": [connection.username],
        "postgresql/password": ANY,
        "postgresql/usernameTemplate": [names.USERNAME_TEMPLATE],
        "postgresql/maxOpenConnections": ANY,
        "postgresql/passwordAuthentication": ["password"],
    }


def _ttls(default: str, longest: str, ttl: Ttl, incident: bool) -> Inputs:
    """While an incident is open they are the lock-down's (docs/adr/0008)."""
    return {default: ANY, longest: ANY} if incident else {default: [ttl.default], longest: [ttl.max]}


def _database_role(policy: SecretAccessPolicy, secret: DatabaseSecret, incident: bool) -> Inputs:
    return {
        "backend": [secret.mount],
        "name": [secret.role],
        "dbName": [secret.connection],
        "creationStatements": [sql.creation(secret.grant)],
        "revocationStatements": [[sql.revocation()]],
        **_ttls("defaultTtl", "maxTtl", policy.ttl, incident),
    }


def _login(identity: Workload | CiRole, incident: bool) -> Inputs:
    numbers = range(generations.COUNT)  # of which those of a service token are all alike
    tokens = identity.tokens if isinstance(identity, Workload) else TokenType.SERVICE
    return {
        "roleName": [identity.name],
        "tokenPolicies": [names.token_policies(identity, number) for number in numbers],
        "tokenType": [tokens.value],
        **_ttls("tokenTtl", "tokenMaxTtl", identity.ttl, incident),
    }


def _jwt(identity: Workload | CiRole, incident: bool) -> Inputs:
    return {
        "backend": [names.JWT],
        "roleType": ["jwt"],
        "userClaim": ["sub"],
        "boundAudiences": [[names.AUDIENCE]],
        "boundClaims": [dict(identity.bound_claims), *([locked.OFF_CLAIMS] if incident else [])],
        **_login(identity, incident),
    }


def _repositories(repositories: tuple[Repository, ...], incident: bool) -> Resources:
    modes = (False, True) if incident else (False,)
    protections, rulesets, actions = dict[str, Inputs](), dict[str, Inputs](), dict[str, Inputs]()
    for repository in repositories:
        name, wanted = repository.name, [settings(repository, mode) for mode in modes]
        for rules in zip(*(one.branches for one in wanted), strict=True):
            protections[f"{name}-{rules[0].pattern}"] = _protection(repository, rules)
        for sets in zip(*(one.rulesets for one in wanted), strict=True):
            first = sets[0]
            rulesets[name if first.target == "branch" else f"{name}-{first.target}"] = {
                "name": [RULESETS[first.target]],
                "repository": [name],
                "target": [first.target],
                "enforcement": ["active" if one.active else "disabled" for one in sets],
                "conditions/refName/includes": [list(first.include)],
                "conditions/refName/excludes": [list(first.exclude)],
                **{f"rules/{rule}": [True] for rule in ("creation", "deletion", "nonFastForward", "update")},
            }
        actions[name] = {
            "repository": [name],
            "enabled": [one.actions for one in wanted],
            "allowedActions": ["all" if one.actions else None for one in wanted],
        }
    organization = {
        "enabledRepositories": [ORGANIZATION_ACTIONS[mode] for mode in modes],
        "allowedActions": ANY,
        "shaPinningRequired": ANY,
    }
    return {
        "github:index/branchProtection:BranchProtection": protections,
        "github:index/repositoryRuleset:RepositoryRuleset": rulesets,
        "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions": actions,
        "github:index/actionsOrganizationPermissions:ActionsOrganizationPermissions": {"actions": organization},
    }


def _protection(repository: Repository, rules: tuple[BranchRule, ...]) -> Inputs:
    """`rules`: in peace, and in an incident where one is open. What the branch asks for beyond them GitHub alone knows
    (docs/adr/0012), so more than is declared is allowed."""
    peace, incident = rules[0], len(rules) > 1
    asked, reviewed = peace.demands, peace.approvals > 0
    pushers = [None if rule.pushers is None else [p if "/" in p else f"/{p}" for p in rule.pushers] for rule in rules]
    held = None in pushers and not repository.control
    return {
        "repositoryId": [repository.name],
        "pattern": [peace.pattern],
        "lockBranch": [rule.lock for rule in rules],
        "enforceAdmins": [rule.enforce_admins for rule in rules],
        "requireSignedCommits": ANY,
        "requiredLinearHistory": ANY,
        "requireConversationResolution": ANY,
        f"{_REVIEWS}requiredApprovingReviewCount": [
            peace.approvals or None,
            *(range(peace.approvals + 1, _MOST_APPROVALS + 1) if incident else ()),
        ],
        f"{_REVIEWS}dismissStaleReviews": [True] if reviewed else ANY,
        f"{_REVIEWS}requireCodeOwnerReviews": [True] if reviewed and asked.code_owners else ANY,
        f"{_REVIEWS}requireLastPushApproval": [True] if reviewed and asked.last_push else ANY,
        f"{_REVIEWS}restrictDismissals": ANY,
        f"{_REVIEWS}dismissalRestrictions": ANY,
        f"{_CHECKS}contexts": {"all": list(asked.checks)},
        f"{_CHECKS}strict": ANY,
        f"{_PUSHES}pushAllowances": ANY if held else pushers,
        f"{_PUSHES}blocksCreations": [True] if peace.creations_blocked else ANY,
    }
