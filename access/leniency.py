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
    """None or nothing: any parameter. `*` stands for all that are not named."""
    if not outer:
        return True
    if not inner:
        return False
    rest = outer.get("*")
    return all(
        (allowed := outer.get(name, rest)) is not None and _values(values, allowed) for name, values in inner.items()
    ) and ("*" not in inner or all(name in inner or not _narrower(inner["*"], v) for name, v in outer.items()))


def _narrower(values: tuple[object, ...], allowed: tuple[object, ...]) -> bool:
    return not _values(values, allowed)


def _values(inner: tuple[object, ...], outer: tuple[object, ...]) -> bool:
    """No value at all: any. A value with `*` at an end is a pattern, and counts as itself alone."""
    return not outer or (bool(inner) and set(inner) <= set(outer))


def _denied(inner: Parameters | None, outer: Parameters | None) -> bool:
    return all(
        inner is not None and (name in inner or "*" in inner) and _values(values, inner.get(name, inner.get("*", ())))
        for name, values in (outer or {}).items()
    )
