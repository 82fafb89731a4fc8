"""Leaked thing by leaked thing: is the old one proven dead, is the new one proven alive. Pure, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

from containment.incidents.issuers import ADVICE, GOOD_UNTIL, LIFE, at
from containment.incidents.proofs import (
    ASKED_FOR,
    AUDIT_QUIET,
    CONFIRMED,
    INCIDENT,
    NAMED,
    NEW_ALIVE,
    OLD_DEAD,
    ON_A_WORD,
    RECOVERY,
)
from rotation.evidence.reading import number
from rotation.evidence.timeline import clock

_ASKED = {"secret": (OLD_DEAD, NEW_ALIVE), "workload": (OLD_DEAD, NEW_ALIVE), "ci": (OLD_DEAD,)}
"""By kind of thing. A CI role needs no new credential: it logs in afresh. A repository is locked, not replaced."""
_WORDS = {
    OLD_DEAD: "old one dead",
    NEW_ALIVE: "new one works",
    RECOVERY: "workloads back",
    AUDIT_QUIET: "uses of what was retired, none left unexplained",
    CONFIRMED: "a person's word",
    NAMED: "a person's word for the new one",
}


@dataclass(frozen=True, slots=True)
class Proven:
    """`ok` None: nobody has proven or disproven it. `word`: it counts for the lift, on a person's word alone."""

    what: str
    ok: bool | None
    at: str
    detail: str
    word: bool = False


@dataclass(frozen=True, slots=True)
class Replaced:
    item: str
    proofs: tuple[Proven, ...]

    @property
    def holds(self) -> bool:
        return all(p.ok for p in self.proofs)

    @property
    def failed(self) -> bool:
        return any(p.ok is False for p in self.proofs)

    @property
    def word(self) -> bool:
        """Nothing is left to do here, and not all of it is proven."""
        return self.holds and any(p.word for p in self.proofs)


def replaced(incident: dict[str, Any], named: Sequence[str] | None = None) -> tuple[Replaced, ...]:
    """What leaked, by the scope unless `named`, and whatever else there is a proof of. `incident`: incident.json,
    checked no further."""
    scope = incident.get("scope")
    leaked = [str(n) for n in (scope.get("leaked") or [])] if isinstance(scope, dict) else []
    leaked = leaked if named is None else list(named)
    rows = incident.get("proofs")
    proofs = [p for p in rows if isinstance(p, dict)] if isinstance(rows, list) else []
    asked = {item: list(_ASKED.get(item.partition(":")[0], ())) for item in leaked}
    asked[INCIDENT] = [RECOVERY, AUDIT_QUIET]
    for proof in proofs:
        kinds = asked.setdefault(str(proof.get("item", "")), [])
        if str(proof.get("kind", "")) not in kinds:
            kinds.append(str(proof.get("kind", "")))
    held = {(str(p.get("item", "")), str(p.get("kind", ""))): p for p in proofs}
    return tuple(
        Replaced(item, tuple(_proven(kind, held.get((item, kind)), incident) for kind in kinds))
        for item, kinds in asked.items()
        if kinds
    )


def _proven(kind: str, proof: dict[str, Any] | None, incident: dict[str, Any]) -> Proven:
    what = _WORDS.get(kind, kind.replace("-", " "))
    if proof is None:
        return Proven(what, None, "–", "not proven yet")
    at = proof.get("at")
    early = (
        kind == OLD_DEAD and GOOD_UNTIL in str(proof.get("detail")) and lifted_at(incident) and not expired(incident)
    )
    return Proven(
        what,
        None if early and ok(proof) else ok(proof),
        clock(float(at)) if isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at < 1e11 else "–",
        told(proof, incident),
        on_a_word(proof),
    )


def lifted_at(incident: dict[str, Any]) -> float:
    """0 while it is not."""
    return number(incident.get("lifted_at")) or 0.0


def expired(incident: dict[str, Any]) -> bool:
    """Whether every JWT from before the lock-down had expired when it was lifted, and so when its role was on again."""
    contained = number(incident.get("contained_at"))
    return bool(contained) and lifted_at(incident) >= (contained or 0.0) + LIFE


def told(proof: dict[str, Any], incident: dict[str, Any]) -> str:
    """Its words, with what came of the advice in them. `audit.json` ends with the lift (`audit.of`)."""
    said = str(proof.get("detail") or "")
    if GOOD_UNTIL not in said or not (lifted := lifted_at(incident)):
        return said
    if expired(incident):
        return f"{said}; it was"
    before, _, until = said.removesuffix(f" {ADVICE}").partition(GOOD_UNTIL)
    kind, _, name = str(proof.get("item")).partition(":")
    on_again = "its replacement" if kind == "workload" else f"the lift ({at(lifted)})"
    return (
        f"{before}may have logged in between {on_again} and{until}, not after: the audit device's file has a login "
        f"with role {name} in between if one did, and `portcullis secrets-issue-dynamic --role {quote(name)}` revokes "
        "what it got"
    )


def ok(proof: dict[str, Any]) -> bool | None:
    """None while it waits for a person."""
    return None if str(proof.get("detail")).startswith(ASKED_FOR) else proof.get("ok") is True


def on_a_word(proof: dict[str, Any]) -> bool:
    worded = proof.get("kind") in (CONFIRMED, NAMED) or str(proof.get("detail")).endswith(ON_A_WORD)
    return worded and proof.get("ok") is True
