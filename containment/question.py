"""What OPA judges of the declarations: the typed model as plain lists, and what is compiled from it, as it would be on
the servers. TTLs in seconds; no secret value. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from containment import names
from containment.compiled import gate, logins, operators
from containment.incidents.scope import Affected, affected
from policies.model import CiRole, DatabaseSecret, Estate, SecretAccessPolicy, Workload

Plain = dict[str, Any]


def question(estate: Estate) -> Plain:
    """`keepers`: rules of the product's own policies. `identities`: policies and rules of each workload and CI role in
    peace, each rule with the secret that it is of; `granted`: where that is declared. `token_roles`: what is issued to
    an identity by hand."""
    return {
        "secrets": [{**_plain(secret), "kind": secret.kind} for secret in estate.secrets],
        "mounts": [_plain(mount) for mount in estate.mounts],
        "workloads": [_plain(workload) for workload in estate.workloads],
        "ci_roles": [_plain(role) for role in estate.ci_roles],
        "repositories": [_plain(repository) for repository in estate.repositories],
        **_access(estate),
    }


def _access(estate: Estate) -> Plain:
    peace = affected(estate, ())
    secrets = {names.granted_path(policy): policy.name for policy in estate.secrets}
    everybody: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    return {
        "identities": [_identity(identity, estate, peace, secrets) for identity in everybody],
        "granted": {policy.name: _granted(policy) for policy in estate.secrets},
        "token_roles": [_token_role(i) for i in logins.identities(estate) if operators.issuable(i)],
        "keepers": {name: _rules(paths) for name, paths in operators.keepers(estate).items()},
    }


def _identity(identity: Workload | CiRole, estate: Estate, peace: Affected, secrets: dict[str, str]) -> Plain:
    own = {"name": identity.name, "source": _place(identity), "field": "metadata.name"}
    rules = [
        {**rule, **({"secret": secrets[rule["path"]]} if rule["path"] in secrets else own)}
        for rule in _rules(gate.own_rules(identity, estate, peace))
    ]
    return {
        "name": identity.name,
        "kind": "ci" if isinstance(identity, CiRole) else "workload",
        "source": _place(identity),
        "policies": names.token_policies(identity),
        "rules": rules,
    }


def _granted(policy: SecretAccessPolicy) -> Plain:
    field = "spec.secret.role" if isinstance(policy.secret, DatabaseSecret) else "spec.secret.path"
    return {"name": policy.name, "source": _place(policy), "field": field}


def _token_role(identity: Workload | CiRole) -> Plain:
    made = operators.issue_role(identity)
    role = {"role": names.issue_role(identity), "allowed_policies": made["allowed_policies"]}
    return {"name": identity.name, "source": _place(identity), **role}


def _rules(paths: dict[str, Plain]) -> list[Plain]:
    """Those that grant something."""
    rules = [{"path": path, "capabilities": list(rule["capabilities"])} for path, rule in paths.items()]
    return [rule for rule in rules if rule["capabilities"] != ["deny"]]


def _place(item: Any) -> Plain:
    """Without the lines of its fields, which no rule needs: a violation names a field, `judgement` its line."""
    return {"file": item.source.file, "line": item.source.line}


def _plain(item: Any) -> Plain:
    told = {name: _value(getattr(item, name)) for name in _fields(type(item)) if name != "source"}
    return {**told, "source": _place(item)}


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value(one) for one in value]
    names_of = _fields(type(value))
    return {name: _value(getattr(value, name)) for name in names_of} if names_of else value


def _fields(kind: type[Any]) -> Iterable[str]:
    """Of a dataclass; those of thousands of objects are asked for, which `dataclasses.fields` is slow at."""
    return getattr(kind, "__dataclass_fields__", ())
