"""What constraints let through (tests/integration asks a real server), and what is certain to let through less."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from access.acl import Operation
from access.leniency import within
from access.permits import permits
from access.rule import UNCONSTRAINED, Constraints

_LISTS: list[tuple[str, ...] | None] = [None, (), ("x",), ("x", "y"), ("*x",)]
LISTED = [{n: v for n, v in (("a", a), ("*", star)) if v is not None} for a in _LISTS for star in _LISTS]
GIVEN: list[dict[str, str]] = [{}, {"a": "x"}, {"a": "y"}, {"a": "zx"}, {"b": "x"}, {"b": "y"}, {"A": "x", "b": "z"}]


def _made(**fields: Any) -> Constraints:
    return Constraints(**fields)


def test_none_lets_all_through() -> None:
    assert permits(UNCONSTRAINED, Operation.UPDATE, {"a": 1})


def test_one_value_at_a_time() -> None:
    held = _made(allowed_parameters={"a": ("x*",), "*": ()}, denied_parameters={"b": ()}, required_parameters=("c",))
    assert permits(held, Operation.UPDATE, {"A": "xy", "c": ""})
    assert not permits(held, Operation.UPDATE, {"A": "yx", "c": ""})
    assert not permits(held, Operation.UPDATE, {"c": "", "b": 1})
    assert not permits(held, Operation.READ, {})
    assert permits(held, Operation.DELETE, {})


@pytest.mark.parametrize("kind", ["allowed_parameters", "denied_parameters"])
def test_what_is_within_lets_nothing_more_through(kind: str) -> None:
    """All pairs of what can be written of two names and a few values."""
    made = [_made(**{kind: listed}) for listed in (None, *LISTED)]
    through = {n: {i for i, g in enumerate(GIVEN) if permits(c, Operation.UPDATE, g)} for n, c in enumerate(made)}
    for (n, inner), (m, outer) in product(enumerate(made), repeat=2):
        if within(inner, outer):
            assert through[n] <= through[m], (inner, outer)


@pytest.mark.parametrize("operation", Operation)
def test_what_is_within_is_no_longer_wrapped_and_pages_no_more(operation: Operation) -> None:
    made = [
        Constraints(min_wrapping_ttl=low, max_wrapping_ttl=high, pagination_limit=page, required_parameters=required)
        for low, high, page, required in product((0, 5), (0, 5, 9), (0, 2, 5), ((), ("limit",)))
    ]
    asked = list(product(({}, {"limit": "1"}, {"limit": "4"}, {"limit": "max"}), (None, 1, 5, 7, 20)))
    through = [{i for i, (g, ttl) in enumerate(asked) if permits(c, operation, g, ttl)} for c in made]
    for (n, inner), (m, outer) in product(enumerate(made), repeat=2):
        if within(inner, outer):
            assert through[n] <= through[m], (inner, outer)
