"""Tokens of one identity from before the lock-down was complete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from containment import names
from containment.compiled import gate
from containment.effects import former_logins
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


def former_logins_of(work: Work, identity: Workload | CiRole) -> list[str]:
    """Paths of login roles that are declared no longer and still let it in. By the token that may look at any: the
    custodian's is for what is declared."""
    own, store = names.own_policy(identity), work.policy_store()
    found = (role for role in former_logins.look(store, work.estate) if own in role.policies)
    return [role.path for role in found if former_logins.lets_in(store, role.path)]


def shut_former_logins(work: Work, identity: Workload | CiRole) -> None:
    for path in former_logins_of(work, identity):
        former_logins.shut(work.policy_store(), path)


def none_left(work: Work, identity: Workload | CiRole) -> str:
    """In words, after a look: batch tokens are another matter, which nobody may take for revoked. Raises NotProven
    where what denies them is not as the lock-down wrote it, or a login that it had before still makes new ones."""
    if former := former_logins_of(work, identity):
        raise NotProven(f"declared no longer, and still lets it in: bao delete {', '.join(former)}")
    if isinstance(identity, CiRole):
        return _none_of_service(work, identity)
    closed = generations.closed_until(identity, work.vault.incidents(), work.vault.now())
    if identity.tokens is not TokenType.BATCH:
        listed = _none_of_service(work, identity)
        if not closed:
            return listed
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


def _none_of_service(work: Work, identity: Workload | CiRole) -> str:
    """Raises NotProven where its login gives batch tokens all the same: those carry no generation that a lock-down
    closes, and are let in again with the identity."""
    role = names.login_role(identity)
    if former_logins.gives_batch(work.policy_store().read(role) or {}):
        raise NotProven(
            f"{role} gives batch tokens, and is declared to give service tokens (`portcullis drift` names it): pulumi "
            "up --refresh --config incident=keep. Nobody can revoke those that it gave, and nothing denies them once "
            f"this is replaced: run this again when they have expired, {identity.ttl.max} s later where the role's "
            "TTLs were as declared"
        )
    return "token from before containment is left"


def _signed_before(work: Work, identity: Workload | CiRole) -> str:
    until = issuers.good_until(identity, work.incident(), work.vault.now())
    return f"; a JWT from before {issuers.words(until)} {issuers.ADVICE}" if until else ""


def end_step(work: Work, identity: Workload | CiRole, cut: Callable[[], int]) -> Step:
    def act() -> None:
        for accessor in old_tokens(work, identity, cut()):
            work.vault.revoke_token(accessor)
        shut_former_logins(work, identity)

    def verify() -> str:
        left = old_tokens(work, identity, cut())
        if left:
            raise NotProven(f"{len(left)} old tokens are still there")
        return f"no {none_left(work, identity)}{_signed_before(work, identity)}"

    def over() -> bool:
        return not old_tokens(work, identity, cut()) and not former_logins_of(work, identity)

    return Step("end-old", verify, over, act, proofs.OLD_DEAD)
