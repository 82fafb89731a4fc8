"""Login roles of every auth method of a server, and the entity that a login by each belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from access.login_methods import ATTACHING, FOLDERS, SETTINGS, computed, known
from access.rule import ROOT_POLICY, Policy
from access.snapshot import Attached, Place, Principal, PrincipalKind
from access.sources.identities import Identities
from access.sources.reader import Reader
from access.template import Entity
from containment import names
from policies.model import CiRole, Estate, Ttl, Workload


@dataclass(frozen=True, slots=True)
class _Role:
    """`path` without `auth/`'s slash; `aliases`: names that a login gets, None where any is possible."""

    path: str
    data: Mapping[str, Any]
    accessor: str
    aliases: frozenset[str] | None


def principals(
    reader: Reader,
    methods: Mapping[str, Any],
    policies: Mapping[str, Policy],
    identities: Identities,
    estate: Estate | None,
) -> Iterator[Principal]:
    ours: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles] if estate else []
    declared = {names.login_role(identity): identity for identity in ours}
    for role in _roles(reader, methods):
        yield from _of(role, declared.get(role.path), policies, identities)


def _roles(reader: Reader, methods: Mapping[str, Any]) -> Iterator[_Role]:
    for mount, method in methods.items():
        kind, path = str(method["type"]), f"auth/{mount.rstrip('/')}"
        if not known(kind):
            reader.leave(path, f"where a method of type {kind} keeps its roles is not known")
        found = [
            f"{path}/{folder}/{key}" for folder in FOLDERS.get(kind, ()) for key in reader.keys(f"{path}/{folder}")
        ]
        found += [f"{path}/{SETTINGS[kind]}"] if kind in SETTINGS else []
        for role in filter(computed, found):
            reader.leave(role, "what it gives cannot be told: a program says so at each login")
        told = [role for role in found if not computed(role)]
        for role, data in zip(told, reader.each(told, reader.read), strict=True):
            if data:
                yield _Role(role, data, str(method["accessor"]), _aliases(reader, kind, role, data))


def _aliases(reader: Reader, kind: str, role: str, data: Mapping[str, Any]) -> frozenset[str] | None:
    match kind:
        case "approle":
            found = reader.read(f"{role}/role-id").get("role_id")
            return frozenset({str(found)}) if found else None
        case "userpass" | "radius":
            return frozenset({role.rpartition("/")[2]})
        case "ldap" if "/users/" in role:
            return frozenset({role.rpartition("/")[2]})
        case "jwt" | "oidc":
            return _claimed(data)
        case _:
            return None


def _claimed(data: Mapping[str, Any]) -> frozenset[str] | None:
    """What the claim that names the user is bound to."""
    claim = str(data.get("user_claim") or "")
    if claim == "sub" and data.get("bound_subject"):
        return frozenset({str(data["bound_subject"])})
    bound = (data.get("bound_claims") or {}).get(claim)
    if bound is None or data.get("bound_claims_type") == "glob":
        return None
    return frozenset(map(str, bound if isinstance(bound, list) else [bound]))


def _of(
    role: _Role, identity: Workload | CiRole | None, policies: Mapping[str, Policy], identities: Identities
) -> Iterator[Principal]:
    """The role as such, and as each entity that may log in by it and whose policies or values count. One that only one
    can log in by stands once."""
    kind, name, place = PrincipalKind.LOGIN_ROLE, role.path, None
    if identity is not None:
        kind = PrincipalKind.WORKLOAD if isinstance(identity, Workload) else PrincipalKind.CI_ROLE
        name, place = identity.name, Place(identity.source.file, identity.source.line)
    own = tuple(_attached(role, policies))
    rooted = any(a.policy.name == ROOT_POLICY for a in own)  # the server refuses such a login
    ttl = Ttl(int(role.data.get("token_ttl") or 0), int(role.data.get("token_max_ttl") or 0))

    def principal(name: str, entity: Entity | None) -> Principal:
        if rooted or (entity is not None and identities.disabled(entity)):
            return Principal(kind, name, (), entity, place, ttl)
        more = identities.attached(entity) if entity is not None else ()
        return Principal(kind, name, (*own, *more), entity, place, ttl)

    behind = identities.behind(role.accessor, role.aliases)
    if role.aliases is not None and len(role.aliases) == 1:
        yield principal(name, behind[0] if behind else None)
        return
    yield principal(name, None)
    templated = any(rule.templated for a in own for rule in a.policy.rules)
    for entity in behind:
        if templated or identities.disabled(entity) or identities.attached(entity):
            yield principal(f"{name} as entity {entity.name}", entity)


def _attached(role: _Role, policies: Mapping[str, Policy]) -> Iterator[Attached]:
    for field in ATTACHING:
        listed = role.data.get(field) or ()
        for name in listed.split(",") if isinstance(listed, str) else listed:
            if name in policies and (field == "token_policies" or name not in (role.data.get("token_policies") or ())):
                yield Attached(policies[name], f"role {role.path}, {field}")
    if "default" in policies and not role.data.get("token_no_default_policy"):
        yield Attached(policies["default"], "every token")
