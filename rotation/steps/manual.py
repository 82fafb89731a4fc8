"""A value that no server of ours issues: generated here, or stored by a person since its path was denied. What happens
at the other side cannot be seen from here, so a named person confirms it, and the proof says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from containment import proofs
from rotation.proving import open_step, proven
from rotation.steps import kv
from rotation.work import NotProven, Step, Waiting, Work

_FIELD = "value"
_BYTES = 32
_MOST = 20
_LONGEST = 60


def steps(work: Work) -> tuple[Step, ...]:
    return (
        Step("create", lambda: _created(work), lambda: _is_new(work) or _waits(work), lambda: _create(work)),
        kv.store_step(work),
        Step("read-back", lambda: _read_back(work), proves=proofs.NEW_ALIVE),
        kv.copy_step(work),
        kv.destroy_old_step(work),
        confirmation_step(work, proofs.OLD_DEAD, kv.destroy_old_step(work).verify),
        open_step(work),
        kv.clean_up_step(work),
    )


def _is_new(work: Work) -> bool:
    """Written when whoever leaked it could write no more, and not what a version from before holds. One that cannot be
    read any more is not compared. Times are whole seconds: within that of the deny, nothing says which came first."""
    place, denied = kv.secret(work), work.denied_at()
    versions = work.vault.versions(place.mount, place.path)
    if not versions or versions[-1].created <= denied:
        return False
    old = [v.number for v in versions if v.created <= denied and not v.destroyed]
    held = kv.value(work, versions[-1].number)
    return held is not None and held not in [kv.value(work, number) for number in old]


def _waits(work: Work) -> bool:
    return kv.candidate(work) is not None


def _create(work: Work) -> None:
    held = kv.value(work)
    if held is not None and set(held) != {_FIELD}:
        raise Waiting(
            f"its fields are {_fields(held)}: store the new value by hand, then run this again; one from "
            "before the path was denied, or with an earlier value, is not taken"
        )
    kv.keep_candidate(work, {_FIELD: secrets.token_urlsafe(_BYTES)})


def _fields(held: dict[str, Any]) -> str:
    """Names that whoever may write the secret chose: as many, and as much of each, as one reads."""
    names = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in sorted(held)]
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _created(work: Work) -> str:
    if _waits(work):
        return f"{_BYTES} random bytes wait to be stored"
    if _is_new(work):
        return "a version stored since the path was denied"
    raise NotProven("there is no new value")


def _read_back(work: Work) -> str:
    last, held = kv.newest(work), kv.value(work)
    if last is None or not held or not _is_new(work):
        raise NotProven("no version from after the path was denied, with another value than before, can be read")
    return f"version {last.number} is read back; whether the other side accepts it is {proofs.ON_A_WORD}"


def confirmation_step(work: Work, proves: str, seen: Callable[[], str]) -> Step:
    """Waits for `portcullis rotate confirm`. `seen`: what was seen on our side at the moment of the proof."""

    def verify() -> str:
        word = proven(work.incident(), work.credential.item, proofs.CONFIRMED)
        if word is None:
            raise Waiting(
                f"{proofs.ASKED_FOR}: portcullis rotate confirm {work.incident_id} "
                f"{work.credential.item} --by NAME --note WHAT"
            )
        return f"{seen()}; at the other side {word.detail}: {proofs.ON_A_WORD}"

    return Step("confirmation", verify, proves=proves)
