"""Tokens of one identity from before the lock-down was complete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from containment import names
from containment.compiled import gate
from containment.incidents import generations, issuers, proofs
from containment.incidents.decide import LOCK
from policies.model import CiRole, TokenType, Workload
from rotation.work import NotProven, Step, Work


def old_tokens(work: Work, identity: Workload | CiRole, cut: int) -> list[str]:
    """Accessors; by role or by the identity's own policy, so that a child token is found too. `cut`: epoch seconds.
    Batch tokens cannot be listed: their generation is denied until they have expired (`incidents.generations`)."""
    own = names.own_policy(identity)
    return [
        t.accessor
        for t in work.vault.tokens()
        if (t.role == identity.name or own in t.policies) and t.created < cut and not t.batch
    ]


def none_left(work: Work, identity: Workload | CiRole) -> str:
    """In words, after a look: batch tokens are another matter, which nobody may take for revoked. Raises NotProven
    where what denies them is not as the lock-down wrote it."""
    if isinstance(identity, CiRole):
        return "token from before containment is left"
    closed = generations.closed_until(identity, work.vault.incidents(), work.vault.now())
    if identity.tokens is not TokenType.BATCH and not closed:
        return "token from before containment is left"
    store = work.policy_store()
    for name in (names.generation_policy(identity, number) for number in closed):
        if not store.holds_policy(name, gate.generation(identity, work.estate, closed=True)):
            raise NotProven(
                f"earlier batch tokens may not be denied: policy {name} is not as the lock-down wrote it; run that "
                f"again: {LOCK} --config incidentId={work.incident_id} --config incidentScope="
            )
    denied = (
        f"denied every granted path until {datetime.fromtimestamp(max(closed.values()), UTC):%H:%M:%S} UTC"
        if any(closed.values())
        else "expired"
    )
    return f"token that can be listed is left; batch tokens cannot be revoked, earlier ones are {denied}"


def _signed_before(work: Work, identity: Workload | CiRole) -> str:
    until = issuers.good_until(identity, work.incident(), work.vault.now())
    return f"; a JWT from before {issuers.words(until)} once the role is on: lift after that" if until else ""


def end_step(work: Work, identity: Workload | CiRole, cut: Callable[[], int]) -> Step:
    def act() -> None:
        for accessor in old_tokens(work, identity, cut()):
            work.vault.revoke_token(accessor)

    def verify() -> str:
        left = old_tokens(work, identity, cut())
        if left:
            raise NotProven(f"{len(left)} old tokens are still there")
        return f"no {none_left(work, identity)}{_signed_before(work, identity)}"

    return Step("end-old", verify, lambda: not old_tokens(work, identity, cut()), act, proofs.OLD_DEAD)
