"""SARIF 2.1.0 (OASIS standard, 27 March 2020), as code scanning reads it: the frame around results. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from policies.plain import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def document(rules: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One run."""
    driver = {"name": "portcullis", "rules": list(rules)}
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": list(results)}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def place(file: str, line: int) -> dict[str, Any]:
    """A physical location; a line below 1 is none."""
    region = {"region": {"startLine": line}} if line > 0 else {}
    return {"artifactLocation": {"uri": quote(file)}, **region}


def message(text: str) -> dict[str, str]:
    """Brackets would make a link and braces a placeholder (SARIF 3.11.5, 3.11.6)."""
    escaped = plain(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return {"text": escaped.replace("{", "{{").replace("}", "}}")}
