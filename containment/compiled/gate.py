"""The two policies on every identity, compiled from what is affected. Pure; JSON, never string formatting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from containment import names
from containment.incidents.scope import Affected
from policies.model import CiRole, Estate, Workload

_NOTHING = {"path": {"sys/portcullis-none": {"capabilities": ["deny"]}}}


def gate(affected: Affected) -> str:
    """What leaked, denied for as long as the incident lasts or until its replacement is proven."""
    exact = [path for policy in affected.denied for path in names.denied_paths(policy)]
    return _deny([*exact, *(path for policy in affected.denied_class for path in names.granted_paths(policy))])


def quarantine(affected: Affected) -> str:
    """Everything in scope, denied only until the tokens that were out are revoked and swept."""
    return _deny(path for policy in affected.secrets for path in names.exact_paths(policy))


def generation(workload: Workload, estate: Estate, closed: bool) -> str:
    """The policy of one generation of a workload's batch tokens: closed, it denies whatever the workload is granted."""
    granted = estate.granted.get(workload.name, ())
    return _deny(path for policy in granted for path in names.exact_paths(policy)) if closed else open_policy()


def open_policy() -> str:
    """What either policy says in peace: it grants nothing and denies a path that does not exist."""
    return json.dumps(_NOTHING, sort_keys=True)


def own_policy(identity: Workload | CiRole, estate: Estate, affected: Affected) -> str:
    """The identity's own grants, exact paths only, without what leaked until that is replaced. None at all while the
    identity itself is leaked and not replaced, nor of a CI role in any incident: so its tokens are refused at once, and
    nobody else's."""
    paths = own_rules(identity, estate, affected)
    return json.dumps({"path": paths} if paths else _NOTHING, sort_keys=True)


def own_rules(identity: Workload | CiRole, estate: Estate, affected: Affected) -> dict[str, dict[str, Sequence[str]]]:
    """The same by path."""
    paths: dict[str, dict[str, Sequence[str]]] = {}
    if affected.is_shut(identity):
        return paths
    if isinstance(identity, CiRole):
        for policy in estate.secrets:
            if policy.name in identity.secrets:
                paths[names.granted_path(policy)] = {"capabilities": ["read"]}
    else:
        for policy in estate.granted.get(identity.name, ()):
            path = names.granted_path(policy)
            capabilities = sorted(c for g in policy.grants if g.workload == identity.name for c in g.capabilities)
            if capabilities and path not in affected.denied_paths:  # by path: it may be called otherwise by now
                paths[path] = {"capabilities": capabilities}
    return paths


def conditions(held: Mapping[str, Any]) -> list[str]:
    """Of a policy as the server answers: what is kept beside its text, and no write of the product's asks for. One that
    expires denies nothing any more, and one that wants a check-and-set refuses whoever does not know of it."""
    return [word for key, word in (("expiration", "expires"), ("cas_required", "cas_required")) if held.get(key)]


def stricter(held: str | None, wanted: str) -> str:
    """Of two policies compiled here, what both allow: what either denies is denied, and what only one of them grants is
    left out. `wanted` where `held` is none or is not ours to read."""
    try:
        rules: dict[str, dict[str, Sequence[str]]] = json.loads(held or "")["path"]
        before = {path: set(rule["capabilities"]) for path, rule in rules.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return wanted
    after = {path: set(rule["capabilities"]) for path, rule in json.loads(wanted)["path"].items()}
    merged = {}
    for path in before.keys() | after.keys():
        one, other = before.get(path, set()), after.get(path, set())
        allowed = {"deny"} if "deny" in one | other else one & other
        if allowed:
            merged[path] = {"capabilities": sorted(allowed)}
    return json.dumps({"path": merged} if merged else _NOTHING, sort_keys=True)


def _deny(paths: Iterable[str]) -> str:
    rules = {path: {"capabilities": ["deny"]} for path in sorted(set(paths))}
    return json.dumps({"path": rules} if rules else _NOTHING, sort_keys=True)
