"""A policy text read into rules, as the server reads it: what it refuses is refused, with file and line."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from access import hcl1, jsontext, template
from access.rule import DENIED, UNCONSTRAINED, Capability, Constraints, Policy, Rule
from access.stanza import Arguments
from access.tree import Item, Object, Source

_ARGUMENTS = (
    "comment",
    "policy",
    "capabilities",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "pagination_limit",
    "expiration",
    "list_scan_response_keys_filter_path",
    "control_group",
)
_FILTER = re.compile(r"(?:[^{}]|\{\{ *\.(?:path|key) *\}\})*")
_WRITE = ("create", "read", "update", "delete", "list")
_SHORTHAND = {"deny": ("deny",), "read": ("read", "list"), "write": _WRITE, "sudo": (*_WRITE, "sudo")}
_WRITABLE = frozenset(Capability) - {Capability.ROOT}


def parse(text: str, source: str, *, name: str = "", namespace: str = "", now: datetime | None = None) -> Policy:
    """`source` is named in errors and explanations; `name` is the policy's (its source, if none is given);
    `namespace` ends in a slash or is empty. The server reads no further into a stanza that has expired at `now`.

    Raises RefusedPolicyError, UnsupportedPolicyError.
    """
    origin = Source(text, source)
    if not text:
        raise origin.refused(0, "the policy is empty")
    items = jsontext.read(origin) if text.strip().startswith("{") else hcl1.read(origin)
    rules = []
    for item in items:
        if item.keys[0] == "path":
            rules.append(_rule(origin, item, name or source, namespace, now))
        elif item.keys[0] != "name":
            raise origin.refused(item.at, f"{item.keys[0]}: only `path` and `name` can stand here")
        elif len(item.keys) > 1 or not isinstance(item.value, (str, int)) or isinstance(item.value, bool):
            raise origin.refused(item.at, "name: text in quotes is expected")
    return Policy(name or source, tuple(rules), source, namespace)


def _rule(source: Source, item: Item, policy: str, namespace: str, now: datetime | None) -> Rule:
    path = item.keys[1] if len(item.keys) > 1 else "path"
    if not template.balanced(path):
        raise source.refused(item.at, f"path {path!r}: `{{{{` and `}}}}` do not match")
    if not isinstance(item.value, Object):
        raise source.refused(item.at, 'write `path "…" { … }`')
    given = Arguments(source, item.value.items, _ARGUMENTS, once=("min_wrapping_ttl", "max_wrapping_ttl"))
    if "control_group" in given:
        raise source.unsupported(given.at("control_group"), "control_group: what needs approvals is not judged")
    listed, shorthand, plain = given.strings("capabilities"), given.string("policy"), _plain(given)
    expires = given.instant("expiration")
    path = namespace + path.removeprefix("/")
    expired = expires is not None and now is not None and now > expires
    if not expired and "+*" in path:
        raise source.refused(item.at, f"path {path!r}: `+*` is not allowed")
    try:
        capabilities = _capabilities(listed, shorthand)
    except ValueError as error:
        if not expired:
            raise source.refused(item.at, f"path {path!r}: {error}") from error
        capabilities = frozenset()
    constraints = UNCONSTRAINED
    if not expired and capabilities != DENIED:
        constraints = _constraints(source, item, given, plain, capabilities)
    return Rule(path, capabilities, policy, source.name, source.line(item.at), constraints, expires)


def _capabilities(listed: tuple[str, ...], shorthand: str) -> frozenset[Capability]:
    """`deny` anywhere is all there is; the server reads no further than the first one."""
    if shorthand not in ("", *_SHORTHAND):
        raise ValueError(f"policy = {shorthand!r}: there are {', '.join(_SHORTHAND)}")
    found = set()
    for word in _SHORTHAND["deny"] if shorthand == "deny" else (*listed, *_SHORTHAND.get(shorthand, ())):
        if word not in _WRITABLE:
            raise ValueError(f"no capability {word!r}; there are {', '.join(sorted(_WRITABLE))}")
        if word == Capability.DENY:
            return DENIED
        found.add(Capability(word))
    return frozenset(found)


def _plain(given: Arguments) -> Constraints:
    """The constraints that are read even beside `deny`."""
    return Constraints(
        allowed_parameters=given.parameters("allowed_parameters"),
        denied_parameters=given.parameters("denied_parameters"),
        required_parameters=given.strings("required_parameters"),
        pagination_limit=given.integer("pagination_limit"),
        response_keys_filter=given.string("list_scan_response_keys_filter_path"),
        mfa_methods=given.strings("mfa_methods"),
    )


def _constraints(
    source: Source, item: Item, given: Arguments, plain: Constraints, capabilities: frozenset[Capability]
) -> Constraints:
    low, high = given.seconds("min_wrapping_ttl"), given.seconds("max_wrapping_ttl")
    if low and high and high < low:
        raise source.refused(item.at, "max_wrapping_ttl is below min_wrapping_ttl")
    if plain.response_keys_filter:
        at = given.at("list_scan_response_keys_filter_path")
        if Capability.LIST not in capabilities or ".key" not in plain.response_keys_filter:
            raise source.refused(at, "a filter of keys needs the list capability and `{{ .key }}`")
        if not _FILTER.fullmatch(plain.response_keys_filter):
            raise source.unsupported(at, "write the filter with `{{ .path }}` and `{{ .key }}` alone")
    found = replace(plain, min_wrapping_ttl=low, max_wrapping_ttl=high)
    return UNCONSTRAINED if found == UNCONSTRAINED else found
