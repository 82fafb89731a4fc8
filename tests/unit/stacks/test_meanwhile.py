"""What came while an update ran."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment.errors import DENIED
from containment.incidents.decide import Decision
from containment.incidents.incident import Incident, Scope, State
from policies.errors import InputError, Unreachable
from stacks import meanwhile

A = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
B, C = replace(A, id="B"), replace(A, id="C")
LIFTED = replace(A, id="D", state=State.LIFTED)


@pytest.mark.parametrize(
    ("decision", "now", "found"),
    [
        (Decision((), None, None), (LIFTED,), []),
        (Decision((), None, None), (A,), [A]),
        (Decision((A,), A, None), (A, B), [B]),
        (Decision((replace(B, state=State.LIFTED),), None, B), (B,), []),
        (Decision((A, replace(B, state=State.LIFTED)), None, B), (A, B, C), [C]),
    ],
)
def test_what_was_opened_since(decision: Decision, now: tuple[Incident, ...], found: list[Incident]) -> None:
    assert meanwhile.opened(now, decision) == found


def test_a_lift_is_refused_where_somebody_locked_down_since() -> None:
    class Server:
        def incidents(self) -> tuple[Incident, ...]:
            return (B, C)

    server: Any = Server()
    meanwhile.refuse(server, Decision((replace(B, state=State.LIFTED), C), None, B))
    with pytest.raises(InputError, match="nothing was lifted: incident C was opened meanwhile"):
        meanwhile.refuse(server, Decision((replace(B, state=State.LIFTED),), None, B))


def test_what_the_state_does_not_have_is_named_up_to_ten() -> None:
    words = meanwhile.not_declared([f"r{n}" for n in range(12)], Decision((A,), A, None), lifted=False)
    assert words.startswith("incident A cannot be lifted yet: Pulumi's state does not have as declared: r0, r1,")
    assert "r9 and 2 more. Without --target and --exclude: pulumi up --config incident=keep" in words
    assert words.endswith(f"; {DENIED}")
    lifted = meanwhile.not_declared(["r"], Decision((), None, A), lifted=True)
    assert lifted.startswith("incident A is lifted, but not everything is back: ")
    assert "Without --target and --exclude: pulumi up --refresh --config incident=keep; where" in lifted
    half = meanwhile.not_declared(["r"], Decision((), None, A), lifted=False)
    assert half.startswith("incident A is half lifted: ")
    assert "Without --target and --exclude: the same command again; where" in half


def test_a_lift_without_github_is_one_on_the_server_and_says_so() -> None:
    mended = (
        "repositories were not declared: github: ConnectError; once that is mended: pulumi up --config incident=keep"
    )
    error = Unreachable("github: ConnectError")
    assert meanwhile.without_repositories(error, Decision((), None, A), lifted=False) == mended
    lifted = meanwhile.without_repositories(error, Decision((), None, A), lifted=True)
    assert lifted == f"incident A is lifted, but repositories may still be locked: {mended}"


def test_what_github_still_has_locked_is_named_with_the_remedy() -> None:
    locked = "incident A is lifted, and GitHub still has locked: core main: "
    assert meanwhile.not_back(["core main"], A, told=False) == f"{locked}pulumi up --refresh --config incident=keep"
    assert meanwhile.not_back(["core main"], A, told=True).startswith(f"{locked}do what is said above")


def test_what_another_stack_has_locked_is_that_ones_to_take_back() -> None:
    assert meanwhile.not_ours(["pc-ci-cicd"], A) == (
        "incident A is lifted, and what this stack does not declare is still locked: pc-ci-cicd: in the stack that "
        "does: pulumi up --refresh --config incident=keep"
    )
