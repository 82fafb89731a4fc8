"""The diff as SARIF: each widening at the line that gives. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from access.diff.change import Change, Risk
from access.diff.markdown import said
from policies.sarif import document, message, place

_LEVELS = {Risk.CRITICAL: "error", Risk.HIGH: "error", Risk.MEDIUM: "warning", Risk.LOW: "note"}
_RULE = {
    "id": "access-widens",
    "name": "AccessWidens",
    "shortDescription": {"text": "Access widens"},
    "fullDescription": {"text": "Somebody can do something that they could not do before."},
}


def sarif(changes: Iterable[Change]) -> dict[str, Any]:
    return document([_RULE], [_result(c) for c in changes if c.widens and not c.follows])


def _result(c: Change) -> dict[str, Any]:
    return {
        "ruleId": _RULE["id"],
        "ruleIndex": 0,
        "level": _LEVELS[c.risk],
        "message": message(f"{c.subject}: {c.what}: {said(c)} ({c.reason})"),
        "locations": [{"physicalLocation": place(c.place.file, c.place.line)}] if c.place else [],
    }
