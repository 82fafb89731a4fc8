"""What the declarations say beside paths and a server answers for: who may log in by a role, with which kind of token,
and what a mount is. Repositories are GitHub's to answer for, a connection's password is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from access.sources.facts import Fact, Wider
from access.sources.reader import Reader
from containment import names
from policies.model import CiRole, Estate, Workload

_Facts: TypeAlias = dict[tuple[str, str], Fact]

_CLAIMS, _TOKENS, _LOGIN = "claims that a login must have", "tokens", "login"
_OF_MOUNTS = ("type", "TTL, default", "TTL, max")
_SECRET_ID = "a secret_id"  # noqa: S105 - what a login must have, in words
_UNBOUNDED = 10**9
"""Seconds. Where a mount says nothing the server's own holds, which is longer than any that is declared."""
_CIDRS = ("secret_id_bound_cidrs", "token_bound_cidrs")


def asked(facts: Mapping[tuple[str, str], Fact]) -> _Facts:
    """Of the facts of declarations those that a server answers for, with what the product asks of every login."""
    found = {key: fact for key, fact in facts.items() if fact.subject.startswith("mount ") and key[1] in _OF_MOUNTS}
    for (subject, aspect), fact in facts.items():
        if aspect == _CLAIMS and isinstance(fact.value, frozenset):
            login = facts.get((subject, _LOGIN))
            approle = login is not None and login.value == names.APPROLE
            more = _SECRET_ID if approle else f"audience={names.AUDIENCE}"
            found[subject, _CLAIMS] = _conditions(fact, fact.value | {more})
            found[subject, _TOKENS] = facts.get((subject, _TOKENS)) or _tokens(fact, "service")
    return found


def held(reader: Reader, estate: Estate, declared: _Facts) -> _Facts:
    """The same as the server has them, of what `declared` (`asked`) has and is there. What is refused is in the
    reader's `unread`."""
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    roles = reader.each([names.login_role(identity) for identity in identities], reader.read)
    found: _Facts = {}
    for identity, role in zip(identities, roles, strict=True):
        if role:
            found.update(_of_role(identity, role, declared))
    mounts = reader.read("sys/mounts")
    for mount in estate.mounts:
        if there := mounts.get(f"{mount.name}/"):
            found.update(_of_mount(mount.name, there, declared))
    return found


def _of_role(
    identity: Workload | CiRole, role: Mapping[str, Any], declared: _Facts
) -> Iterator[tuple[tuple[str, str], Fact]]:
    subject = f"{'workload' if isinstance(identity, Workload) else 'CI role'} {identity.name}"
    if claims := declared.get((subject, _CLAIMS)):
        wanted = claims.value if isinstance(claims.value, frozenset) else frozenset()
        conditions = frozenset(_asks(names.login_method(identity), role))
        off = names.CI_OFF_CLAIM in (role.get("bound_claims") or {})
        yield (subject, _CLAIMS), _conditions(claims, conditions | wanted if off else conditions)
    if tokens := declared.get((subject, _TOKENS)):
        yield (subject, _TOKENS), _tokens(tokens, str(role.get("token_type")))


def _asks(method: str, role: Mapping[str, Any]) -> Iterator[str]:
    """Each condition alone; of several values that one claim may have, all in one."""
    if method == names.APPROLE:
        if role.get("bind_secret_id"):
            yield _SECRET_ID
    else:
        like = " like " if role.get("bound_claims_type") == "glob" else "="
        for claim, value in (role.get("bound_claims") or {}).items():
            yield f"{claim}{like if '*' in _either(value) else '='}{_either(value)}"
        for what, value in (("audience", role.get("bound_audiences")), ("subject", role.get("bound_subject"))):
            if value:
                yield f"{what}={_either(value)}"
    for field in _CIDRS:
        if role.get(field):
            yield f"from {_either(role[field])}"


def _either(value: Any) -> str:
    """As a declaration writes several."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _conditions(fact: Fact, value: frozenset[str]) -> Fact:
    return replace(fact, value=value, text=", ".join(sorted(value)) or "none")


def _tokens(fact: Fact, kind: str) -> Fact:
    """By `default` the method decides, which may be tuned to batch; the product writes which."""
    return replace(fact, aspect=_TOKENS, value=int(kind != "service"), text=kind, wider=Wider.GREATER)


def _of_mount(name: str, there: Mapping[str, Any], declared: _Facts) -> Iterator[tuple[tuple[str, str], Fact]]:
    config = there.get("config") or {}
    kind, *_ = _OF_MOUNTS
    if fact := declared.get((f"mount {name}", kind)):
        yield (fact.subject, kind), replace(fact, value=str(there["type"]), text=str(there["type"]))
    for which in ("default", "max"):
        if fact := declared.get((f"mount {name}", f"TTL, {which}")):
            seconds = int(config.get(f"{which}_lease_ttl") or 0)
            text = f"{seconds} s" if seconds else "the server's own"
            yield (fact.subject, fact.aspect), replace(fact, value=seconds or _UNBOUNDED, text=text)
