"""Violations as SARIF 2.1.0 (OASIS standard, 27 March 2020), as code scanning reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from containment.adapters.opa import Violation
from policies.plain import plain
from policies.rules import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"critical": ("error", "9.5"), "high": ("error", "8.0"), "medium": ("warning", "5.0"), "low": ("note", "2.0")}
"""By severity: SARIF's level, and the `security-severity` by which code scanning sorts."""


def sarif(violations: Sequence[Violation], rules: Iterable[Rule]) -> dict[str, Any]:
    """One run; every rule is told, so that a viewer explains what it found."""
    known = list(rules)
    index = {rule.name: number for number, rule in enumerate(known)}
    driver = {"name": "portcullis", "rules": [_rule(rule) for rule in known]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_result(violation, index) for violation in violations],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    level, score = _LEVELS.get(rule.severity, _LEVELS["critical"])
    return {
        "id": rule.name,
        "name": rule.title,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.description},
        "help": {"text": f"{rule.description}\n\nRemedy: {rule.remedy}\n\nReference: {rule.reference}"},
        "defaultConfiguration": {"level": level},
        "properties": {"security-severity": score, "tags": ["security", rule.area]},
    }


def _result(violation: Violation, index: dict[str, int]) -> dict[str, Any]:
    level, _ = _LEVELS.get(violation.severity, _LEVELS["critical"])
    region = {"region": {"startLine": violation.line}} if violation.line > 0 else {}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": quote(violation.file)}, **region},
        "logicalLocations": [{"fullyQualifiedName": plain(f"{violation.name} {violation.field}".strip())}],
    }
    told = {
        "ruleId": violation.rule,
        "level": level,
        "message": {"text": _literal(f"{violation.message}; {violation.remedy}")},
        "locations": [location] if violation.line > 0 else [],
    }
    return {**told, "ruleIndex": index[violation.rule]} if violation.rule in index else told


def _literal(text: str) -> str:
    """In a message, brackets would make a link and braces a placeholder (SARIF 3.11.5, 3.11.6)."""
    escaped = plain(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return escaped.replace("{", "{{").replace("}", "}}")
