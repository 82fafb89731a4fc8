"""What replacing a KV value shares, whoever issued it: the candidate, the store, the end of the old versions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from containment import names
from containment.incidents import proofs
from containment.incidents.incident import Copy, State
from containment.ports import Version
from policies.model import KvSecret
from rotation.evidence.redaction import redact_certain
from rotation.proving import proven
from rotation.work import NotProven, Step, Work

_SETTLED = 1.5
"""Seconds: in less than one, a later write has the same time as ours."""
_COPIED = "; put into "
_MOST = 20
_LONGEST = 60


def secret(work: Work) -> KvSecret:
    held = work.secret().secret
    if not isinstance(held, KvSecret):
        raise NotProven(f"{work.credential.name} is no KV secret")
    return held


def newest(work: Work) -> Version | None:
    place = secret(work)
    found = work.vault.versions(place.mount, place.path)
    return found[-1] if found else None


def value(work: Work, version: int = 0) -> dict[str, Any] | None:
    place = secret(work)
    return work.vault.value(place.mount, place.path, version)


def shape(work: Work) -> dict[str, Any] | None:
    """The newest value from before the deny, whose fields the workloads know; else the newest."""
    place, denied = secret(work), work.denied_at()
    old = [v for v in work.vault.versions(place.mount, place.path) if v.created <= denied and not v.destroyed]
    return (value(work, old[-1].number) if old else None) or value(work)


def fields(held: dict[str, Any]) -> str:
    """Names that whoever may write the secret chose: as many, and as much of each, as one reads. What looks like a
    secret is redacted here, where it takes nothing else with it."""
    harmless = map(redact_certain, sorted(held))
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in harmless]
    more = len(shown) - _MOST
    return ", ".join(shown[:_MOST]) + (f" and {more} more" if more > 0 else "")


def candidate_path(work: Work) -> str:
    return f"{names.CANDIDATES}/{work.credential.name}"


def candidate(work: Work) -> dict[str, Any] | None:
    """A generated value that waits to be stored, whichever incident's rotation made it; it outlives a killed run."""
    return work.vault.value(names.STORE, candidate_path(work))


def candidate_made(work: Work) -> int | None:
    """When, as epoch seconds; None when none waits."""
    held = work.vault.versions(names.STORE, candidate_path(work))
    return held[-1].created if held and candidate(work) is not None else None


def keep_candidate(work: Work, data: dict[str, Any]) -> None:
    """In the rotator's own path, over whatever waited there."""
    held = work.vault.versions(names.STORE, candidate_path(work))
    work.vault.put(names.STORE, candidate_path(work), data, held[-1].number if held else 0)


def store_step(work: Work, taken: Callable[[Work], bool] = lambda _: False) -> Step:
    """The candidate as a new version; one that is stored already is not stored again. `taken`: whether what somebody
    else has stored since the candidate was made is the new one, which a run that goes on after a kill looks for only
    here; raises Waiting. Of a key its issuer says whose it is."""

    def observe() -> bool:
        waiting = candidate(work)
        return waiting is None or value(work) == waiting

    def act() -> None:
        waiting, place, last = candidate(work), secret(work), newest(work)
        if waiting is None:
            raise NotProven("no candidate to store")
        if taken(work):
            return
        work.vault.put(place.mount, place.path, waiting, last.number if last else 0)

    def verify() -> str:
        waiting, held, last = candidate(work), value(work), newest(work)
        if last is None or held is None or (waiting is not None and held != waiting):
            raise NotProven("the newest version is not the new value")
        return f"version {last.number} of {names.granted_path(work.secret())}"

    return Step("store", verify, observe, act)


def destroy_old_step(
    work: Work, new: Callable[[], object], elsewhere: Callable[[], str] = lambda: "", proves: str = ""
) -> Step:
    """Every version but the newest. Deleting would not do: it can be undone, and the old value read by its number.
    `new` raises NotProven where the newest is not the new one: a write that was under way may end at any time.
    `elsewhere`: what is seen at the upstream, for a proof that covers both."""

    def old() -> list[int]:
        place = secret(work)
        return [v.number for v in work.vault.versions(place.mount, place.path)[:-1] if not v.destroyed]

    def act() -> None:
        new()
        place = secret(work)
        work.vault.destroy(place.mount, place.path, old())

    def verify() -> str:
        new()
        place = secret(work)
        versions = work.vault.versions(place.mount, place.path)
        left = [v.number for v in versions[:-1] if not v.destroyed or value(work, v.number) is not None]
        if left or not versions or value(work, versions[-1].number) is None:
            raise NotProven(f"can still be read: versions {left}" if left else "the newest version cannot be read")
        here = f"{len(versions) - 1} old versions destroyed, none answers by number while the newest does"
        return "; ".join(filter(None, (elsewhere(), here)))

    return Step("destroy-old", verify, lambda: not old(), act, proves)


def copy_step(work: Work) -> Step:
    """Into every repository whose workflows hold a copy. GitHub shows no value again, only when it was last written,
    not by whom: so it is written in every run, and seen to be left alone for longer than the whole seconds that GitHub
    tells; the lift asks once more, and every open incident that wrote it before is told when we did. What was tried is
    no use where somebody else's value stands, so the proof of the new one is given here."""
    copies = [
        (r.name, a.name)
        for r in work.estate.repositories
        for a in r.actions_secrets
        if a.secret == work.credential.name
    ]
    ours: dict[tuple[str, str], str | None] = {}

    def act() -> None:
        held, host = value(work), work.code_host()
        if held is None:
            raise NotProven("there is nothing to copy")
        for repository, name in copies:
            host.put_actions_secret(repository, name, names.actions_value(held))
            ours[repository, name] = host.actions_secret_updated(repository, name)
        time.sleep(_SETTLED)

    def verify() -> str:
        host = work.code_host()
        for copy, written in ours.items():
            now = host.actions_secret_updated(*copy)
            if now is None or now != written:
                raise NotProven(
                    f"{'/'.join(copy)} was {'deleted' if now is None else f'written by somebody else at {now}'}, after "
                    "this run wrote it: revoke the access of whoever it was (docs/incident_playbooks.md, a personal "
                    "GitHub token), then run this again"
                )
        left = [Copy(*copy, at) for copy, at in ours.items() if at is not None]
        for one in work.vault.incidents():
            rotated = any((c.repository, c.name) in ours for c in one.copies)
            if one.id == work.incident_id or (rotated and one.state is State.OPEN):
                work.vault.update_incident(one.id, lambda incident: incident.with_copies(left))
        tried = proven(work.incident(), work.credential.item, proofs.NEW_ALIVE)
        words = [tried.detail.partition(_COPIED)[0]] if tried else []
        return "".join([*words, _COPIED, ", ".join("/".join(copy) for copy in copies), ", left alone since"])

    return Step("copy", verify, act=act, proves=proofs.NEW_ALIVE)


def forget_candidate(work: Work) -> None:
    work.vault.forget(names.STORE, candidate_path(work))


def clean_up_step(work: Work) -> Step:
    def verify() -> str:
        if candidate(work) is not None:
            raise NotProven("the candidate is still there")
        return "no candidate is left"

    return Step(
        "clean-up",
        verify,
        lambda: not work.vault.versions(names.STORE, candidate_path(work)),
        lambda: forget_candidate(work),
    )
