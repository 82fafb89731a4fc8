"""The identities that work the gate, as policies: pure. An administrator puts them on the servers, Pulumi never does.

The operator's token (what `pulumi up` uses) writes and attaches only policies under one name prefix. A role's
`token_policies` is compared by the server as a whole list, so the allowed lists are enumerated from the declarations:
a new workload needs an administrator's word, which is where a widening should be approved.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

from containment import generations, names
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
ROTATOR = "portcullis-rotator"
DRIFT = "portcullis-drift"
"""A role of the CI's login method too: the scheduled job logs in by it."""
POLICIES = (OPERATOR, BREAK_GLASS, ROTATOR, DRIFT)

_ALL = ["create", "read", "update", "delete", "list"]
_WRITE = ["create", "read", "update", "delete"]


def operator_policy(estate: Estate) -> str:
    """Policy of the token in the operator's environment. It cannot write itself: its name is outside the prefix."""
    return _hcl(_operator_paths(estate))


def drift_policy(estate: Estate) -> str:
    """For a job that looks for drift: what the operator may read and list, without credentials, tokens and leases."""
    looks: dict[str, dict[str, Any]] = {}
    issuing = {names.granted_path(s) for s in estate.secrets}
    for path, rule in _operator_paths(estate).items():
        allowed = [c for c in rule["capabilities"] if c in ("read", "list")]
        if allowed and path not in issuing and not path.startswith(("auth/token/accessors", "sys/leases/")):
            looks[path] = {"capabilities": allowed}
    return _hcl(looks)


def _operator_paths(estate: Estate) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {
        f"sys/policies/acl/{names.PREFIX}*": {"capabilities": _ALL},
        "sys/policies/acl": {"capabilities": ["list"]},
        "sys/mounts": {"capabilities": ["read"]},
        "sys/auth": {"capabilities": ["read"]},
        **{
            path: {"capabilities": ["list"]}
            for roles in (f"auth/{names.APPROLE}/role", f"auth/{names.JWT}/role", "auth/token/roles")
            for path in (roles, f"{roles}/")
        },
        f"{names.STORE}/data/incidents/*": {"capabilities": ["create", "read", "update"]},
        f"{names.STORE}/metadata/incidents": {"capabilities": ["list"]},
        f"{names.STORE}/metadata/incidents/": {"capabilities": ["list"]},
        f"{names.STORE}/data/evidence/*": {"capabilities": ["create", "read", "update"]},  # never delete or destroy
        f"{names.STORE}/metadata/evidence/*": {"capabilities": ["read"]},
        f"{names.STORE}/data/compiled": {"capabilities": ["create", "read", "update"]},
        "auth/token/accessors": {"capabilities": ["list", "sudo"]},
        "auth/token/accessors/": {"capabilities": ["list", "sudo"]},
        "auth/token/lookup-accessor": {"capabilities": ["update"]},
        "auth/token/revoke-accessor": {"capabilities": ["update"]},
        "sys/leases/lookup": {"capabilities": ["update"]},
        "sys/leases/revoke": {"capabilities": ["update"]},
        "sys/leases/renew": {"capabilities": ["update"]},
        "identity/lookup/entity": {"capabilities": ["update"]},
        "identity/entity/id/*": {
            "capabilities": ["read", "update"],
            "allowed_parameters": {"disabled": []},
        },
        f"auth/token/create/{names.PROBE_ROLE}": {"capabilities": ["update"]},
        "sys/capabilities-self": {"capabilities": ["update"]},
    }
    for mount in estate.mounts:
        paths[f"sys/mounts/{mount.name}"] = {"capabilities": _WRITE}
        paths[f"sys/mounts/{mount.name}/tune"] = {"capabilities": ["read", "update"]}
        if mount.type == "database":
            for kind in ("config", "roles"):
                paths[f"{mount.name}/{kind}/*"] = {"capabilities": _ALL}
            for sub in (f"sys/leases/lookup/{mount.name}/creds/*",):
                paths[sub] = {"capabilities": ["list", "sudo"]}
        else:
            paths[f"{mount.name}/config"] = {"capabilities": ["create", "read", "update"]}
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    for identity in identities:
        method = identity.auth if isinstance(identity, Workload) else AuthMethod.JWT
        base = f"auth/{method}/role/{identity.name}"
        paths[base] = {
            "capabilities": _WRITE,
            "allowed_parameters": {
                "*": [],
                "token_policies": [
                    list(order)
                    for policies in dict.fromkeys(
                        tuple(names.token_policies(identity, number)) for number in range(generations.COUNT)
                    )
                    for order in permutations(policies)
                ],
            },
            "denied_parameters": {"policies": [], "token_no_default_policy": [], "period": [], "token_period": []},
        }
        if issuable(identity):
            paths[f"auth/token/create/{names.issue_role(identity)}"] = {
                "capabilities": ["update"],
                "allowed_parameters": {"ttl": [], "display_name": []},
            }
        if method is AuthMethod.APPROLE:
            paths[f"{base}/role-id"] = {"capabilities": ["read"]}
            paths[f"{base}/secret-id"] = {"capabilities": ["list"]}
            paths[f"{base}/secret-id/"] = {"capabilities": ["list"]}
            paths[f"{base}/secret-id-accessor/destroy"] = {"capabilities": ["update"]}
    for policy in estate.secrets:
        if isinstance(policy.secret, DatabaseSecret):
            paths[names.granted_path(policy)] = {"capabilities": ["read"]}
    return paths


def rotator_policy(estate: Estate) -> str:
    """Policy of the one identity that handles values: it writes and destroys versions of declared secrets, makes
    secret_ids of declared workloads, and opens the gate and the own policy of what is replaced. It changes no other
    policy, no role and no mount, and lists with sudo only.
    """
    paths: dict[str, dict[str, Any]] = {
        f"sys/policies/acl/{names.GATE}": {"capabilities": ["read", "update"]},
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
        f"auth/token/create/{names.PROBE_ROLE}": {"capabilities": ["update"]},
        "sys/leases/lookup": {"capabilities": ["update"]},
        "sys/leases/revoke": {"capabilities": ["update"]},
        "identity/lookup/entity": {"capabilities": ["update"]},
        "identity/entity/id/*": {"capabilities": ["read", "update"], "allowed_parameters": {"disabled": []}},
        "sys/auth": {"capabilities": ["read"]},
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
        paths[f"sys/policies/acl/{names.own_policy(workload)}"] = {"capabilities": ["read", "update"]}
        if workload.auth is AuthMethod.APPROLE:
            base = f"auth/{names.APPROLE}/role/{workload.name}"
            paths[f"{base}/role-id"] = {"capabilities": ["read"]}
            for end in ("", "/"):
                paths[f"{base}/secret-id{end}"] = {"capabilities": ["update", "list"]}
            paths[f"{base}/secret-id-accessor/lookup"] = {"capabilities": ["update"]}
            paths[f"{base}/secret-id-accessor/destroy"] = {"capabilities": ["update"]}
    return _hcl(paths)


def _hcl(paths: dict[str, dict[str, Any]]) -> str:
    """HCL, each value by `json.dumps`: the server's JSON reader refuses a list within a list, which the allowed
    `token_policies` are. Every name comes from the schema's patterns, so none holds a quote or an interpolation."""
    lines: list[str] = []
    for path, rule in sorted(paths.items()):
        lines.append(f"path {json.dumps(path)} {{")
        for key, value in rule.items():
            if isinstance(value, dict):
                inner = "\n".join(f"    {json.dumps(k)} = {json.dumps(v)}" for k, v in value.items())
                lines.append(f"  {key} = {{\n{inner}\n  }}")
            else:
                lines.append(f"  {key} = {json.dumps(value)}")
        lines.append("}")
    return "\n".join(lines) + "\n"


def break_glass_policy() -> str:
    """What stays when the operator's identity is gone: policies, tokens, leases, identities and the store."""
    paths = {
        "sys/policies/acl/*": {"capabilities": _ALL},
        "auth/*": {"capabilities": [*_ALL, "sudo"]},
        "identity/*": {"capabilities": _ALL},
        "sys/leases/*": {"capabilities": [*_ALL, "sudo"]},
        f"{names.STORE}/*": {"capabilities": _ALL},
        f"{names.STORE}/data/{names.CANDIDATES}/*": {"capabilities": ["deny"]},
        "sys/mounts/*": {"capabilities": _ALL},
    }
    return json.dumps({"path": paths}, sort_keys=True)


def issuable(identity: Workload | CiRole) -> bool:
    """Batch tokens are denied by generation and never revoked, so none is issued by hand."""
    return isinstance(identity, CiRole) or identity.tokens is not TokenType.BATCH


def issue_role(identity: Workload | CiRole) -> dict[str, Any]:
    """Token role of one identity: exactly its policies, no parent, no renewal, gone within half an hour."""
    return {
        "allowed_policies": names.token_policies(identity),
        "orphan": True,
        "renewable": False,
        "token_explicit_max_ttl": INCIDENT_TTL_LIMIT,
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
