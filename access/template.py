"""`{{identity…}}` in a path: checked, named, and filled in for one entity as the server does.

Source: OpenBao, "Templated policies", and `sdk/helper/identitytpl`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}", re.S)
_NONE: Mapping[str, str] = {}


class ForbiddenValueError(ValueError):
    """A value would put a slash or a wildcard into a path that may have none."""


@dataclass(frozen=True, slots=True)
class Alias:
    accessor: str
    name: str = ""
    id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    custom_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Group:
    """`namespace` is where it was made, as in a policy's: an empty text or one that ends in a slash."""

    id: str
    name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """Groups: those it is in directly, then those inherited."""

    id: str
    name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    aliases: tuple[Alias, ...] = ()
    groups: tuple[Group, ...] = ()


def balanced(path: str) -> bool:
    """Between two `{{` there is one `}}`, and none before the first."""
    first, *rest = path.split("{{")
    return "}}" not in first and all(piece.count("}}") == 1 for piece in rest)


def directives(path: str) -> tuple[str, ...]:
    """What a path asks for, in order: `identity.entity.id`."""
    return tuple(match.group(1).strip() for match in _DIRECTIVE.finditer(path))


def fill(
    path: str, entity: Entity | None, namespace: str, blocked: str, stand_ins: Mapping[str, str] = _NONE
) -> str | None:
    """The path with the entity's values, or None where one is missing: the server leaves such a rule out. Nothing is
    known of `{{time…}}`, which no two requests see alike: left out too. `stand_ins`: by directive, what stands for
    values that are not known.

    Raises ForbiddenValueError for a value that has a character of `blocked`.
    """
    parts, end = [], 0
    for match in _DIRECTIVE.finditer(path):
        directive = match.group(1).strip()
        value = _value(directive, entity, namespace)
        if value is None and (entity is None or directive.startswith("time.")):
            value = stand_ins.get(directive)
        if value is None:
            return None
        if any(char in value for char in blocked):
            raise ForbiddenValueError(value)
        parts += [path[end : match.start()], value]
        end = match.end()
    return "".join([*parts, path[end:]])


def _value(directive: str, entity: Entity | None, namespace: str) -> str | None:
    if entity is None:
        return None
    if directive.startswith("identity.entity."):
        return _of_entity(directive.removeprefix("identity.entity."), entity)
    if directive.startswith("identity.groups."):
        return _of_group(directive.removeprefix("identity.groups."), entity, namespace)
    return None


def _of_entity(field_name: str, entity: Entity) -> str | None:
    if field_name in ("id", "name"):
        return (entity.id if field_name == "id" else entity.name) or None
    if field_name.startswith("metadata."):
        return entity.metadata.get(field_name.removeprefix("metadata."))
    if not field_name.startswith("aliases."):
        return None
    accessor, _, field_name = field_name.removeprefix("aliases.").partition(".")
    alias = next((a for a in entity.aliases if a.accessor == accessor), None)
    if alias is None:
        return None
    if field_name in ("id", "name"):
        return (alias.id if field_name == "id" else alias.name) or None
    for kind, values in (("metadata.", alias.metadata), ("custom_metadata.", alias.custom_metadata)):
        if field_name.startswith(kind):
            return values.get(field_name.removeprefix(kind))
    return None


def _of_group(selector: str, entity: Entity, namespace: str) -> str | None:
    """By name only the groups of the policy's namespace are found; by id all."""
    by, _, rest = selector.partition(".")
    key, _, field_name = rest.partition(".")
    for group in entity.groups:
        found = group.id if by == "ids" else group.name if by == "names" and group.namespace == namespace else None
        if found == key:
            if field_name in ("id", "name"):
                return group.id if field_name == "id" else group.name or None
            if field_name.startswith("metadata."):
                return group.metadata.get(field_name.removeprefix("metadata."))
            return None
    return None
