"""A key that an exchange issued. Old keys are disabled first, a new one is made, stored, tried by a call that changes
nothing, and only then the old versions are destroyed.

The old keys are those with the declaration's name as their tag and those whose id is in a stored version: one that was
made by hand, or before the declaration was renamed, bears another tag. The exchange shows a key's secret once. A key of
ours is known by its label, the incident: when the answer that carried its secret was lost, it is found by that,
disabled, and made anew.
"""

from __future__ import annotations

from containment import proofs
from containment.effects.upstream import strange
from containment.ports import UpstreamKey
from policies.model import Upstream
from rotation.proving import open_step, proven
from rotation.steps import kv
from rotation.work import NotProven, Step, Work


def steps(work: Work) -> tuple[Step, ...]:
    return (
        Step("disable-old", lambda: _disabled(work), lambda: not _live_but_new(work), lambda: _disable(work)),
        Step("create", lambda: _created(work), lambda: bool(_new(work)), lambda: _create(work)),
        kv.store_step(work),
        Step("try-new", lambda: _tried_new(work), proves=proofs.NEW_ALIVE),
        Step("try-old", lambda: _tried_old(work)),
        kv.copy_step(work),
        kv.destroy_old_step(work, lambda: _disabled(work), proofs.OLD_DEAD),
        open_step(work),
        kv.clean_up_step(work),
    )


def _declared(work: Work) -> Upstream:
    declared = work.secret().upstream
    if declared is None:
        raise NotProven("no upstream is declared")
    return declared


def _keys(work: Work) -> list[UpstreamKey]:
    stored = _stored(work)
    return [k for k in _account(work) if k.tag == work.credential.name or k.id in stored]


def _account(work: Work) -> list[UpstreamKey]:
    declared = _declared(work)
    return work.upstream(declared.name).keys(declared.account)


def _stored(work: Work) -> set[str]:
    """Ids of the keys in every version that can be read, and of the candidate."""
    place = kv.secret(work)
    versions = work.vault.versions(place.mount, place.path)
    values = [kv.candidate(work), *(kv.value(work, v.number) for v in versions if not v.destroyed)]
    return {str(held["api_key"]) for held in values if held and "api_key" in held}


def _new(work: Work) -> str:
    """Id of the key that this incident's rotation made and whose secret is kept; "" when there is none that lives."""
    live = {k.id for k in _keys(work) if k.enabled and k.label == work.incident_id}
    for held in (kv.candidate(work), kv.value(work)):
        if held is not None and held.get("api_key") in live:
            return str(held["api_key"])
    return ""


def _live_but_new(work: Work) -> list[str]:
    new = _new(work)
    return [k.id for k in _keys(work) if k.enabled and k.id != new]


def _disable(work: Work) -> None:
    declared = _declared(work)
    for key in _live_but_new(work):
        work.upstream(declared.name).disable_key(declared.account, key)


def _disabled(work: Work) -> str:
    left = _live_but_new(work)
    if left:
        raise NotProven(f"still live: {', '.join(map(kv.digest, left))}")
    old = sum(not k.enabled for k in _keys(work))
    words = f"{old} old keys, each disabled at" if old else "no other key of it is live at"
    return f"{words} {_declared(work).name}"


def _create(work: Work) -> None:
    declared = _declared(work)
    _disable(work)
    upstream, name = work.upstream(declared.name), work.credential.name
    key, secret = upstream.create_key(declared.account, name, work.incident_id, _permissions(work))
    kv.keep_candidate(work, {"api_key": key, "api_secret": secret})


def _permissions(work: Work) -> list[str]:
    """No more than what is replaced could do: a leak must not make a trading key of a read-only one."""
    found = {permission for key in _keys(work) for permission in key.permissions}
    if not found:
        raise NotProven(f"{_declared(work).name} lists no earlier key, so what a new one may do is not known")
    return sorted(found)


def _created(work: Work) -> str:
    new = _new(work)
    if not new:
        raise NotProven("no live key of this incident whose secret is kept")
    return f"key {kv.digest(new)}, labelled {work.incident_id}"


def _accepts(work: Work, held: dict[str, str]) -> bool:
    return work.upstream(_declared(work).name).accepts(held["api_key"], held["api_secret"])


def _tried_new(work: Work) -> str:
    held = kv.value(work)
    if held is None or held.get("api_key") != _new(work):
        raise NotProven("what is stored is not the new key")
    if not _accepts(work, held):
        raise NotProven(f"{_declared(work).name} refuses the new key")
    return f"a signed call with key {kv.digest(held['api_key'])} is accepted by {_declared(work).name}"


def _tried_old(work: Work) -> str:
    """By use, while the old values can still be read; a refusal counts only beside the new key's success."""
    place = kv.secret(work)
    tried = 0
    old = work.vault.versions(place.mount, place.path)[:-1]
    for version in old:
        held = kv.value(work, version.number)
        if held is None:
            continue
        if not {"api_key", "api_secret"} <= set(held):
            raise NotProven(f"version {version.number} is no key with the fields api_key and api_secret: not tried")
        if _accepts(work, held):
            raise NotProven(f"the key of version {version.number} still works")
        tried += 1
    _tried_new(work)
    if tried:
        return f"{tried} old keys refused by use, the new one accepted beside them"
    return f"{_none_left(work, len(old))}; the new key is accepted"


def _none_left(work: Work, old: int) -> str:
    """Why no old key can be tried: a proof that is on record; without one, nothing that it could be may be live."""
    left = f"{old} old versions can no longer be read" if old else "no earlier version is stored"
    if proven(work.incident(), work.credential.item, proofs.OLD_DEAD):
        return f"no old key is left to try: {left}, and were proven dead earlier"
    declared = _declared(work)
    if live := strange(_account(work), declared, work.estate):
        raise NotProven(
            f"{left}, so the id of the old key is not known, and in account {declared.account} at {declared.name} "
            f"{', '.join(live)} is live with the name of no declaration as its tag: disable the leaked key there"
        )
    return f"{left}, so no old key could be tried; each live key of the account bears the name of its declaration"
