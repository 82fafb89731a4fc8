"""One `path` stanza and one policy, as read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Allowed: TypeAlias = "str | int | float | bool | tuple[Allowed, ...]"
"""A value of a parameter; a list as a tuple, an object as one of pairs."""
Parameters: TypeAlias = "Mapping[str, tuple[Allowed, ...]]"


class Capability(StrEnum):
    """What the server knows, in its words. ROOT is answered for the root policy and cannot be written."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    LIST = "list"
    SUDO = "sudo"
    PATCH = "patch"
    SCAN = "scan"
    DENY = "deny"
    ROOT = "root"


DENIED = frozenset({Capability.DENY})


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a request must meet beside its capability. TTLs in seconds; parameter names in lower case; an empty tuple
    of values means any value; None means no constraint."""

    allowed_parameters: Parameters | None = field(default=None, hash=False)
    denied_parameters: Parameters | None = field(default=None, hash=False)
    required_parameters: tuple[str, ...] = ()
    min_wrapping_ttl: float = 0
    max_wrapping_ttl: float = 0
    pagination_limit: int = 0
    response_keys_filter: str = ""
    mfa_methods: tuple[str, ...] = ()


UNCONSTRAINED = Constraints()


@dataclass(frozen=True, slots=True)
class Rule:
    """`path` as the server keeps it, namespace included; a template stays as written until an ACL is made. No
    capability at all is a rule too: it wins over less specific ones and grants nothing."""

    path: str
    capabilities: frozenset[Capability]
    policy: str
    source: str
    line: int
    constraints: Constraints = UNCONSTRAINED
    expires: datetime | None = None

    @property
    def denies(self) -> bool:
        return Capability.DENY in self.capabilities

    @property
    def templated(self) -> bool:
        return "{{" in self.path


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in the order in which they are written. `expires` is the whole policy's, which the server keeps beside the
    text. The two permissions are for values put into its templates."""

    name: str
    rules: tuple[Rule, ...]
    source: str
    namespace: str = ""
    expires: datetime | None = None
    wildcards_in_templates: bool = False
    slashes_in_templates: bool = False


ROOT_POLICY = "root"
