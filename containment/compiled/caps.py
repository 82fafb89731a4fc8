"""Roles and mounts that an incident leaves usable with short TTLs: pure. What is set on each, and what it had in peace.

A lock-down writes these over the API and Pulumi leaves the TTLs alone meanwhile (docs/adr/0008): its state is saved
after every change, so that capping each role by Pulumi takes time with the square of their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from containment import names
from containment.compiled import locked
from containment.incidents import generations
from containment.incidents.incident import Incident
from containment.incidents.scope import Affected
from policies.model import (
    AuthMethod,
    CiRole,
    DatabaseSecret,
    Estate,
    Mount,
    SecretAccessPolicy,
    TokenType,
    Ttl,
    Workload,
)

MOUNT = "mount TTL capped"


@dataclass(frozen=True, slots=True)
class Cap:
    """`what` and `name` as an effect is reported; `path` of the role, or by which a mount is tuned;
    `incident` and `peace`: its parameters."""

    what: str
    name: str
    path: str
    incident: dict[str, Any]
    peace: dict[str, Any]


def caps(affected: Affected, incidents: Sequence[Incident]) -> list[Cap]:
    """Of what is in scope and not shut altogether. Login roles of leaked workloads are, until they are replaced, unless
    they are AppRoles: those have no secret_id then."""
    databases = [_database(p, p.secret) for p in affected.secrets if isinstance(p.secret, DatabaseSecret)]
    logins = [
        _login(w, incidents) for w in affected.workloads if not (w.auth is AuthMethod.JWT and affected.is_shut(w))
    ]
    return [*databases, *logins, *map(_mount, affected.mounts)]


def renewed(estate: Estate, affected: Affected, incidents: Sequence[Incident]) -> list[Cap]:
    """Logins out of scope whose batch tokens are closed all the same, since what leaked was granted to them while those
    may have been made: to `peace`, with the next generation."""
    closed = {g.workload for i in affected.open for g in i.generations or ()}
    batch = generations.batch_workloads(estate)
    return [_login(w, incidents) for w in batch if w.name in closed and not affected.in_scope(w)]


def freed(before: Affected, after: Affected, incidents: Sequence[Incident]) -> list[Cap]:
    """Of what was in scope `before` and is no more `after`, with `incidents` as they are after. CI roles too: Pulumi
    turns them off and on, but one that was cut short takes what it failed to write for written, and the Terraform
    provider writes only the TTLs that it takes for changed."""
    return [
        *(
            _database(p, p.secret)
            for p in before.secrets
            if isinstance(p.secret, DatabaseSecret) and not after.in_scope(p)
        ),
        *(_login(w, incidents) for w in before.workloads if not after.in_scope(w)),
        *(_ci(c) for c in before.ci_roles if not after.is_shut(c)),
        *(_mount(m) for m in before.mounts if m not in after.mounts),
    ]


def _database(policy: SecretAccessPolicy, secret: DatabaseSecret) -> Cap:
    ttl = locked.role_ttl(policy)
    return Cap(
        "database role capped",
        policy.name,
        f"{secret.mount}/roles/{secret.role}",
        {"default_ttl": ttl, "max_ttl": ttl},
        {"default_ttl": policy.ttl.default, "max_ttl": policy.ttl.max},
    )


def _login(workload: Workload, incidents: Sequence[Incident]) -> Cap:
    shared: dict[str, Any] = {}
    if workload.auth is AuthMethod.JWT:
        shared |= {"bound_claims": dict(workload.bound_claims), **locked.JWT_ROLE}
    if workload.tokens is TokenType.BATCH:
        number = generations.current(workload, incidents)
        shared["token_policies"] = names.token_policies(workload, number)
    return Cap(
        "login TTL capped",
        workload.name,
        names.login_role(workload),
        {**_token(locked.login_ttl(workload.ttl)), **shared},
        {**_token(workload.ttl), **shared},
    )


def _ci(role: CiRole) -> Cap:
    on = {"bound_claims": dict(role.bound_claims), **_token(role.ttl), **locked.JWT_ROLE}
    return Cap("CI role off", role.name, names.login_role(role), locked.OFF_ROLE, on)


def _mount(mount: Mount) -> Cap:
    path = f"sys/mounts/{mount.name}/tune"
    return Cap(MOUNT, mount.name, path, _lease(locked.login_ttl(mount.ttl)), _lease(mount.ttl))


def _lease(ttl: Ttl) -> dict[str, Any]:
    return {"default_lease_ttl": ttl.default, "max_lease_ttl": ttl.max}


def _token(ttl: Ttl) -> dict[str, Any]:
    return {"token_ttl": ttl.default, "token_max_ttl": ttl.max}
