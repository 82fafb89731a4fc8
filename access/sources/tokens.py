"""Token roles of a server: which policies a token made through one can carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from access.globs import like
from access.overlap import overlap
from access.pattern import Pattern
from access.rule import ROOT_POLICY, Policy
from access.snapshot import Attached, Engine, Principal, PrincipalKind, Target
from access.sources.reader import Reader
from policies.model import Ttl

ROLES = "auth/token/roles"
WITHOUT_DEFAULT = ", without default"
"""At the end of a principal's name: the same choice without the server's `default` policy."""


def read(reader: Reader, policies: Mapping[str, Policy]) -> tuple[list[Principal], dict[str, Target]]:
    """One principal for each policy that a role allows, and what a request to make a token through each role stands
    for. What a token with several of them can do beyond each alone is not told: on one pattern the capabilities of two
    policies add up (`update` by one and `sudo` by the other), and so do their allowed parameters."""
    found: list[Principal] = []
    targets: dict[str, Target] = {}
    listed = reader.keys(ROLES)
    for name, role in zip(listed, reader.each(listed, lambda name: reader.read(f"{ROLES}/{name}")), strict=True):
        path, ttl, allowed = f"{ROLES}/{name}", _ttl(role), tuple(_allowed(role, policies))
        for choice, attached in _choices(path, role, [policies[p] for p in allowed], policies.get("default")):
            found.append(Principal(PrincipalKind.TOKEN_ROLE, f"{path} with {choice}", attached, ttl=ttl))
        targets[f"auth/token/create/{name}"] = Target(Engine.TOKEN, name, groups=allowed, ttl=ttl)
    return found, targets


def _choices(
    path: str, role: Mapping[str, Any], allowed: Iterable[Policy], default: Policy | None
) -> Iterator[tuple[str, tuple[Attached, ...]]]:
    """`default` comes along unless the role, or whoever makes the token, says no. Without it a policy can grant more
    only where the two meet."""
    unwanted = role.get("token_no_default_policy") or "default" in (role.get("disallowed_policies") or ())
    for policy in allowed:
        own = Attached(policy, f"role {path}, allowed_policies")
        if default is None or unwanted or policy is default:
            yield policy.name, (own,)
            continue
        yield policy.name, (own, Attached(default, "every token"))
        if any(overlap(Pattern.of(a.path), Pattern.of(b.path)) for a in policy.rules for b in default.rules):
            yield f"{policy.name}{WITHOUT_DEFAULT}", (own,)


def _allowed(role: Mapping[str, Any], policies: Mapping[str, Policy]) -> Iterator[str]:
    """Of a role that lists none, whoever makes the token gives what they have themselves. Root is root's alone."""

    def listed(field: str, name: str) -> bool:
        return name in (role.get(field) or ()) or any(like(name, g) for g in role.get(f"{field}_glob") or ())

    for name in policies:
        if name != ROOT_POLICY and listed("allowed_policies", name) and not listed("disallowed_policies", name):
            yield name


def _ttl(role: Mapping[str, Any]) -> Ttl | None:
    limit = int(role.get("token_explicit_max_ttl") or role.get("explicit_max_ttl") or 0)
    return Ttl(limit, limit) if limit else None
