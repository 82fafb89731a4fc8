"""Answers as plain data for `--json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from access.acl import Explanation
from access.questions import Held, Perhaps, Reach
from access.rule import UNCONSTRAINED, Capability, Constraints, Rule
from access.snapshot import Place, Principal, Target
from policies.model import Ttl

DENY_WINS = "a deny on the same path wins"


def capabilities(found: Iterable[Capability]) -> list[str]:
    return sorted(c.value for c in found)


def rule(found: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": found.path,
        "capabilities": capabilities(found.capabilities),
        "policy": found.policy,
        "file": found.source,
        "line": found.line,
    }
    if found.constraints != UNCONSTRAINED:
        document["constraints"] = constraints(found.constraints)
    if found.expires:
        document["expires"] = found.expires.isoformat()
    return document


def constraints(found: Constraints) -> dict[str, Any]:
    """Those that are set."""
    return {f.name: value for f in fields(found) if (value := getattr(found, f.name)) != getattr(UNCONSTRAINED, f.name)}


def explained(found: Explanation, unresolved: Iterable[Rule], note: str) -> dict[str, Any]:
    """`rule` is the first of `rules`, which together decide; None where none matches."""
    rules = [rule(r) for r in found.rules]
    return {
        "path": found.path,
        "note": note,
        "capabilities": capabilities(found.capabilities),
        "rule": rules[0] if rules else None,
        "rules": rules,
        "shadowed": [{**rule(s.rule), "reason": str(s.precedence or DENY_WINS)} for s in found.shadowed],
        "unresolved": [rule(r) for r in unresolved],
    }


def principal(found: Principal) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "name": found.name,
        "entity": found.entity.name if found.entity else None,
        "ttl": _ttl(found.ttl),
        **place(found.place),
    }


def place(found: Place | None) -> dict[str, Any]:
    return {"file": found.file, "line": found.line} if found else {"file": None, "line": None}


def target(path: str, found: Target) -> dict[str, Any]:
    return {
        "path": path,
        "engine": found.engine.value,
        "role": found.role,
        "connection": found.connection,
        "statements": list(found.statements),
        "groups": list(found.groups),
        "ttl": _ttl(found.ttl),
        "settings": dict(found.settings),
        **place(found.place),
    }


def _ttl(found: Ttl | None) -> dict[str, int] | None:
    """Seconds."""
    return {"default": found.default, "max": found.max} if found else None


def reaches(found: Iterable[Reach]) -> list[dict[str, Any]]:
    """One entry a principal, its paths in it."""
    together: dict[tuple[str, str], dict[str, Any]] = {}
    for reach in found:
        who = reach.principal
        entry = together.setdefault((who.kind, who.name), {**principal(who), "access": []})
        rules = [{**rule(r), "through": list(who.through(r.policy))} for r in reach.rules]
        entry["access"].append(
            {
                "path": reach.path,
                "capabilities": capabilities(reach.capabilities),
                "through": list(reach.through),
                "rules": rules,
            }
        )
    return list(together.values())


def perhaps(found: Perhaps) -> dict[str, Any]:
    who = found.principal
    through = list(who.through(found.rule.policy))
    return {
        "kind": who.kind.value,
        "name": who.name,
        "path": found.path,
        "rule": {**rule(found.rule), "through": through},
    }


def held(who: Principal, found: Iterable[Held]) -> dict[str, Any]:
    grants = [
        {
            "path": h.grant.pattern.text,
            "capabilities": capabilities(h.grant.capabilities),
            "rules": [{**rule(r), "through": list(who.through(r.policy))} for r in h.grant.rules],
            "stands_for": [target(path, t) for path, t in h.stands_for],
        }
        for h in found
    ]
    root = who.acl.capabilities("sys/raw") == {Capability.ROOT}
    return {**principal(who), "root": root, "grants": grants, "unresolved": [rule(r) for r in who.acl.unresolved]}
