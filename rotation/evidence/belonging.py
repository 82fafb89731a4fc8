"""Which audit records belong to an incident: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from containment import names
from containment.incidents.incident import Incident, State
from containment.incidents.scope import affected
from policies.model import CiRole, DatabaseSecret, Estate, Workload


@dataclass(frozen=True, slots=True)
class Belonging:
    """`paths`: whole path segments, or a beginning where one ends in `/` or `-`. `policies`: whatever a token with one
    of them did belongs, on every path: it was in the hands of whoever had the leaked identity."""

    paths: tuple[str, ...]
    policies: tuple[str, ...]


_ALWAYS = (
    f"auth/{names.APPROLE}/login",
    f"auth/{names.JWT}/login",
    "auth/token/create",
    "auth/token/create-orphan",
    "auth/token/revoke",
    "auth/token/revoke-accessor",
    "auth/token/revoke-orphan",
    "sys/leases/revoke",
    "sys/leases/revoke-prefix",
    "sys/leases/revoke-force",
    "sys/wrapping/unwrap",
    "identity/entity/id",
    "sys/policy/",
    "sys/policies/acl/portcullis-",
    f"sys/policies/acl/{names.PREFIX}",
)
"""Logins, tokens made, revocations, and the policies that the product and its operator live by."""


def belonging(estate: Estate, incident: Incident) -> Belonging:
    scope = affected(estate, (replace(incident, state=State.OPEN),))  # what belongs to it stays when it is lifted
    paths = {*_ALWAYS, f"{names.STORE}/data/incidents/{incident.id}", names.evidence_head(incident.id)}
    for policy in scope.secrets:
        paths.update(names.denied_paths(policy))
        if isinstance(policy.secret, DatabaseSecret):
            paths.add(f"{policy.secret.mount}/roles/{policy.secret.role}")
    identities: list[Workload | CiRole] = [*scope.workloads, *scope.ci_roles]
    for identity in identities:
        paths.add(names.login_role(identity))
    leaked: list[Workload | CiRole] = [
        *scope.leaked_workloads,
        *(c for c in scope.ci_roles if c.name in incident.scope.names("ci")),
    ]
    return Belonging(tuple(sorted(paths)), tuple(sorted(names.own_policy(i) for i in leaked)))
