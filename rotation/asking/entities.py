"""An entity in a file, as `bao read -format=json identity/entity/name/NAME` prints it, or by the same fields alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from access.template import Alias, Entity, Group
from policies.errors import InputError

_LONGEST = 1024 * 1024


def read(file: Path) -> Entity:
    """`groups` are objects with `id`, `name` and `metadata`, which the server's answer does not have.

    Raises InputError naming the file and the field.
    """
    try:
        if not file.is_file() or file.stat().st_size > _LONGEST:
            raise InputError(f"{file}: there is no such regular file of at most {_LONGEST} bytes")
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: is no JSON that can be read: {error}") from error
    data = found.get("data", found) if isinstance(found, dict) else found
    return _Fields(file, "", data).entity()


class _Fields:
    def __init__(self, file: Path, at: str, data: Any) -> None:
        self._file, self._at = file, at
        if not isinstance(data, dict):
            raise self._wrong("", "an object is expected")
        self._data = data

    def entity(self) -> Entity:
        return Entity(
            self._text("id"),
            self._text("name"),
            self._map("metadata"),
            tuple(
                Alias(
                    a._text("mount_accessor"),
                    a._text("name"),
                    a._text("id"),
                    a._map("metadata"),
                    a._map("custom_metadata"),
                )
                for a in self._each("aliases")
            ),
            tuple(Group(g._text("id"), g._text("name"), g._map("metadata")) for g in self._each("groups")),
        )

    def _text(self, name: str) -> str:
        value = self._data.get(name, "")
        if not isinstance(value, str):
            raise self._wrong(name, "text is expected")
        return value

    def _map(self, name: str) -> dict[str, str]:
        value = self._data.get(name) or {}
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self._wrong(name, "an object of texts is expected")
        return value

    def _each(self, name: str) -> list[_Fields]:
        value = self._data.get(name) or []
        if not isinstance(value, list):
            raise self._wrong(name, "a list is expected")
        return [_Fields(self._file, f"{name}[{n}].", v) for n, v in enumerate(value)]

    def _wrong(self, name: str, what: str) -> InputError:
        return InputError(f"{self._file}: {f'{self._at}{name}'.rstrip('.') or '(document)'}: {what}")
