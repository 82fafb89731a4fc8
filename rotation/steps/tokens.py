"""Tokens of one identity from before the lock-down was complete."""

from __future__ import annotations

from collections.abc import Callable

from containment import names, proofs
from policies.model import CiRole, Workload
from rotation.work import NotProven, Step, Work


def old_tokens(work: Work, identity: Workload | CiRole, cut: int) -> list[str]:
    """Accessors; by role or by the identity's own policy, so that a child token is found too. `cut`: epoch seconds.
    Batch tokens cannot be listed: their generation is denied until they have expired (`containment.generations`)."""
    own = names.own_policy(identity)
    return [
        t.accessor
        for t in work.vault.tokens()
        if (t.role == identity.name or own in t.policies) and t.created < cut and not t.batch
    ]


def end_step(work: Work, identity: Workload | CiRole, cut: Callable[[], int]) -> Step:
    def act() -> None:
        for accessor in old_tokens(work, identity, cut()):
            work.vault.revoke_token(accessor)

    def verify() -> str:
        left = old_tokens(work, identity, cut())
        if left:
            raise NotProven(f"{len(left)} old tokens are still there")
        return "no token from before containment is left"

    return Step("end-old", verify, lambda: not old_tokens(work, identity, cut()), act, proofs.OLD_DEAD)
