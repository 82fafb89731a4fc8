"""The identities that work the gate, as policies: pure. An administrator puts them on the servers, Pulumi never does.

The operator's token (what `pulumi up` uses) writes and attaches only policies under one name prefix. A role's
`token_policies` is compared by the server as a whole list, so the allowed lists are enumerated from the declarations:
a new workload needs an administrator's word, which is where a widening should be approved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

from containment import generations, locked, names
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
DRIFT = "portcullis-drift"
"""A role of the CI's login method too: the scheduled job logs in by it."""
POLICIES = (OPERATOR, CONTAINMENT, BREAK_GLASS, ROTATOR, PROBER, DRIFT)

_ALL = ["create", "read", "update", "delete", "list"]
_WRITE = ["create", "read", "update", "delete"]
_PROBE = f"auth/token/create/{names.PROBE_ROLE}"


def operator_policy(estate: Estate) -> str:
    """Policy of the token in the operator's environment. It cannot write itself: its name is outside the prefix."""
    return _hcl(_operator_paths(estate))


def containment_policy(estate: Estate) -> str:
    """Policy of the token that locks down: rules for mounts and batch workloads and no others, however much is declared
    (docs/adr/0006). It sets on a role what a lock-down sets, and attaches no policy to one."""
    return _hcl(_containment_paths(estate))


def _containment_paths(estate: Estate) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {
        f"sys/policies/acl/{names.PREFIX}*": {"capabilities": ["create", "read", "update"]},
        "sys/auth": {"capabilities": ["read"]},
        f"{names.STORE}/data/incidents/*": {"capabilities": ["create", "read", "update"]},
        f"{names.STORE}/metadata/incidents": {"capabilities": ["list"]},
        f"{names.STORE}/metadata/incidents/": {"capabilities": ["list"]},
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
        f"auth/{names.APPROLE}/role/+": _may_set(_ttls()),
        f"auth/{names.APPROLE}/role/+/role-id": {"capabilities": ["read"]},
        f"auth/{names.APPROLE}/role/+/secret-id": {"capabilities": ["list"]},
        f"auth/{names.APPROLE}/role/+/secret-id/": {"capabilities": ["list"]},
        f"auth/{names.APPROLE}/role/+/secret-id-accessor/destroy": {"capabilities": ["update"]},
        f"auth/{names.JWT}/role/+": _may_set(_jwt([locked.OFF_CLAIMS, *_declared(estate)])),
    }
    for mount in estate.mounts:
        if mount.type == "database":
            paths[f"{mount.name}/roles/*"] = _may_set({"default_ttl": [], "max_ttl": []})
            paths[f"sys/leases/lookup/{mount.name}/creds/*"] = {"capabilities": ["list", "sudo"]}
    for workload in generations.batch_workloads(estate):
        jwt = workload.auth is AuthMethod.JWT
        values = _jwt([locked.OFF_CLAIMS, dict(workload.bound_claims)]) if jwt else _ttls()
        paths[names.login_role(workload)] = _may_set({**values, "token_policies": _attachable(workload)})
    return paths


Values = dict[str, list[Any]]
"""By parameter, each value that it may be set to; none listed is any."""


def _may_set(values: Values) -> dict[str, Any]:
    """Without `create`: a role keeps what it is not told."""
    return {"capabilities": ["read", "update"], "allowed_parameters": values}


def _ttls() -> Values:
    return {"token_ttl": [], "token_max_ttl": []}


def _jwt(claims: Iterable[Mapping[str, Any]]) -> Values:
    """Whoever may bind a role to other claims logs in by it with a token that the issuer signs for anybody."""
    return {**_ttls(), "bound_claims": list(claims), "user_claim": ["sub"], "role_type": ["jwt"]}


def _declared(estate: Estate) -> list[dict[str, str]]:
    """Claims of every JWT role, each set of them once."""
    bound = dict.fromkeys(i.bound_claims for i in _identities(estate) if i.bound_claims)
    return [dict(claims) for claims in bound]


def _login_role(identity: Workload | CiRole) -> dict[str, Any]:
    """What Pulumi sets on a login role, and no value by which anybody else could log in: an AppRole goes on asking for
    a secret_id, a JWT role for the declared claims, which the Terraform provider writes as lists. The latter is made by
    an administrator (`jwt_role`), since whoever makes one may leave the claims out."""
    values: Values = {**_ttls(), "token_policies": _attachable(identity)}
    values |= {name: [] for name in ("token_explicit_max_ttl", "token_num_uses", "token_bound_cidrs")}
    if isinstance(identity, Workload) and identity.auth is AuthMethod.APPROLE:
        values |= {name: [] for name in ("secret_id_ttl", "secret_id_num_uses", "secret_id_bound_cidrs")}
        values |= {"token_type": [identity.tokens.value], "bind_secret_id": [True], "local_secret_ids": [False]}
        return {"capabilities": _WRITE, "allowed_parameters": values}
    tokens = identity.tokens if isinstance(identity, Workload) else TokenType.SERVICE
    claims: list[Mapping[str, Any]] = [locked.OFF_CLAIMS, dict(identity.bound_claims)]
    claims += [{name: [v.strip() for v in value.split(",")] for name, value in c.items()} for c in claims]
    values |= {
        **_jwt(claims),
        "token_type": [tokens.value],
        "bound_audiences": [[names.AUDIENCE]],
        **{name: [""] for name in ("bound_subject", "groups_claim")},
        **{name: [False] for name in ("user_claim_json_pointer", "verbose_oidc_logging")},
        "bound_claims_type": ["string"],
        **{name: [] for name in ("clock_skew_leeway", "expiration_leeway", "not_before_leeway")},
    }
    return {"capabilities": ["read", "update", "delete"], "allowed_parameters": values}


def _attachable(identity: Workload | CiRole) -> list[list[str]]:
    """What may be attached to one role: the server compares the whole list, in whatever order a client sends it."""
    generation = (tuple(names.token_policies(identity, number)) for number in range(generations.COUNT))
    return [list(order) for policies in dict.fromkeys(generation) for order in permutations(policies)]


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
        **_containment_paths(estate),
        f"sys/policies/acl/{names.PREFIX}*": {"capabilities": _ALL},
        "sys/policies/acl": {"capabilities": ["list"]},
        "sys/mounts": {"capabilities": ["read"]},
        **{
            path: {"capabilities": ["list"]}
            for roles in (f"auth/{names.APPROLE}/role", f"auth/{names.JWT}/role", "auth/token/roles")
            for path in (roles, f"{roles}/")
        },
        f"{names.STORE}/data/evidence/*": {"capabilities": ["create", "read", "update"]},  # never delete or destroy
        f"{names.STORE}/metadata/evidence/*": {"capabilities": ["read"]},
        "sys/leases/renew": {"capabilities": ["update"]},
    }
    for mount in estate.mounts:
        paths[f"sys/mounts/{mount.name}"] = {"capabilities": _WRITE}
        paths[f"sys/mounts/{mount.name}/tune"] = {"capabilities": ["read", "update"]}
        if mount.type == "database":
            for kind in ("config", "roles"):
                paths[f"{mount.name}/{kind}/*"] = {"capabilities": _ALL}
        else:
            paths[f"{mount.name}/config"] = {"capabilities": ["create", "read", "update"]}
    for identity in _identities(estate):
        paths[names.login_role(identity)] = _login_role(identity)
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
            paths[f"{base}/secret-id-accessor/lookup"] = {"capabilities": ["update"]}
            paths[f"{base}/secret-id-accessor/destroy"] = {"capabilities": ["update"]}
    for identity in _identities(estate):
        if issuable(identity):
            paths[f"auth/token/create/{names.issue_role(identity)}"] = {
                "capabilities": ["update"],
                "allowed_parameters": {"ttl": [], "display_name": []},
            }
    return _hcl(paths)


def prober_policy() -> str:
    """Policy of the one identity that tries what a workload would be refused, and does nothing else."""
    return _hcl({_PROBE: _probing()})


def _probing() -> dict[str, Any]:
    return {"capabilities": ["update"], "allowed_parameters": {"policies": [], "ttl": [], "display_name": []}}


def _identities(estate: Estate) -> list[Workload | CiRole]:
    return [*estate.workloads, *estate.ci_roles]


def _hcl(paths: dict[str, dict[str, Any]]) -> str:
    """HCL, each string by `json.dumps`: the server's JSON reader refuses a list within a list, which the allowed
    `token_policies` are."""
    lines: list[str] = []
    for path, rule in sorted(paths.items()):
        lines.append(f"path {_literal(path)} {{")
        for key, value in rule.items():
            if isinstance(value, dict):
                inner = "\n".join(f"    {_literal(k)} = {_literal(v)}" for k, v in value.items())
                lines.append(f"  {key} = {{\n{inner}\n  }}")
            else:
                lines.append(f"  {key} = {_literal(value)}")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    """HCL, in which an object's fields are assigned and `${` would begin an interpolation."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_literal(k)} = {_literal(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case _:
            return json.dumps(value).replace("${", "\\u0024{")


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


def jwt_role() -> dict[str, Any]:
    """Login role of a JWT identity as an administrator makes it: off, until Pulumi binds the declared claims."""
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [names.AUDIENCE],
        "bound_claims": locked.OFF_CLAIMS,
        "token_ttl": locked.OFF_TTL.default,
        "token_max_ttl": locked.OFF_TTL.max,
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


def probe_role() -> dict[str, Any]:
    """Token role under which the executor tries what a workload's token is refused: minutes, no renewal, no root."""
    return {
        "allowed_policies_glob": [f"{names.PREFIX}*"],
        "orphan": True,
        "renewable": False,
        "token_explicit_max_ttl": 120,
        "token_no_default_policy": False,
    }
