"""A key that an exchange issued. Old keys are disabled first, a new one is made, stored, tried by a call that changes
nothing, and only then the old versions are destroyed.

The old keys are those with the declaration's name as their tag, and those with the tag of no declaration whose id is
in a stored version: made by hand, or before the declaration was renamed. A tag is the exchange's word; a version may be
the word of whoever leaked the key and can write the secret. So one that names another declaration's key is told and
that key left alone, and nothing but the tag says what a new key may do.

The exchange shows a key's secret once. A key of ours is known by the incident's record
(`containment.incidents.replacements`): one that is not there, since the answer that carried its secret was lost, is
an old one, and another is made.
"""

from __future__ import annotations

import re
from typing import Any

from containment.effects.upstream import strange, tags
from containment.incidents import proofs
from containment.incidents.incident import Disabled, State
from containment.incidents.replacements import disabled, reference
from containment.incidents.scope import affected
from containment.ports import UpstreamKey
from policies.model import Upstream
from rotation.proving import open_step, proven
from rotation.steps import kv
from rotation.work import NotProven, Step, Work

_MADE = ("api_key", "api_secret")
_TEXT = re.compile("[!-~]{1,1000}")
"""What an exchange issues, the id as a header, is visible ASCII; more than this no server takes in a header."""


def steps(work: Work) -> tuple[Step, ...]:
    return (
        Step("disable-old", lambda: _disabled(work), lambda: not _live_but_new(work), lambda: _disable(work)),
        Step("create", lambda: _created(work), lambda: bool(_new(work)), lambda: _create(work)),
        kv.store_step(work),
        Step("try-new", lambda: _tried_new(work), proves=proofs.NEW_ALIVE),
        Step("try-old", lambda: _tried_old(work)),
        kv.copy_step(work),
        kv.destroy_old_step(work, lambda: _stored_new(work), lambda: _disabled(work), proofs.OLD_DEAD),
        open_step(work),
        kv.clean_up_step(work),
    )


def _declared(work: Work) -> Upstream:
    declared = work.secret().upstream
    if declared is None:
        raise NotProven("no upstream is declared")
    return declared


def _account(work: Work) -> list[UpstreamKey]:
    declared = _declared(work)
    return work.upstream(declared.name).keys(declared.account)


def _own(work: Work) -> list[UpstreamKey]:
    return [k for k in _account(work) if k.tag == work.credential.name]


def _keys(work: Work) -> list[UpstreamKey]:
    stored, known = _stored(work), tags(_declared(work), work.estate)
    return [k for k in _account(work) if k.tag == work.credential.name or (k.id in stored and k.tag not in known)]


def _stored(work: Work) -> dict[str, int]:
    """By the id of a key, the newest version that can be read and names it."""
    place = kv.secret(work)
    held = {v.number: kv.value(work, v.number) for v in work.vault.versions(place.mount, place.path) if not v.destroyed}
    return {key: number for number, data in held.items() if isinstance(key := (data or {}).get("api_key"), str)}


def _pair(held: dict[str, Any] | None) -> tuple[str, str] | None:
    """Id and secret, or None for what can be no key: whoever may write the secret stores anything."""
    found = [(held or {}).get(field) for field in _MADE]
    key, secret = (x if isinstance(x, str) and _TEXT.fullmatch(x) else "" for x in found)
    return (key, secret) if key and secret else None


def _beside(held: dict[str, Any] | None) -> dict[str, Any]:
    """Fields that no exchange makes anew here: they stay as they were, and are told."""
    return {name: value for name, value in (held or {}).items() if name not in _MADE}


def _new(work: Work) -> str:
    """Id of the key that a rotation made and whose secret is kept; "" when there is none that lives."""
    made = work.made()
    live = {k.id for k in _own(work) if k.enabled and reference(k.id) in made}
    pairs = (_pair(kv.candidate(work)), _pair(kv.value(work)))
    return next((pair[0] for pair in pairs if pair and pair[0] in live), "")


def _live_but_new(work: Work) -> list[UpstreamKey]:
    new = _new(work)
    return [k for k in _keys(work) if k.enabled and k.id != new]


def _disable(work: Work) -> None:
    declared, live = _declared(work), _live_but_new(work)
    own = [k for k in live if k.tag == work.credential.name]
    if own and not _new(work):  # beside a new one it is nobody's: a further one may not do what that could
        keys = disabled(work.credential.item, own)
        work.vault.update_incident(work.incident_id, lambda incident: incident.with_disabled(keys))
    for key in live:
        work.upstream(declared.name).disable_key(declared.account, key.id)


def _disabled(work: Work) -> str:
    left = _live_but_new(work)
    if left:
        raise NotProven(f"still live: {', '.join(reference(k.id) for k in left)}")
    old = sum(not k.enabled for k in _keys(work))
    words = f"{old} old keys, each disabled at" if old else "no other key of it is live at"
    return "; ".join([f"{words} {_declared(work).name}", *_others(work)])


def _others(work: Work) -> list[str]:
    """Versions that name the key of another declaration."""
    stored, name = _stored(work), work.credential.name
    known = tags(_declared(work), work.estate) - {name}
    return [
        f"version {stored[k.id]} names {k.id} with the tag {k.tag}, which is left alone: find out who wrote that"
        for k in _account(work)
        if k.id in stored and k.tag in known
    ]


def _create(work: Work) -> None:
    declared = _declared(work)
    _disable(work)
    upstream, name = work.upstream(declared.name), work.credential.name
    at = work.vault.now()
    key, secret = upstream.create_key(declared.account, name, work.incident_id, _permissions(work))
    kv.keep_candidate(work, {**_beside(kv.shape(work)), "api_key": key, "api_secret": secret})
    work.keep_made(key, at)


def _permissions(work: Work) -> list[str]:
    """No more than what is replaced could do: a leak must not make a trading key of a read-only one. Keys with the tag
    that were disabled long ago could do other things: where it is not on record which were live, what all could do."""
    known = _were_live(work)
    found = [set(k.permissions) for k in known or _own(work)]
    may = set().union(*found) if known else set.intersection(*found) if found else set()
    if not may:
        name = work.credential.name
        what = f"lists no key with the tag {name}"
        if found:
            what = (
                f"lists keys with the tag {name} that could do nothing in common, and which was live is not on record"
            )
        raise NotProven(
            f"{_declared(work).name} {what}, so what a new one may do is not known: make one there by hand with that "
            "tag and the permissions it needs, and run this again; it is disabled then"
        )
    return sorted(may)


def _were_live(work: Work) -> list[Disabled]:
    """Those that the open incidents which name it, or their rotations, have disabled."""
    open_ones = [i for i in work.vault.incidents() if i.state is State.OPEN]
    return [d for i in open_ones for d in i.disabled if d.item == work.credential.item]


def _created(work: Work) -> str:
    new = _new(work)
    if not new:
        raise NotProven("no live key that a rotation made and whose secret is kept")
    key = next(k for k in _own(work) if k.id == new)
    said = f"key {reference(new)}, labelled {key.label}, which may {', '.join(sorted(key.permissions))}"
    if not _were_live(work):
        said += ": what every key with the tag could do, since it is not on record which were live at the lock-down"
    return said + _as_before(kv.candidate(work) or kv.value(work))


def _as_before(held: dict[str, Any] | None) -> str:
    beside = _beside(held)
    return f"; as they were, and replaced by nobody here: {kv.fields(beside)}" if beside else ""


def _accepts(work: Work, key: str, secret: str) -> bool:
    return work.upstream(_declared(work).name).accepts(key, secret)


def _stored_new(work: Work) -> tuple[str, str]:
    pair = _pair(kv.value(work))
    if pair is None or pair[0] != _new(work):
        raise NotProven("what is stored is not the new key")
    return pair


def _tried_new(work: Work) -> str:
    pair = _stored_new(work)
    if not _accepts(work, *pair):
        raise NotProven(f"{_declared(work).name} refuses the new key")
    left = _as_before(kv.value(work))
    return f"a signed call with key {reference(pair[0])} is accepted by {_declared(work).name}{left}"


def _tried_old(work: Work) -> str:
    """By use, while the old values can still be read; a refusal counts only beside the new key's success, and only of a
    key that the exchange knows for this secret's: it refuses whatever a writer makes up."""
    place, declared = kv.secret(work), _declared(work)
    old = {v.number: kv.value(work, v.number) for v in work.vault.versions(place.mount, place.path)[:-1]}
    pairs = {number: _pair(held) for number, held in old.items() if held is not None}
    for number, pair in pairs.items():
        if pair and _accepts(work, *pair):
            raise NotProven(f"the key of version {number} still works")
    leaked = affected(work.estate, work.vault.incidents())
    if words := strange(_account(work), declared, work.estate, leaked):
        raise NotProven(words)
    _tried_new(work)
    ours = {k.id for k in _keys(work)}
    tried = [number for number, pair in pairs.items() if pair and pair[0] in ours]
    unknown = [number for number, pair in pairs.items() if pair and pair[0] not in ours]
    left = [
        _versions(unknown, f"names no key of it at {declared.name}"),
        _versions([n for n, pair in pairs.items() if pair is None], "holds no two strings of visible ASCII, so no key"),
    ]
    if tried:
        first = f"{len(tried)} old keys refused by use, the new one accepted beside them"
    else:
        first = f"{_none_left(work, len(old), len(old) - len(pairs))}; the new key is accepted"
    return "; ".join(filter(None, (first, *left)))


def _versions(numbers: list[int], words: str) -> str:
    return f"version {', '.join(map(str, numbers))} {words}" if numbers else ""


def _none_left(work: Work, old: int, unread: int) -> str:
    """Why no old key can be tried: nothing that it could be is live."""
    left = f"{unread} old versions can no longer be read" if unread else "no earlier version names a key of it"
    if not old:
        left = "no earlier version is stored"
    if proven(work.incident(), work.credential.item, proofs.OLD_DEAD):
        return f"no old key is left to try: {left}; proven dead earlier"
    return f"{left}, so no old key could be tried; each live key of the account bears the name of its declaration"
