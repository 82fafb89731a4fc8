"""When a token serves for what is about to be applied."""

from __future__ import annotations

import pytest

from containment.incidents.approved import Unapproved, require

A, B, P, Q = "a" * 64, "b" * 64, "c" * 64, "d" * 64
BOUND = {"declarations": A, "pull": "7", "head": "e" * 40}


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("plan", [None, P])
def test_a_token_serves_for_what_it_was_made_for(required: bool, plan: str | None) -> None:
    require(BOUND, A, plan, required=required)
    require({**BOUND, "plan": P}, A, P, required=required)


def test_one_that_was_made_for_nothing_serves_where_nothing_is_required() -> None:
    require({}, A, None, required=False)
    with pytest.raises(Unapproved, match=f"made for no approval .*{A}.*--token-file"):
        require({}, A, None, required=True)


@pytest.mark.parametrize(
    ("metadata", "plan", "said"),
    [
        ({**BOUND, "declarations": B}, None, f"pull request 7 at eeeeeeeeeeee was approved .*{B}, and these are {A}"),
        ({**BOUND, "declarations": ""}, None, f"these are {A}"),
        ({"declarations": B}, None, "pull request \\? at \\?"),
        ({**BOUND, "plan": P}, None, f"{P}; apply it: PORTCULLIS_PLAN=FILE pulumi up --plan FILE"),
        ({**BOUND, "plan": P}, Q, f"{P}, and this is {Q}"),
        ({**BOUND, "plan": ""}, Q, f"this is {Q}"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_one_for_anything_else_never_does(
    metadata: dict[str, str], plan: str | None, said: str, required: bool
) -> None:
    with pytest.raises(Unapproved, match=said):
        require(metadata, A, plan, required=required)
