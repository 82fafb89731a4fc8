"""Violations as SARIF. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from containment.adapters.opa import Violation
from policies.plain import plain
from policies.rules import Rule
from policies.sarif import document, message, place

_LEVELS = {"critical": ("error", "9.5"), "high": ("error", "8.0"), "medium": ("warning", "5.0"), "low": ("note", "2.0")}
"""By severity: SARIF's level, and the `security-severity` by which code scanning sorts."""


def sarif(violations: Sequence[Violation], rules: Iterable[Rule]) -> dict[str, Any]:
    """One run; every rule is told, so that a viewer explains what it found."""
    known = list(rules)
    index = {rule.name: number for number, rule in enumerate(known)}
    return document([_rule(rule) for rule in known], [_result(violation, index) for violation in violations])


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
    location: dict[str, Any] = {
        "physicalLocation": place(violation.file, violation.line),
        "logicalLocations": [{"fullyQualifiedName": plain(f"{violation.name} {violation.field}".strip())}],
    }
    told = {
        "ruleId": violation.rule,
        "level": level,
        "message": message(f"{violation.message}; {violation.remedy}"),
        "locations": [location] if violation.line > 0 else [],
    }
    return {**told, "ruleIndex": index[violation.rule]} if violation.rule in index else told
