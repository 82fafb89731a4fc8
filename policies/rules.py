"""The rules of the bundle, as the METADATA of each tells (OPA documentation, "Annotations")."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policies.errors import InputError

BUNDLE = Path(__file__).resolve().parent / "rego"
AREAS = ("declaration", "plan", "resource", "issue", "lift", "approval")


@dataclass(frozen=True, slots=True)
class Rule:
    """`name`: its folder, and what a violation calls it. `file`: below the bundle."""

    name: str
    area: str
    title: str
    description: str
    severity: str
    remedy: str
    reference: str
    file: str


LOAD = Rule(
    "load",
    "declaration",
    "What does not load",
    "A declaration is one YAML document of the published schema, and what it names is declared too.",
    "critical",
    "mend what the message names; the schema is policies/declaration.schema.json",
    "policies/declaration.schema.json",
    "policies/load.py",
)
"""What is found before any rule is asked."""

LOCKOUT = Rule(
    "lockout",
    "declaration",
    "A lock-down that nobody could take back",
    "Whoever works a lock-down keeps what lifting it needs, under the lock-down's own policies too, and no identity "
    "gains anything by one. Proven with the model of what policies grant, for the largest incident that the "
    "declarations allow.",
    "critical",
    "move the secret off the path that the message names",
    "ARCHITECTURE.md, one lock-down",
    "containment/lockout.py",
)
"""What is found beside the rules."""

IN_CODE = (LOAD, LOCKOUT)
"""Told like the bundle's rules, and decided by no Rego."""


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by area and name; a rule is `<area>/<name>/<name>.rego`."""
    found = [*IN_CODE]
    for area in AREAS:
        for file in sorted((BUNDLE / "portcullis" / area).glob("*/*.rego")):
            if file.stem == file.parent.name:
                found.append(_rule(area, file))
    return tuple(found)


def find(name: str) -> Rule:
    """Raises InputError naming the rules that there are."""
    rule = next((r for r in rules() if r.name == name), None)
    if rule is None:
        raise InputError(f"no rule {name!r}; one of {', '.join(r.name for r in rules())}")
    return rule


def metadata(text: str) -> dict[str, Any]:
    """Of the package: the comment block that begins with METADATA. Raises InputError when there is none."""
    lines = text.splitlines()
    if "# METADATA" not in lines:
        raise InputError("no METADATA")
    block: list[str] = []
    for line in lines[lines.index("# METADATA") + 1 :]:
        if not line.startswith("#"):
            break
        block.append(line[2:])
    told = yaml.safe_load("\n".join(block))
    return told if isinstance(told, dict) else {}


def _rule(area: str, file: Path) -> Rule:
    told = metadata(file.read_text())
    custom = told.get("custom", {})

    def word(of: dict[str, Any], key: str) -> str:
        return str(of.get(key, "")).strip()

    return Rule(
        file.stem,
        area,
        word(told, "title"),
        word(told, "description"),
        word(custom, "severity"),
        word(custom, "remedy"),
        word(custom, "reference"),
        str(file.relative_to(BUNDLE)),
    )
