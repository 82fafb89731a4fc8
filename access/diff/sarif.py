"""The diff as SARIF 2.1.0 (OASIS standard, 27 March 2020): each widening at the line that gives. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from access.diff.change import Change, Risk
from access.diff.markdown import said
from policies.plain import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Risk.CRITICAL: "error", Risk.HIGH: "error", Risk.MEDIUM: "warning", Risk.LOW: "note"}
_RULE = {
    "id": "access-widens",
    "name": "AccessWidens",
    "shortDescription": {"text": "Access widens"},
    "fullDescription": {"text": "Somebody can do something that they could not do before."},
}


def sarif(changes: Iterable[Change]) -> dict[str, Any]:
    run = {
        "tool": {"driver": {"name": "portcullis", "rules": [_RULE]}},
        "columnKind": "utf16CodeUnits",
        "results": [_result(c) for c in changes if c.widens and not c.follows],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(c: Change) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": _RULE["id"],
        "ruleIndex": 0,
        "level": _LEVELS[c.risk],
        "message": {"text": _literal(f"{c.subject}: {c.what}: {said(c)} ({c.reason})")},
        "locations": [],
    }
    if c.place:
        artifact = {"artifactLocation": {"uri": quote(c.place.file)}, "region": {"startLine": c.place.line}}
        found["locations"] = [{"physicalLocation": artifact}]
    return found


def _literal(text: str) -> str:
    """In a message, brackets would make a link and braces a placeholder (SARIF 3.11.5, 3.11.6)."""
    escaped = plain(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return escaped.replace("{", "{{").replace("}", "}}")
