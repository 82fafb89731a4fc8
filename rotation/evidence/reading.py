"""The files of the evidence as the report reads them: of the expected shape, or refused by name."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from containment.folder import files
from policies.errors import InputError

Row = dict[str, Any]


def number(value: object) -> float | None:
    """A finite time or duration in seconds; the year 9999 bounds what a clock can show."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value <= datetime(9999, 1, 1, tzinfo=UTC).timestamp() else None


def load(folder: Path, name: str, shape: type) -> Any:
    file = folder / name
    if file.is_symlink():
        raise InputError(f"{folder.name}/{name} is a symbolic link; not followed")
    if not file.exists():
        return None
    if not file.is_file():
        raise InputError(f"{folder.name}/{name} is no regular file")
    try:
        data = json.loads(files.read(file))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder.name}/{name} cannot be read as JSON ({type(error).__name__})") from error
    if not isinstance(data, shape):
        raise InputError(f"{folder.name}/{name}: expected a JSON {'object' if shape is dict else 'list'}")
    return data


def object_(folder: Path, name: str) -> Row | None:
    data: Row | None = load(folder, name, dict)
    for key, shape in (("seconds", dict), ("not_contained", list)):
        if data is not None and not isinstance(data.get(key, shape()), shape):
            raise InputError(f"{folder.name}/{name}: `{key}` has another shape")
    return data


def list_(folder: Path, name: str) -> list[Row]:
    return rows({name: load(folder, name, list) or []}, name, name)


def rows(data: Row, key: str, name: str) -> list[Row]:
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{name}: expected a list of objects")
    return rows
