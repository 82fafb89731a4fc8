"""Token roles of a server: which policies a token made through one can carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from access.rule import ROOT_POLICY, Policy
from access.snapshot import Attached, Engine, Principal, PrincipalKind, Target
from access.sources.reader import Reader
from policies.model import Ttl

ROLES = "auth/token/roles"


def read(reader: Reader, policies: Mapping[str, Policy]) -> tuple[list[Principal], dict[str, Target]]:
    """One principal for each policy that a role allows: a token with some of them can do nothing that none of them
    alone could. And what a request to make a token through each role stands for."""
    found: list[Principal] = []
    targets: dict[str, Target] = {}
    listed = reader.keys(ROLES)
    for name, role in zip(listed, reader.each(listed, lambda name: reader.read(f"{ROLES}/{name}")), strict=True):
        path, ttl, allowed = f"{ROLES}/{name}", _ttl(role), tuple(_allowed(role, policies))
        for policy in allowed:
            attached = Attached(policies[policy], f"role {path}, allowed_policies")
            found.append(Principal(PrincipalKind.TOKEN_ROLE, f"{path} with {policy}", (attached,), ttl=ttl))
        targets[f"auth/token/create/{name}"] = Target(Engine.TOKEN, name, groups=allowed, ttl=ttl)
    return found, targets


def _allowed(role: Mapping[str, Any], policies: Mapping[str, Policy]) -> Iterator[str]:
    """Of a role that lists none, whoever makes the token gives what they have themselves. Root is root's alone to give.
    `default` comes along."""
    listed, globs = set(role.get("allowed_policies") or ()), role.get("allowed_policies_glob") or ()
    refused = set(role.get("disallowed_policies") or ())
    refused_globs = role.get("disallowed_policies_glob") or ()
    for name in policies:
        if name == ROOT_POLICY or name in refused or any(fnmatchcase(name, g) for g in refused_globs):
            continue
        by_itself = name == "default" and role and not role.get("token_no_default_policy")
        if by_itself or name in listed or any(fnmatchcase(name, g) for g in globs):
            yield name


def _ttl(role: Mapping[str, Any]) -> Ttl | None:
    limit = int(role.get("token_explicit_max_ttl") or role.get("explicit_max_ttl") or 0)
    return Ttl(limit, limit) if limit else None
