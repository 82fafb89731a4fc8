"""A value that no server of ours issues: generated here, or stored by a person who then names its version (`stored`).
What happens at the other side cannot be seen from here, so a named person confirms it, and the proof says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from containment.incidents import proofs
from rotation.proving import open_step, proven
from rotation.steps import kv, stored
from rotation.work import NotProven, Step, Waiting, Work

_FIELD = "value"
_BYTES = 32


def steps(work: Work) -> tuple[Step, ...]:
    destroy = kv.destroy_old_step(work, lambda: stored.new(work))
    return (
        Step("create", lambda: _created(work), lambda: _is_at_hand(work), lambda: _create(work)),
        _store_step(work),
        Step("read-back", lambda: _read_back(work), proves=proofs.NEW_ALIVE),
        kv.copy_step(work),
        destroy,
        confirmation_step(work, proofs.OLD_DEAD, destroy.verify, lambda: stored.new_reference(work)),
        open_step(work),
        kv.clean_up_step(work),
    )


def _waits(work: Work) -> bool:
    """One from before the deny may have been in use."""
    made = kv.candidate_made(work)
    return made is not None and made > work.denied_at()


def _is_at_hand(work: Work) -> bool:
    return stored.is_new(work, kv.newest(work)) or (_waits(work) and stored.unknown(work) is None)


def _create(work: Work) -> None:
    if stored.taken(work) or _waits(work):
        return
    held = kv.shape(work)
    if held is not None and set(held) != {_FIELD}:
        raise Waiting(
            f"its fields are {kv.fields(held)}: store the new value by hand, name the version that it gets "
            f"({stored.naming(work, 'N')}), then run this again; one with an earlier value is not taken"
        )
    kv.keep_candidate(work, {_FIELD: secrets.token_urlsafe(_BYTES)})


def _store_step(work: Work) -> Step:
    """The candidate, and on record which version it is."""
    step = kv.store_step(work, stored.taken)

    def act() -> None:
        if not step.observe():
            step.act()
        if stored.is_new(work, last := kv.newest(work)):  # a workload's own, which the step has taken
            return
        if last is None or kv.value(work, last.number) != kv.candidate(work):
            raise NotProven("somebody else stored a version meanwhile")
        stored.keep(work, last)

    return replace(step, observe=lambda: step.observe() and stored.is_new(work, kv.newest(work)), act=act)


def _created(work: Work) -> str:
    last = kv.newest(work)
    if last is not None and stored.is_new(work, last):
        return stored.written(work, last)[1]
    if not _waits(work):
        raise NotProven("there is no new value")
    unknown = stored.unknown(work)
    late = f"; {stored.written(work, unknown)[1]}, {stored.LATE}, so it is not taken" if unknown else ""
    return f"{_BYTES} random bytes wait to be stored{late}"


def _read_back(work: Work) -> str:
    return f"version {stored.new(work).number} is read back; whether the other side accepts it is {proofs.ON_A_WORD}"


def confirmation_step(work: Work, proves: str, seen: Callable[[], str], of: Callable[[], str] = lambda: "") -> Step:
    """Waits for `portcullis rotate confirm`. `seen`: what was seen on our side at the moment of the proof. `of`:
    reference of what the word must have been said of; raises NotProven where there is none."""

    def verify() -> str:
        word = proven(work.incident(), work.credential.item, proofs.CONFIRMED)
        asked = (
            f"{proofs.ASKED_FOR}: portcullis rotate confirm {work.incident_id} "
            f"{work.credential.item} --by NAME --note WHAT"
        )
        if word is None:
            raise Waiting(asked)
        if word.at <= work.denied_at():
            raise Waiting(f"{asked}; what is on record, {word.detail}, is from before it was denied")
        if word.of != of():
            raise Waiting(f"{asked}; what is on record, {word.detail}, was not said of what is stored now")
        return f"{seen()}; at the other side {word.detail}: {proofs.ON_A_WORD}"

    return Step("confirmation", verify, proves=proves)
