"""A request's parameters and wrapping held against the constraints of the rules that decide it, as the server does.

Source: OpenBao, "Policies", fine-grained control, and `AllowOperation` in `internal/vault/policy/acl.go`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from access.acl import Operation
from access.rule import Constraints, Parameters

_LIMIT = "limit"
_ANY = "*"


def permits(
    constraints: Constraints, operation: Operation, parameters: Mapping[str, Any], wrap_ttl: float | None = None
) -> bool:
    """Whether a request that has the capability meets the constraints too. Approval by MFA is not judged.

    `parameters`: the fields of the JSON body, or of the query, whose values are strings. `wrap_ttl`: seconds for which
    the answer is to be wrapped; None if it is not. How many keys an answer has is no part of it, nor which.
    """
    if not _wrapped(constraints, wrap_ttl):
        return False
    match operation:
        case Operation.DELETE:
            return True
        case Operation.LIST | Operation.SCAN:
            return constraints.pagination_limit <= 0 or _pages(constraints, parameters)
        case _:
            return _meets(constraints, parameters)


def _wrapped(constraints: Constraints, wrap_ttl: float | None) -> bool:
    """Joined rules can have a longest TTL below the shortest, which nothing meets."""
    low, high = constraints.min_wrapping_ttl, constraints.max_wrapping_ttl
    if low and high and high < low:
        return False
    return (high <= 0 or (wrap_ttl is not None and wrap_ttl <= high)) and (
        low <= 0 or (wrap_ttl is not None and wrap_ttl >= low)
    )


def _pages(constraints: Constraints, parameters: Mapping[str, Any]) -> bool:
    """Zero and `max` stand for the limit itself. Required parameters count for a listing in this one way."""
    if _LIMIT not in parameters:
        return _LIMIT not in {name.lower() for name in constraints.required_parameters}
    asked = str(parameters[_LIMIT])
    return asked == "max" or (bool(re.fullmatch(r"\+?[0-9]+", asked)) and int(asked) <= constraints.pagination_limit)


def _meets(constraints: Constraints, parameters: Mapping[str, Any]) -> bool:
    """Names in a policy have no case; a required one must come in lower case."""
    if any(name.lower() not in parameters for name in constraints.required_parameters):
        return False
    denied, allowed = constraints.denied_parameters or {}, constraints.allowed_parameters or {}
    if not parameters:
        return True
    if _ANY in denied or any(_listed(denied, name, value) for name, value in parameters.items()):
        return False
    return not allowed or all(
        _listed(allowed, name, value) if name.lower() in allowed else _ANY in allowed
        for name, value in parameters.items()
    )


def _listed(parameters: Parameters, name: str, value: Any) -> bool:
    values = parameters.get(name.lower())
    return values is not None and (not values or any(_same(one, value) for one in values))


def _same(written: Any, given: Any) -> bool:
    """A text may begin or end in `*`. No number is the same as one in a policy: the server has them in two types."""
    if isinstance(written, str) and isinstance(given, str):
        return _globbed(written, given)
    if isinstance(written, bool) and isinstance(given, bool):
        return written is given
    if isinstance(written, tuple) and isinstance(given, list):
        return len(written) == len(given) and all(map(_identical, written, given))
    return False


def _identical(written: Any, given: Any) -> bool:
    """Within a list there are no patterns."""
    return _same(written, given) and (not isinstance(written, str) or written == given)


def _globbed(pattern: str, text: str) -> bool:
    if len(pattern) < 2:
        return pattern == text
    match pattern[0] == "*", pattern[-1] == "*":
        case True, True:
            return pattern[1:-1] in text
        case True, False:
            return text.endswith(pattern[1:])
        case False, True:
            return text.startswith(pattern[:-1])
        case _:
            return pattern == text
