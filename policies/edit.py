"""Take an item of a list out of a declaration's text; every other character, comments too, stays as it was written."""

from __future__ import annotations

import re
from typing import Any

import yaml

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def without(text: str, field: str) -> str:
    """`field` as `policies.fields` names it, and ending in an index: `spec.grants[2]`. The text must have loaded.

    Raises ValueError where the item cannot be taken out without a character of something else: it shares a line.
    """
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    parent, index = node, -1
    for key, number in _STEP.findall(field):
        parent, index = node, int(number) if number else -1
        node = node.value[index] if number else next(v for k, v in node.value if k.value == key)
    if index < 0:
        raise ValueError(f"{field} is no item of a list")
    return _flow(text, parent, index) if parent.flow_style else _block(text, parent, index)


def _flow(text: str, parent: Any, index: int) -> str:
    """With the comma that belongs to it."""
    items = parent.value
    if index + 1 < len(items):
        first, end = items[index].start_mark.index, items[index + 1].start_mark.index
    else:
        first = items[index - 1].end_mark.index if index else items[index].start_mark.index
        end = items[index].end_mark.index
    if "#" in text[first:end]:
        raise ValueError("a comment stands within")
    rest = text[end:]
    return text[:first] + (rest.lstrip(", ") if len(items) == 1 else rest)


def _block(text: str, parent: Any, index: int) -> str:
    """Its lines, from its dash on; of the last one that stays nothing would remain but an empty list."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    item = parent.value[index]
    first, end = item.start_mark.line, _last(item)
    if not re.match(r"\s*-\s", lines[first][: item.start_mark.column]):
        raise ValueError("it does not begin on the line of its dash")
    if len(parent.value) > 1:
        return "".join([*lines[:first], *lines[end + 1 :]])
    indent = lines[first][: lines[first].index("-")]
    newline = "\n" if lines[end].endswith("\n") else ""
    return "".join([*lines[:first], f"{indent}  []{newline}", *lines[end + 1 :]])


def _last(node: Any) -> int:
    """Line, from 0, on which it ends: a block's own end mark stands at whatever comes next."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.line)
    last = node.value[-1]
    return _last(last[1] if isinstance(last, tuple) else last)
