"""One line of the audit log. The server writes down what a caller sent, and takes more than this interpreter reads: a
list in a list ten thousand times, a number of ten thousand digits. Such a line is read all the same, since nobody may
hide what was done by it."""

from __future__ import annotations

import json
import re
from typing import Any

_DEEPEST = 50
"""Levels of nesting; a record itself has six."""
_LONGEST = 4000
"""Digits of a number; the interpreter reads 4,300 (`sys.set_int_max_str_digits`)."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]|[^"\[\]{}]+')


def decoded(line: bytes) -> dict[str, Any]:
    """The record: what is nested deeper is null in it, a longer number 0. Raises ValueError for a line that is no JSON
    object, as one that a kill tore."""
    text = line.decode(errors="replace")
    try:
        record = _DECODER.decode(text)
    except RecursionError:
        record = _DECODER.decode(_shallow(text))
    if not isinstance(record, dict):
        raise ValueError("no record")
    return record


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= _LONGEST else 0


_DECODER = json.JSONDecoder(parse_int=_number)


def _shallow(text: str) -> str:
    kept, depth = [], 0
    for token in _TOKEN.findall(text):
        depth += token in ("[", "{")
        if depth <= _DEEPEST:
            kept.append(token)
        elif depth == _DEEPEST + 1 and token in ("[", "{"):
            kept.append("null")
        depth -= token in ("]", "}")
    return "".join(kept)
