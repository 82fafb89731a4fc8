"""Who is there and what is attached to each: the one shape in which questions and the diff see declarations, a server
and files alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from access.acl import Acl
from access.pattern import Pattern
from access.rule import ROOT_POLICY, Policy
from access.template import Entity
from policies.model import Ttl


class PrincipalKind(StrEnum):
    """OPERATOR: the product's own identities, whose tokens an administrator makes. POLICY: one on its own, attached to
    nothing that was read; a token can still have been made with it."""

    WORKLOAD = "workload"
    CI_ROLE = "CI role"
    OPERATOR = "operator"
    LOGIN_ROLE = "login role"
    TOKEN_ROLE = "token role"  # noqa: S105 - no secret
    ENTITY = "entity"
    GROUP = "group"
    POLICY = "policy"


class Engine(StrEnum):
    DATABASE = "database"
    TRANSIT = "transit"
    PKI = "pki"
    TOKEN = "token"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True)
class Place:
    """A file and a line in it, from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Attached:
    """`through`: how the principal came by it, for people: "its own policy", "identity group ops"."""

    policy: Policy
    through: str


@dataclass(frozen=True)
class Principal:
    """`name` is unique per kind: a declared name, else the API path of the role, else the name on the server. `entity`
    fills templates; None where none is known. `ttl`: of its tokens, seconds, None where the server's own hold. `asked`:
    the moment that answers are for; None: nothing has expired.

    A token role stands once for each policy that it allows: whoever makes the token chooses among them, and may choose
    several, whose rules on one pattern add up; no principal stands for that.
    """

    kind: PrincipalKind
    name: str
    attached: tuple[Attached, ...]
    entity: Entity | None = None
    place: Place | None = None
    ttl: Ttl | None = None
    asked: datetime | None = field(default=None, compare=False)

    @cached_property
    def acl(self) -> Acl:
        return self.acl_at(self.asked)

    def acl_at(self, now: datetime | None, stand_ins: Mapping[str, str] | None = None) -> Acl:
        """One policy that is attached twice counts once; beside root no other counts."""
        policies = {a.policy.name: a.policy for a in self.attached}
        root = policies.get(ROOT_POLICY)
        return Acl([root] if root else policies.values(), self.entity, now, stand_ins)

    @property
    def ends(self) -> frozenset[datetime]:
        """When a policy or a rule of its expires."""
        policies = [a.policy for a in self.attached]
        found = (*(p.expires for p in policies), *(r.expires for p in policies for r in p.rules))
        return frozenset(e for e in found if e is not None)

    def through(self, policy: str) -> tuple[str, ...]:
        """How it came by the policy of that name."""
        return tuple(dict.fromkeys(a.through for a in self.attached if a.policy.name == policy))

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request at a path gives: credentials of a database role, the use of a key, a certificate, a token.
    `connection`: of a database. `statements`: what is run there. `groups`: database roles or policies that what is
    given belongs to. `settings`: what else bounds it, such as allowed domains or a key's type."""

    engine: Engine
    role: str
    connection: str = ""
    statements: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    ttl: Ttl | None = None
    settings: tuple[tuple[str, str], ...] = ()
    place: Place | None = None


@dataclass(frozen=True)
class Snapshot:
    """`stands_for`: by path, or pattern as in a policy, what a request there gives. `mounts`: by path without its
    slash, type and for KV the version: `kv-v2`. `secrets`: declared names to the path that is granted. `unread`: what
    could not be read, and why; an answer from a snapshot with any is not the whole one."""

    principals: tuple[Principal, ...]
    stands_for: Mapping[str, Target] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def target(self, path: str) -> Target | None:
        if found := self.stands_for.get(path):
            return found
        return next((t for p, t in self._patterns if p.matches(path)), None)

    @cached_property
    def _patterns(self) -> tuple[tuple[Pattern, Target], ...]:
        """Those with a wildcard, which are few."""
        return tuple((Pattern.of(p), t) for p, t in self.stands_for.items() if "+" in p or p.endswith("*"))
