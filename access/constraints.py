"""Constraints of the rules on one pattern joined, as the server does; `access.permits` holds a request against them."""

from __future__ import annotations

from dataclasses import replace

from access.rule import UNCONSTRAINED, Constraints, Parameters


def joined(first: Constraints, second: Constraints) -> Constraints:
    """The shortest TTL and the smallest page of those that are set; a rule without allowed parameters adds nothing to
    those of another, so that it does not lift them."""
    if second == UNCONSTRAINED:
        return first
    return replace(
        first,
        allowed_parameters=_union(first.allowed_parameters, second.allowed_parameters),
        denied_parameters=_union(first.denied_parameters, second.denied_parameters),
        required_parameters=tuple(dict.fromkeys((*first.required_parameters, *second.required_parameters))),
        min_wrapping_ttl=_least(first.min_wrapping_ttl, second.min_wrapping_ttl),
        max_wrapping_ttl=_least(first.max_wrapping_ttl, second.max_wrapping_ttl),
        pagination_limit=int(_least(max(0, first.pagination_limit), second.pagination_limit)),
        response_keys_filter=first.response_keys_filter or second.response_keys_filter,
        mfa_methods=tuple(dict.fromkeys((*first.mfa_methods, *second.mfa_methods))),
    )


def _least(first: float, second: float) -> float:
    """Of two, where zero or less is none. A first TTL below zero stays; a first page size below it does not."""
    if second <= 0:
        return first
    return second if first == 0 or second < first else first


def _union(first: Parameters | None, second: Parameters | None) -> Parameters | None:
    """No values at all means any, and stays."""
    if not second or first is None:
        return second if first is None else first
    found = dict(first)
    for name, values in second.items():
        either_is_any = not values or (name in found and not found[name])
        found[name] = () if either_is_any else tuple(dict.fromkeys((*found.get(name, ()), *values)))
    return found
