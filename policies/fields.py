"""Fields of a declaration by name, `spec.grants[2].capabilities[0]`, and the line on which each was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def named(path: Iterable[str | int]) -> str:
    """Keys and indexes, outermost first, as one name; "" is the document."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def below(field: str, part: str | int) -> str:
    """The name of a part of a field."""
    if isinstance(part, int):
        return f"{field}[{part}]"
    return f"{field}.{part}" if field else part


def line(lines: Mapping[str, int], field: str) -> int:
    """Of a field, or of its nearest ancestor that was written down; counted from 1."""
    while field and field not in lines:
        field = field[: max(field.rfind("."), field.rfind("["), 0)]
    return lines.get(field, 1)
