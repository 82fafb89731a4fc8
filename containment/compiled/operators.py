"""The identities that work the gate, as policies: pure. An administrator puts them on the servers, Pulumi never does.

The operator's token (what `pulumi up` uses) writes and attaches only policies under one name prefix. A role's
`token_policies` is compared by the server as a whole list, so the allowed lists are enumerated from the declarations:
a new workload needs an administrator's word, which is where a widening should be approved. Whoever writes policies
makes no token, and the other way round (docs/adr/0007); break-glass alone does both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from access import login_methods
from containment import names
from containment.compiled import locked, logins
from containment.compiled.hcl import hcl
from containment.incidents import generations
from policies.model import (
    INCIDENT_TTL_LIMIT,
    AuthMethod,
    CiRole,
    DatabaseSecret,
    Estate,
    KvSecret,
    TokenType,
    Workload,
)

OPERATOR = "portcullis-operator"
BREAK_GLASS = "portcullis-break-glass"
CONTAINMENT = "portcullis-containment"
ROTATOR = "portcullis-rotator"
PROBER = "portcullis-prober"
APPROVER = "portcullis-approver"
DRIFT = "portcullis-drift"
"""A role of the CI's login method too, as the approver may be: the jobs log in by them."""
APPLY_TTL = 1800
"""Seconds that the token of an approved apply lives."""
POLICIES = (OPERATOR, CONTAINMENT, BREAK_GLASS, ROTATOR, PROBER, APPROVER, DRIFT)

_ALL = ["create", "read", "update", "delete", "list"]
_MAKE = ["create", "read", "update"]
"""A mount is an administrator's to delete: every value in it goes with it."""
_AUDIT_DEVICES = {"sys/audit": {"capabilities": ["read", "sudo"]}}
"""The server lists them to sudo alone. To enable or disable one is another path."""
_PROBE = f"auth/token/create/{names.PROBE_ROLE}"
_APPLY = f"auth/token/create/{names.APPLY_ROLE}"


def operator_policy(estate: Estate) -> str:
    """Policy of the token in the operator's environment. It cannot write itself: its name is outside the prefix."""
    return hcl(_operator_paths(estate))


def containment_policy(estate: Estate) -> str:
    """Policy of the token that locks down: rules for mounts and batch workloads and no others, however much is declared
    (docs/adr/0006). It sets on a role what a lock-down sets, and attaches no policy to one."""
    return hcl(_containment_paths(estate))


def _containment_paths(estate: Estate) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {
        f"sys/policies/acl/{names.PREFIX}*": {"capabilities": ["create", "read", "update"]},
        **_carriers(),
        **_AUDIT_DEVICES,
        "sys/auth": {"capabilities": ["read"]},
        f"{names.STORE}/data/incidents/*": {"capabilities": ["create", "read", "update"]},
        f"{names.STORE}/metadata/incidents": {"capabilities": ["list"]},
        f"{names.STORE}/metadata/incidents/": {"capabilities": ["list"]},
        f"{names.STORE}/undelete/incidents/*": {"capabilities": ["update"]},
        f"{names.STORE}/data/evidence/*": {"capabilities": ["create", "read", "update"]},  # never delete or destroy
        f"{names.STORE}/data/compiled": {"capabilities": ["create", "read", "update"]},
        "auth/token/accessors": {"capabilities": ["list", "sudo"]},
        "auth/token/accessors/": {"capabilities": ["list", "sudo"]},
        "auth/token/lookup-accessor": {"capabilities": ["update"]},
        "auth/token/revoke-accessor": {"capabilities": ["update"]},
        "sys/leases/lookup": {"capabilities": ["update"]},
        "sys/leases/revoke": {"capabilities": ["update"]},
        "identity/lookup/entity": {"capabilities": ["update"]},
        "identity/entity/id/*": {
            "capabilities": ["read", "update"],
            "allowed_parameters": {"disabled": []},
        },
        "sys/capabilities-self": {"capabilities": ["update"]},
        "sys/capabilities-accessor": {"capabilities": ["update"]},
        **{
            path: {"capabilities": ["list"]}
            for roles in (f"auth/{names.APPROLE}/role", f"auth/{names.JWT}/role")
            for path in (roles, f"{roles}/")
        },
        f"auth/{names.APPROLE}/role/+": logins.may_set(logins.ttls()),
        f"auth/{names.APPROLE}/role/+/role-id": {"capabilities": ["read"]},
        f"auth/{names.APPROLE}/role/+/secret-id": {"capabilities": ["list"]},
        f"auth/{names.APPROLE}/role/+/secret-id/": {"capabilities": ["list"]},
        f"auth/{names.APPROLE}/role/+/secret-id-accessor/destroy": {"capabilities": ["update"]},
        f"auth/{names.JWT}/role/+": logins.may_set(logins.jwt([locked.OFF_CLAIMS, *logins.declared_claims(estate)])),
        f"auth/{names.JWT}/config": {"capabilities": ["read"]},
    }
    for mount in estate.mounts:
        lease: logins.Values = {"default_lease_ttl": [], "max_lease_ttl": []}
        paths[f"sys/mounts/{mount.name}/tune"] = logins.may_set(lease)
        if mount.type == "database":
            paths[f"{mount.name}/roles/*"] = logins.may_set({"default_ttl": [], "max_ttl": []})
            paths[f"sys/leases/lookup/{mount.name}/creds/*"] = {"capabilities": ["list", "sudo"]}
    for workload in generations.batch_workloads(estate):
        by_jwt = workload.auth is AuthMethod.JWT
        values = logins.jwt([locked.OFF_CLAIMS, dict(workload.bound_claims)]) if by_jwt else logins.ttls()
        paths[names.login_role(workload)] = logins.may_set({**values, "token_policies": logins.attachable(workload)})
    return paths


def drift_policy(estate: Estate) -> str:
    """For a job that looks for drift, and for whoever asks who reaches what: what the operator may read and list,
    without credentials, tokens and leases, whom policies are attached to, foreign ones too, and how the store keeps.
    However much is declared, its rules are few, or each of its thousands of reads would take the server five times as
    long."""
    return hcl(_drift_paths(estate))


def _drift_paths(estate: Estate) -> dict[str, dict[str, Any]]:
    looks = _attachments(estate)
    apart = {names.granted_path(s) for s in estate.secrets}
    apart |= _login_roles(estate).keys()  # read as anybody's are
    for path, rule in _operator_paths(estate).items():
        allowed = [c for c in rule["capabilities"] if c in ("read", "list")]
        if allowed and path not in apart and not path.startswith(("auth/token/accessors", "sys/leases/")):
            looks[path] = {"capabilities": allowed}
    return {**looks, **_AUDIT_DEVICES}


def _attachments(estate: Estate) -> dict[str, dict[str, Any]]:
    """What `access.sources.live` reads of policies and roles that are declared nowhere; no secret is in any of it."""
    listed, read = [], []
    for mount in estate.mounts:
        if mount.type == "database":
            listed.append(f"{mount.name}/static-roles")
            read.append(f"{mount.name}/static-roles/+")
    return {**_carriers(), **_looks(listed, read)}


def _carriers() -> dict[str, dict[str, Any]]:
    """Others' policies, and who is handed which (docs/adr/0010): a few rules, however much there is. No secret is in
    any of it, and nothing of it is written."""
    folders = [f"auth/+/{folder}" for folder in sorted({f for found in login_methods.FOLDERS.values() for f in found})]
    settings = [f"auth/+/{of}" for of in sorted(set(login_methods.SETTINGS.values()))]
    of_identities = ["auth/token/roles", "identity/entity/id", "identity/group/id"]
    read = [*(f"{f}/+" for f in folders), *settings, "auth/token/roles/+", "identity/group/id/*"]
    return _looks([names.POLICIES, names.NAMESPACES, *folders, *of_identities], [f"{names.POLICIES}/*", *read])


def _looks(listed: Iterable[str], read: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {
        **{f"{path}{end}": {"capabilities": ["list"]} for path in listed for end in ("", "/")},
        **{path: {"capabilities": ["read"]} for path in read},
    }


def _operator_paths(estate: Estate) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {
        **_containment_paths(estate),
        f"sys/policies/acl/{names.PREFIX}*": {"capabilities": _ALL},
        "sys/mounts": {"capabilities": ["read"]},
        **_looks(
            [f"{names.STORE}/metadata/evidence", names.RATE_LIMITS],
            [
                *(f"{names.STORE}/metadata/{of}" for of in ("incidents/*", "evidence/*", "compiled")),
                f"{names.RATE_LIMITS}/+",
            ],
        ),
        f"{names.STORE}/config": {"capabilities": ["read"]},
        "sys/leases/renew": {"capabilities": ["update"]},
    }
    for mount in estate.mounts:
        paths[f"sys/mounts/{mount.name}"] = {"capabilities": _MAKE}
        paths[f"sys/mounts/{mount.name}/tune"] = {"capabilities": ["read", "update"]}
        if mount.type == "database":
            for kind in ("config", "roles"):
                paths[f"{mount.name}/{kind}/*"] = {"capabilities": _ALL}
        else:
            paths[f"{mount.name}/config"] = {"capabilities": _MAKE}
    paths |= _login_roles(estate)
    for policy in estate.secrets:
        if isinstance(policy.secret, DatabaseSecret):
            paths[names.granted_path(policy)] = {"capabilities": ["read"]}
    return paths


def _login_roles(estate: Estate) -> dict[str, dict[str, Any]]:
    """Of each declared identity. Any other Pulumi deletes once nobody declares it, whatever the administrator did
    first; but none of those by which the product's own identities log in."""
    declared = {names.login_role(identity): logins.login_role(identity) for identity in logins.identities(estate)}
    shut = logins.may_set(logins.jwt([locked.OFF_CLAIMS, *logins.declared_claims(estate)]))
    any_of = {f"auth/{names.APPROLE}/role/+": logins.may_set(logins.ttls()), f"auth/{names.JWT}/role/+": shut}
    return {
        **{path: {**rule, "capabilities": [*rule["capabilities"], "delete"]} for path, rule in any_of.items()},
        **{f"auth/{names.JWT}/role/{name}": shut for name in sorted(names.KEEPERS)},
        **declared,
    }


def rotator_policy(estate: Estate) -> str:
    """Policy of the one identity that handles values: it writes and destroys versions of declared secrets, makes
    secret_ids of declared workloads and what is issued for a role. It changes no policy, no role and no mount, and
    lists with sudo only.
    """
    return hcl(_rotator_paths(estate))


def _rotator_paths(estate: Estate) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {
        _PROBE: _probing(),
        f"{names.STORE}/data/incidents/*": {"capabilities": ["read", "update"]},
        f"{names.STORE}/metadata/incidents": {"capabilities": ["list"]},
        f"{names.STORE}/metadata/incidents/": {"capabilities": ["list"]},
        f"{names.STORE}/data/compiled": {"capabilities": ["read"]},
        f"{names.STORE}/data/{names.CANDIDATES}/*": {"capabilities": ["create", "read", "update"]},
        f"{names.STORE}/metadata/{names.CANDIDATES}/*": {"capabilities": ["read", "delete"]},
        "auth/token/accessors": {"capabilities": ["list", "sudo"]},
        "auth/token/accessors/": {"capabilities": ["list", "sudo"]},
        "auth/token/lookup-accessor": {"capabilities": ["update"]},
        "auth/token/revoke-accessor": {"capabilities": ["update"]},
        "sys/leases/lookup": {"capabilities": ["update"]},
        "sys/leases/revoke": {"capabilities": ["update"]},
        "identity/lookup/entity": {"capabilities": ["update"]},
        "identity/entity/id/*": {"capabilities": ["read", "update"], "allowed_parameters": {"disabled": []}},
        "sys/auth": {"capabilities": ["read"]},
        **{f"auth/{method}/role/+": {"capabilities": ["read"]} for method in (names.APPROLE, names.JWT)},
    }
    for policy in estate.secrets:
        secret = policy.secret
        if isinstance(secret, KvSecret):
            paths[f"{secret.mount}/data/{secret.path}"] = {"capabilities": ["read", "update"]}
            paths[f"{secret.mount}/metadata/{secret.path}"] = {"capabilities": ["read"]}
            paths[f"{secret.mount}/destroy/{secret.path}"] = {"capabilities": ["update"]}
        else:
            for end in ("", "/"):
                lookup = f"sys/leases/lookup/{secret.mount}/creds/{secret.role}{end}"
                paths[lookup] = {"capabilities": ["list", "sudo"]}
    for workload in estate.workloads:
        if workload.auth is AuthMethod.APPROLE:
            base = f"auth/{names.APPROLE}/role/{workload.name}"
            paths[f"{base}/role-id"] = {"capabilities": ["read"]}
            for end in ("", "/"):
                paths[f"{base}/secret-id{end}"] = {"capabilities": ["update", "list"]}
            paths[f"{base}/secret-id-accessor/destroy"] = {"capabilities": ["update"]}
    for identity in logins.identities(estate):
        if issuable(identity):
            paths[f"auth/token/create/{names.issue_role(identity)}"] = {
                "capabilities": ["update"],
                "allowed_parameters": {"ttl": [], "display_name": []},
            }
    return paths


def prober_policy() -> str:
    """Policy of the one identity that tries what a workload would be refused, and does nothing else."""
    return hcl({_PROBE: _probing()})


def _probing() -> dict[str, Any]:
    return {"capabilities": ["update"], "allowed_parameters": {"policies": [], "ttl": [], "display_name": []}}


def approver_policy() -> str:
    """Policy of the one identity that makes the operator's token for what was approved, and does nothing else. The
    token role fixes what is made; a token that does not say what for is not made."""
    return hcl(_approver_paths())


def _approver_paths() -> dict[str, dict[str, Any]]:
    made: dict[str, list[str]] = {"meta": [], "ttl": [], "display_name": []}
    return {_APPLY: {"capabilities": ["update"], "allowed_parameters": made, "required_parameters": ["meta"]}}


def break_glass_policy() -> str:
    """What stays when the operator's identity is gone: policies, tokens, leases, identities and the store."""
    return json.dumps({"path": _break_glass_paths()}, sort_keys=True)


def _break_glass_paths() -> dict[str, dict[str, Any]]:
    return {
        "sys/policies/acl/*": {"capabilities": _ALL},
        "auth/*": {"capabilities": [*_ALL, "sudo"]},
        "identity/*": {"capabilities": _ALL},
        "sys/leases/*": {"capabilities": [*_ALL, "sudo"]},
        f"{names.STORE}/*": {"capabilities": _ALL},
        f"{names.STORE}/data/{names.CANDIDATES}/*": {"capabilities": ["deny"]},
        "sys/mounts/*": {"capabilities": _ALL},
        "sys/quotas/rate-limit/*": {"capabilities": _ALL},
    }


def keepers(estate: Estate) -> dict[str, dict[str, dict[str, Any]]]:
    """Each policy above by its name, as rules by path."""
    return {
        OPERATOR: _operator_paths(estate),
        CONTAINMENT: _containment_paths(estate),
        BREAK_GLASS: _break_glass_paths(),
        ROTATOR: _rotator_paths(estate),
        PROBER: {_PROBE: _probing()},
        APPROVER: _approver_paths(),
        DRIFT: _drift_paths(estate),
    }


def issuable(identity: Workload | CiRole) -> bool:
    """Batch tokens are denied by generation and never revoked, so none is issued by hand."""
    return isinstance(identity, CiRole) or identity.tokens is not TokenType.BATCH


def jwt_role() -> dict[str, Any]:
    """Login role of a JWT identity as an administrator makes it: off, until Pulumi binds the declared claims."""
    return {
        **locked.OFF_ROLE,
        "bound_audiences": [names.AUDIENCE],
    }


def issue_role(identity: Workload | CiRole) -> dict[str, Any]:
    """Token role of one identity: exactly its policies, no parent, no renewal, gone within half an hour."""
    return {
        "allowed_policies": names.token_policies(identity),
        "orphan": True,
        "renewable": False,
        "token_explicit_max_ttl": INCIDENT_TTL_LIMIT,
        "token_type": "service",
    }


def apply_role() -> dict[str, Any]:
    """Token role of an approved apply: the operator's policy and no other, no parent, no renewal, half an hour."""
    return {
        "allowed_policies": [OPERATOR],
        "orphan": True,
        "renewable": False,
        "token_explicit_max_ttl": APPLY_TTL,
        "token_type": "service",
    }


def probe_role() -> dict[str, Any]:
    """Token role under which the executor tries what a workload's token is refused: minutes, no renewal, no root."""
    return {
        "allowed_policies_glob": [f"{names.PREFIX}*"],
        "orphan": True,
        "renewable": False,
        "token_explicit_max_ttl": 120,
        "token_no_default_policy": False,
    }
