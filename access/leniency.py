"""Whether one set of constraints lets through nothing that another does not."""

from __future__ import annotations

from access.rule import Constraints, Parameters


def within(inner: Constraints, outer: Constraints) -> bool:
    """True only where it is certain: every request that meets `inner` meets `outer`."""
    return (
        _allowed(inner.allowed_parameters, outer.allowed_parameters)
        and _denied(inner.denied_parameters, outer.denied_parameters)
        and set(outer.required_parameters) <= set(inner.required_parameters)
        and set(outer.mfa_methods) <= set(inner.mfa_methods)
        and inner.min_wrapping_ttl >= outer.min_wrapping_ttl
        and _limit(inner.max_wrapping_ttl, outer.max_wrapping_ttl)
        and _limit(inner.pagination_limit, outer.pagination_limit)
        and outer.response_keys_filter in ("", inner.response_keys_filter)
    )


def _limit(inner: float, outer: float) -> bool:
    """Zero is no limit."""
    return outer <= 0 or 0 < inner <= outer


def _allowed(inner: Parameters | None, outer: Parameters | None) -> bool:
    """None or nothing: any parameter. `*` stands for all that are not named, whatever values are written beside it."""
    if not outer:
        return True
    if not inner:
        return False
    inner, outer = ({**given, "*": ()} if "*" in given else given for given in (inner, outer))
    rest = outer.get("*")
    return all(
        (allowed := outer.get(name, rest)) is not None and _values(values, allowed) for name, values in inner.items()
    ) and ("*" not in inner or all(name in inner or not values for name, values in outer.items()))


def _values(inner: tuple[object, ...], outer: tuple[object, ...]) -> bool:
    """No value at all: any. A value with `*` at an end is a pattern, and counts as itself alone;
    true and 1 are two."""
    typed = [{(type(value), value) for value in values} for values in (inner, outer)]
    return not outer or (bool(inner) and typed[0] <= typed[1])


def _denied(inner: Parameters | None, outer: Parameters | None) -> bool:
    """`*` denies every parameter, whatever values are written beside it."""
    if not outer or (inner and "*" in inner):
        return True
    return inner is not None and all(name in inner and _values(values, inner[name]) for name, values in outer.items())
