"""What a server answers, as the model's values: a stored policy, an entity. The answers are read elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from access.policy import parse
from access.rule import Policy
from access.template import Alias, Entity, Group


def policy(answer: Mapping[str, Any], name: str, source: str, now: datetime) -> Policy | None:
    """Of a read of `sys/policies/acl`, without rules that have expired. None when all of it has.

    Raises PolicyError for a text that is not read.
    """
    expires = str(answer.get("expiration") or "")
    if expires and datetime.fromisoformat(expires) < now:
        return None
    if not answer["policy"]:
        return Policy(name, (), source)
    found = parse(str(answer["policy"]), source, name=name, now=now)
    return replace(
        found,
        rules=tuple(r for r in found.rules if r.expires is None or r.expires >= now),
        expires=datetime.fromisoformat(expires) if expires else None,
        slashes_in_templates=bool(answer.get("allow_slashes_in_identity_templates")),
        wildcards_in_templates=bool(answer.get("allow_wildcards_in_identity_templates")),
    )


def entity(answer: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]) -> Entity:
    """Of a read of `identity/entity/id`; `groups`: the same of groups, by id."""
    member = (*(answer.get("direct_group_ids") or ()), *(answer.get("inherited_group_ids") or ()))
    return Entity(
        str(answer["id"]),
        str(answer["name"]),
        dict(answer.get("metadata") or {}),
        tuple(
            Alias(
                a["mount_accessor"],
                a["name"],
                a["id"],
                dict(a.get("metadata") or {}),
                dict(a.get("custom_metadata") or {}),
            )
            for a in answer.get("aliases") or ()
        ),
        tuple(Group(g, str(groups[g]["name"]), dict(groups[g].get("metadata") or {})) for g in member if g in groups),
    )
