"""Leaked thing by leaked thing: what shuts it out, each sign with its own verdict. Pure, for the report.

The signs are the lock-down's effects, the last word on each, and the proof on record that the old one is dead. That a
path of the vault is refused says nothing of a value that was copied out before: that is a line of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from containment import names
from containment.effects.probes import ANSWERED
from containment.incidents.incident import State
from containment.incidents.issuers import GOOD_UNTIL
from containment.incidents.proofs import OLD_DEAD
from containment.report import CONTAINED, PROBE
from rotation.evidence.reading import Row, number
from rotation.evidence.replaced import expired, ok, on_a_word
from rotation.evidence.replaced import told as words_of

_GOOD = ("done", "already")
_MOST = 5
_NONE = "none was out"
_NOT_TOLD = "none is out any more; the evidence has a gap, and may lack some that were"
_ENDED = "lock-down"
"""The effect that stands for all that a run did not get to."""


@dataclass(frozen=True, slots=True)
class Line:
    """`ok` None: nobody has seen it, or otherwise. `elsewhere`: at a side that no lock-down reaches. `failed`: effects
    that did."""

    what: str
    ok: bool | None
    seen: str
    elsewhere: bool = False
    failed: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Attacker:
    """`last_success` and `first_refused` as clock times; `refused` False while it still gets in."""

    last_success: str
    first_refused: str
    attempts: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Credential:
    name: str
    lines: tuple[Line, ...]
    attacker: Attacker | None = None

    @property
    def holds(self) -> bool:
        return bool(self.lines) and all(line.ok for line in self.lines) and self._refused

    @property
    def failed(self) -> bool:
        return any(line.ok is False for line in self.lines) or not self._refused

    @property
    def contained(self) -> bool:
        """As far as a lock-down reaches."""
        return bool(self.lines) and all(line.ok or line.elsewhere for line in self.lines) and self._refused

    @property
    def tone(self) -> str:
        return "good" if self.holds else "bad" if self.failed else "warn"

    @property
    def _refused(self) -> bool:
        return self.attacker is None or self.attacker.refused


@dataclass(frozen=True, slots=True)
class _Sign:
    """`words` for what the effects of the kinds `whats` show; `target` is theirs, up to the first space, where `{}` is
    the name. `sweep`: each that was out is an effect, and none where none was. `some`: not every name has it. `every`:
    whichever target, since the effects do not say whose it is."""

    words: str
    whats: tuple[str, ...]
    target: str = "{}"
    sweep: bool = False
    some: bool = False
    every: bool = False

    def of(self, name: str, acts: _Acts) -> list[Row]:
        """What names it, and what stands for all of the kind."""
        if self.every:
            return self.of_all(acts)
        targets = (self.target.format(name), _EACH)
        return [act for what in self.whats for target in targets for act in acts.get((what, target), [])]

    def of_all(self, acts: _Acts) -> list[Row]:
        return [act for (what, _), some in acts.items() if what in self.whats for act in some]


_Acts = Mapping[tuple[str, str], list[Row]]
"""By kind of effect and what it is an effect on."""
_EACH = "every "


def _indexed(acts: Iterable[Row]) -> _Acts:
    found: dict[tuple[str, str], list[Row]] = {}
    for act in acts:
        what, target = str(act.get("what")), str(act.get("target"))
        key = _EACH if _EACH in target else target.partition(" ")[0]
        if what in _BATCH.whats:  # a policy for each generation
            key = target.rpartition("-")[0]
        found.setdefault((what, key), []).append(act)
    return found


_TOKENS = _Sign("its tokens that are listed", ("token revoked", "tokens revoked"), sweep=True)
_BATCH = _Sign("its batch tokens", ("batch tokens",), f"{names.PREFIX}b-{{}}", some=True)
_PATH = _Sign("its path in the vault", (PROBE,))
_LOGINS = _Sign("logins and sessions", ("database sessions ended",))
_LEASES = _Sign("its leases", ("lease revoked", "leases revoked"), sweep=True)
_USERS = _Sign("its database users", ("database users gone",))
_CI_OFF = _Sign("its login off", ("CI role off",))
_FORMER = _Sign("a login that it had before", ("former login ended",), some=True)

_LEASED = (
    _Sign("logins and sessions of database users in scope", _LOGINS.whats, some=True, every=True),
    _Sign("leases in scope", _LEASES.whats, some=True, every=True),
    _Sign("database users in scope", _USERS.whats, some=True, every=True),
)
"""What an identity may have leased: its secrets are all in scope with it."""
_VALUE = (_PATH,)
"""A secret that no issuer known here can disable."""
_CLASSES = {
    "secret": (
        _VALUE,
        (
            _PATH,
            _Sign("the key at its issuer", ("upstream key disabled",)),
            _Sign("other live keys of that account", ("upstream keys known",)),
        ),
        (_LOGINS, _LEASES, _USERS),
    ),
    "workload": (
        (
            _Sign("denied by its own policy", ("identity denied",), f"{names.PREFIX}w-{{}}"),
            _Sign("its identity", ("entity disabled",)),
            _Sign("its secret_ids", ("secret_ids destroyed",)),
            _FORMER,
            _TOKENS,
            _BATCH,
            *_LEASED,
        ),
        (
            _Sign("denied by its own policy", ("identity denied",), f"{names.PREFIX}w-{{}}"),
            _Sign("its login off", ("login off",)),
            _FORMER,
            _TOKENS,
            _BATCH,
            *_LEASED,
        ),
    ),
    "ci": (
        (_Sign("denied by its own policy", ("identity denied",), f"{names.PREFIX}ci-{{}}"), _CI_OFF, _TOKENS, *_LEASED),
    ),
    "repository": (
        (
            _Sign("its protected branches", ("branch protected", "other rules as strict")),
            _Sign("its other branches", ("branches locked",)),
            _Sign("its tags", ("tags locked",)),
            _Sign("its deploy keys", ("deploy keys removed",)),
        ),
    ),
}
"""By kind, each class of it with the signs that together shut it out. Which class a name is of shows in its effects."""
_ALL = (
    ("every secret that is denied by its declaration", (_PATH,)),
    ("every database credential", (_LOGINS, _LEASES, _USERS)),
    ("every CI role", (_CI_OFF,)),
    ("every token that was out", (_TOKENS, _BATCH)),
)


def leaked(
    incident: Row,
    told: Sequence[Row],
    effects: Sequence[Row],
    *,
    complete: bool,
    named: Sequence[str] | None = None,
    gap: bool = False,
) -> tuple[Credential, ...]:
    """`told`: the timeline, and whether it has a `gap`; `effects`: those of the last run that came to its end,
    `complete` when there was one. `named`: what leaked, where that run says so."""
    acts = _indexed(_last_words(told, effects))
    ended = complete and all(str(e.get("what")) != _ENDED or _held(e) for e in effects)
    none = "" if not ended else _NOT_TOLD if gap else _NONE
    scope = incident.get("scope")
    scope = scope if isinstance(scope, dict) else {}
    rows = _rows(incident.get("proofs"))
    proofs = {(str(p.get("item")), str(p.get("kind"))): p for p in rows}
    each = tuple(
        Credential(item, _lines(item, acts, proofs.get((item, OLD_DEAD)), none, incident))
        for item in (_items(scope, acts) if named is None else named)
    )
    return (*each, *_everything(acts, none, besides=bool(each))) if scope.get("everything") else each


def _items(scope: dict[str, Any], acts: _Acts) -> list[str]:
    """While nobody says which secrets a leaked repository's workflows hold: those are denied, so they were tried."""
    named = scope.get("leaked")
    items = [str(item) for item in named] if isinstance(named, list) else []
    if any(item.startswith("repository:") for item in items):
        items += [f"secret:{a.get('target')}" for a in _PATH.of_all(acts)]
    return list(dict.fromkeys(items))


def _last_words(told: Sequence[Row], effects: Sequence[Row]) -> list[Row]:
    """A failure that an earlier run met, and the last one no more, is over; but a path that was refused to nobody. One
    that nobody could try, as without the vault, is over once a run has seen all in scope contained on the record."""
    contained = any(e.get("what") == CONTAINED and _held(e) for e in effects)
    newest = max((number(e.get("at")) or 0.0 for e in effects), default=0.0)
    earlier = [
        e
        for e in told
        if e.get("phase") == "containment"
        and (_held(e) or _stands(e, contained=contained) or (number(e.get("at")) or 0.0) > newest)
    ]
    ordered = sorted([*earlier, *effects], key=lambda e: number(e.get("at")) or 0.0)
    return list({(str(e.get("what")), str(e.get("target"))): e for e in ordered}.values())


def _stands(failed: Row, *, contained: bool) -> bool:
    tried = str(failed.get("detail")).startswith(ANSWERED)
    return failed.get("what") == PROBE and (tried or not contained)


def _everything(acts: _Acts, none: str, *, besides: bool) -> tuple[Credential, ...]:
    found = []
    for name, signs in _ALL:
        some = [(sign, sign.of_all(acts)) for sign in signs]
        if any(rows for _, rows in some) or signs[0] is _TOKENS:
            lines = tuple(_line(sign, rows, none) for sign, rows in some if rows or sign.sweep)
            found.append(Credential(name, lines))
    named, none = ("nothing else", "no other") if besides else ("nothing", "none")
    words = f"{named} is named as leaked, so {none} was replaced: who copied one out before uses it on"
    return (*found, Credential("every other value and login", (Line("elsewhere", None, words, elsewhere=True),)))


def _lines(item: str, acts: _Acts, old: Row | None, none: str, incident: Row) -> tuple[Line, ...]:
    kind, _, name = item.partition(":")
    classes = _CLASSES.get(kind, ((_Sign(item, ()),),))
    signs = max(classes, key=lambda some: sum(bool(s.of(name, acts)) for s in some))
    proof = None if old is None else _old_one(old, incident)
    dead = old is not None and old.get("ok") is True
    since = (number(old.get("at")) or 0.0) if dead and old is not None else -1.0
    found = []
    for sign in signs:
        some = [a for a in sign.of(name, acts) if _held(a) or (_at(a) > since)]
        if some or not (dead or sign.some):  # what is replaced is shut no longer, and the proof speaks for it
            found.append(_line(sign, some, none))
    if proof is not None:
        found.append(proof)
    elif signs is _VALUE:
        words = "good wherever it is accepted, until it is replaced: nothing here disables it"
        found.append(Line("the value itself", None, words, elsewhere=True))
    return tuple(found)


def _line(sign: _Sign, acts: list[Row], none: str) -> Line:
    """`none`: what it means that a sweep has no act; "" where no sweep came to its end."""
    failed = tuple(a for a in acts if not _held(a))
    if not acts:
        return Line(sign.words, True, none) if sign.sweep and none else Line(sign.words, None, "not seen")
    if sign.sweep and not failed and none != _NONE:
        return Line(
            sign.words, True if none else None, f"{_said(acts)}; {none or 'whether more were out was not seen'}"
        )
    return Line(sign.words, not failed, _said(failed or acts), failed=failed)


def _old_one(old: Row, incident: Row) -> Line:
    opened = incident.get("opened")
    on_again = incident.get("state") == State.LIFTED or (isinstance(opened, list) and old.get("item") in opened)
    word = on_a_word(old) or (GOOD_UNTIL in str(old.get("detail")) and on_again and not expired(incident))
    seen = words_of(old, incident) or "proven"
    return Line("the old one dead", None if word else ok(old), seen, elsewhere=word or ok(old) is None)


def _said(acts: Sequence[Row]) -> str:
    words = Counter(str(a.get("detail") or a.get("outcome") or "") for a in acts)
    told = [f"{said}, {times} times" if times > 1 else said for said, times in list(words.items())[:_MOST]]
    return "; ".join(told) + (f"; and {len(words) - _MOST} more" if len(words) > _MOST else "")


def _held(act: Row) -> bool:
    return act.get("outcome") in _GOOD


def _at(act: Row) -> float:
    at = number(act.get("at"))
    return math.inf if at is None else at


def _rows(value: object) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
