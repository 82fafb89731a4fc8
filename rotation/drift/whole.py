"""Whether an object on the vault is what the code would write, whole: pure. By name alone, one that grants everything
passes for ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from access.default import DEFAULT
from access.errors import PolicyError
from access.policy import parse
from access.rule import DENIED, Capability, Constraints, Policy
from containment.compiled import gate
from containment.compiled.held import wrong

_Answer: TypeAlias = Mapping[str, Any]
_Rules: TypeAlias = dict[str, list[tuple[frozenset[Capability], Constraints, datetime | None]]]

_NAMED = 5
_NARROWING = frozenset(
    {
        *(
            "token_bound_cidrs",
            "token_num_uses",
            "token_explicit_max_ttl",
            "explicit_max_ttl",
            "token_strictly_bind_ip",
        ),
        *("token_no_default_policy", "secret_id_bound_cidrs", "secret_id_num_uses", "secret_id_ttl", "bound_subject"),
        *("disallowed_policies", "disallowed_policies_glob", "max_age"),
    }
)
"""Parameters of a role which, set, let fewer in or for a shorter time: whoever wants more of that may have it."""
_SERVERS_OWN: Mapping[str, tuple[object, ...]] = {
    "token_type": ("default", "default-service"),
    "bound_claims_type": ("string",),
    "callback_mode": ("client",),
}
"""What the server says of a parameter that nobody has set, where that is not empty."""
HEADERS: Mapping[str, Mapping[str, list[str]]] = {
    kind: {"passthrough_request_headers": [header]}
    for header, kinds in {"Authorization": ("identity", "ns_identity"), "Accept": ("system", "ns_system")}.items()
    for kind in kinds
}
"""How the server tunes its own mounts, by their type."""
_OF_TEMPLATES = ("allow_slashes_in_identity_templates", "allow_wildcards_in_identity_templates")


def values(held: _Answer | None, wanted: _Answer, apart: Iterable[str] = ()) -> list[str]:
    """Parameters that are not as `wanted`, and those that nobody wants and that are set all the same; `apart` are left
    to others."""
    if held is None:
        return ["is gone"]
    passed = {*wanted, *_NARROWING, *apart}
    more = [key for key, value in held.items() if value and key not in passed and value not in _own(key)]
    return sorted([*wrong(held, wanted), *more])


def _own(key: str) -> tuple[object, ...]:
    return _SERVERS_OWN.get(key, ())


def policy(held: _Answer | None, wanted: str, *, denies: bool = False) -> list[str]:
    """What is kept beside its text, and paths whose rules are not as `wanted`. `denies`: a policy that grants nothing
    will do as well."""
    if held is None:
        return ["is gone"]
    return [*gate.conditions(held), *_differing(str(held["policy"]), wanted, denies=denies)]


def _differing(text: str, wanted: str, *, denies: bool) -> list[str]:
    if text.strip() == wanted.strip():
        return []
    try:
        found, ours = _rules(parse(text, "the server's")), _rules(parse(wanted, "ours"))
    except PolicyError as error:
        return [f"is not read: {json.dumps(str(error))}"]
    if denies and all(can <= DENIED for rules in found.values() for can, *_ in rules):
        return []
    return _quoted(path for path in sorted({*found, *ours}) if found.get(path) != ours.get(path))


def conditions(held: _Answer | None) -> list[str]:
    """Of a policy whose text Pulumi compares, what it does not see; one that is gone is Pulumi's to name."""
    return [] if held is None else gate.conditions(held)


def default(held: _Answer | None) -> list[str]:
    """Paths of the policy `default` that grant more than the server's own text does."""
    if held is None:
        return []
    try:
        rules = parse(str(held["policy"]), "default").rules
    except PolicyError as error:
        return [f"is not read: {json.dumps(str(error))}"]
    more = [r.path for r in rules if {*map(str, r.capabilities - DENIED)} - {*DEFAULT.get(r.path, ())}]
    return [*_quoted(dict.fromkeys(more)), *(key for key in _OF_TEMPLATES if held.get(key))]


def _rules(policy: Policy) -> _Rules:
    found: _Rules = {}
    for rule in policy.rules:
        found.setdefault(rule.path, []).append((rule.capabilities, rule.constraints, rule.expires))
    return found


def _quoted(paths: Iterable[str]) -> list[str]:
    """Whatever somebody wrote into one, on one line."""
    found = [json.dumps(path) for path in paths]
    return found if len(found) <= _NAMED else [*found[:_NAMED], f"and {len(found) - _NAMED} more"]
