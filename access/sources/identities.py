"""Entities, their aliases, and groups, nested ones included, on a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from access import served
from access.rule import Policy
from access.snapshot import Attached, Principal, PrincipalKind
from access.sources.reader import Reader
from access.template import Entity


class Identities:
    def __init__(self, reader: Reader, policies: Mapping[str, Policy]) -> None:
        self._policies = policies
        self._groups = self._all(reader, "group")
        self._raw = self._all(reader, "entity")
        self._entities = {key: served.entity(data, self._groups) for key, data in self._raw.items()}
        for data in self._raw.values():
            for group in (*(data.get("direct_group_ids") or ()), *(data.get("inherited_group_ids") or ())):
                if group not in self._groups:
                    reader.leave(f"identity/group/id/{group}", f"a group of entity {data['name']} that was not read")

    @staticmethod
    def _all(reader: Reader, kind: str) -> dict[str, dict[str, Any]]:
        base = f"identity/{kind}/id"
        found = reader.each(reader.keys(base), lambda key: reader.read(f"{base}/{key}"))
        return {data["id"]: data for data in found if data}

    def behind(self, accessor: str, names: frozenset[str] | None) -> tuple[Entity, ...]:
        """Whoever may log in at the method with this accessor under one of the names; None is under any."""
        return tuple(
            entity
            for entity in self._entities.values()
            if any(a.accessor == accessor and (names is None or a.name in names) for a in entity.aliases)
        )

    def disabled(self, entity: Entity) -> bool:
        """Every token of it is refused."""
        return bool(self._raw[entity.id].get("disabled"))

    def attached(self, entity: Entity) -> tuple[Attached, ...]:
        """Its own policies, its groups' and those of the groups that these are members of."""
        data = self._raw[entity.id]
        found = self._of(data, f"entity {entity.name}")
        for key in ("direct_group_ids", "inherited_group_ids"):
            for group in data.get(key) or ():
                found += self._of(self._groups.get(group, {}), self._through(group, data))
        return tuple(found)

    def _through(self, group: str, entity: Mapping[str, Any]) -> str:
        name = self._groups.get(group, {}).get("name", group)
        direct = group in (entity.get("direct_group_ids") or ())
        return f"identity group {name}" if direct else f"identity group {name}, by a group that is a member of it"

    def _of(self, data: Mapping[str, Any], through: str) -> list[Attached]:
        known = (self._policies.get(name) for name in data.get("policies") or ())
        return [Attached(policy, through) for policy in known if policy is not None]

    def principals(self) -> Iterator[Principal]:
        for entity in self._entities.values():
            attached = () if self.disabled(entity) else self.attached(entity)
            yield Principal(PrincipalKind.ENTITY, entity.name, attached, entity)
        for key, data in self._groups.items():
            found = self._of(data, "its own policies")
            for parent in self._above(key):
                found += self._of(self._groups[parent], f"member of identity group {self._groups[parent]['name']}")
            yield Principal(PrincipalKind.GROUP, str(data["name"]), tuple(found))

    def _above(self, group: str) -> list[str]:
        found: list[str] = []
        waiting = list(self._groups[group].get("parent_group_ids") or ())
        while waiting:
            parent = waiting.pop()
            if parent in self._groups and parent not in found:
                found.append(parent)
                waiting += self._groups[parent].get("parent_group_ids") or ()
        return found
