"""The two policies on every identity, compiled from what is affected. Pure; JSON, never string formatting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from containment import names
from containment.incidents.scope import Affected
from policies.model import CiRole, Estate, SecretAccessPolicy, Workload

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
    return _text(own_rules(identity, estate, affected))


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


def widest(estates: Iterable[Estate]) -> dict[str, str]:
    """By its name, the most that each identity's own policy may grant by any of these estates while nothing leaked,
    with what nobody knows whether it is granted (`estates.unfinished`)."""
    found: dict[str, dict[str, set[str]]] = {}

    def grant(own: str, policy: SecretAccessPolicy, capabilities: Iterable[str]) -> None:
        for path in names.granted_paths(policy):
            found[own].setdefault(path, set()).update(capabilities)

    for estate in estates:
        own = {w.name: names.own_policy(w) for w in estate.workloads}
        for name in (*own.values(), *map(names.own_policy, estate.ci_roles)):
            found.setdefault(name, {})
        for policy in estate.secrets:
            for given in (*policy.grants, *policy.uncertain):
                if given.workload in own:
                    grant(own[given.workload], policy, given.capabilities)
            for role in estate.ci_roles:
                if policy.name in role.secrets:
                    grant(names.own_policy(role), policy, ("read",))
    return {name: _text({p: {"capabilities": sorted(c)} for p, c in paths.items()}) for name, paths in found.items()}


def _text(rules: Mapping[str, Any]) -> str:
    return json.dumps({"path": rules} if rules else _NOTHING, sort_keys=True)


def conditions(held: Mapping[str, Any]) -> list[str]:
    """Of a policy as the server answers: what is kept beside its text, and no write of the product's asks for. One that
    expires denies nothing any more, and one that wants a check-and-set refuses whoever does not know of it."""
    return [word for key, word in (("expiration", "expires"), ("cas_required", "cas_required")) if held.get(key)]


def stricter(held: str | None, wanted: str) -> str:
    """Of two policies compiled here, what both allow: what either denies is denied, and what only one of them grants is
    left out. `wanted` where `held` is none or is not ours to read."""
    before = capabilities(held)
    if before is None:
        return wanted
    after = capabilities(wanted) or {}
    merged = {}
    for path in before.keys() | after.keys():
        one, other = before.get(path, set()), after.get(path, set())
        allowed = {"deny"} if "deny" in one | other else one & other
        if allowed:
            merged[path] = {"capabilities": sorted(allowed)}
    return _text(merged)


def wider(before: Mapping[str, set[str]], allowed: str) -> bool:
    """Whether capabilities by path are more than the policy compiled here grants."""
    after = capabilities(allowed) or {}
    return any(can - {"deny"} - after.get(path, set()) for path, can in before.items())


def capabilities(text: str | None) -> dict[str, set[str]] | None:
    """By path, of a policy as it is compiled here; None of any other: the server takes more keys, a key twice for both,
    and HCL."""
    try:
        document = json.loads(text or "", object_pairs_hook=_once)
        rules = document.pop("path")
        found = {path: set(rule.pop("capabilities")) for path, rule in rules.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return None if document or any(rules.values()) else found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _deny(paths: Iterable[str]) -> str:
    return _text({path: {"capabilities": ["deny"]} for path in sorted(set(paths))})
