"""An incident as the servers hold it: plain values, no secret in any field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any

from policies.errors import InputError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked_id(text: str) -> str:
    """The id itself. Raises InputError for one that could name another record, leave the incidents' folder, or is kept
    there for something else."""
    if text.lower().startswith("earlier-") or text.lower().endswith(".jsonl"):
        raise InputError(f"not an incident id: {text!r}; none begins with 'earlier-' or ends in '.jsonl'")
    if not _ID.fullmatch(text):
        raise InputError(f"not an incident id: {text!r}; letters, digits, '.', '_' and '-', at most 64")
    return text


NOTHING_NAMED = (
    "Nothing is named as leaked: nothing will be rotated. Name what leaked with incidentScope before you lift, in a "
    "second incident: pulumi up --config incident=true --config incidentId=ANOTHER --config incidentScope=NAME"
)
"""Of an incident that has everything in scope."""


class Mode(StrEnum):
    """The stack's `incident` setting. KEEP is whatever the servers have in force."""

    KEEP = "keep"
    LOCK = "true"
    LIFT = "false"


class State(StrEnum):
    OPEN = "open"
    LIFTED = "lifted"


EVERYTHING = "everything"
"""A scope in words; no name is so, for each has its kind before it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is in scope. Each name is known to have leaked; beside `everything` it narrows nothing.

    Names are `kind:name`, kinds `secret`, `workload`, `ci`, `repository`.
    """

    everything: bool
    leaked: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return ", ".join((EVERYTHING, *self.leaked) if self.everything else self.leaked)

    @property
    def text(self) -> str:
        """As `incidentScope` says it."""
        return self.words.replace(" ", "") if self.leaked else ""

    def names(self, kind: str) -> frozenset[str]:
        return frozenset(n.split(":", 1)[1] for n in self.leaked if n.startswith(f"{kind}:"))


@dataclass(frozen=True, slots=True)
class Proof:
    """`item` as in the rotation plan; `at` epoch seconds, server time."""

    item: str
    kind: str
    at: int
    ok: bool
    detail: str = ""
    of: str = ""
    """Of a person's word, the reference of what it was said of (as in `Made`), where another may take its place."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Uses of what was retired that a named person has looked into: `uses` of them, the last at `up_to`, a time as the
    audit log has it. `at` epoch seconds, server time."""

    at: int
    up_to: str
    uses: int
    by: str
    note: str
    lost: tuple[int, ...] = ()
    """Numbers of writes of this record that the audit log lacks: whoever looked into it knows that nobody can see what
    was used around them. `up_to` is "" when no use was seen."""


@dataclass(frozen=True, slots=True)
class Found:
    """Uses of what was retired, as they were first seen: it stands whatever becomes of the audit log. Fields as above;
    `words` name the newest of them."""

    at: int
    up_to: str
    uses: int
    words: str


@dataclass(frozen=True, slots=True)
class Copy:
    """An Actions secret as the rotation wrote it; `written` is when, as GitHub says it."""

    repository: str
    name: str
    written: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a rotation issued for an item, or took for the new one of it; `reference` as
    `replacements.reference` gives it. `at`: epoch seconds, server time, not after it was issued."""

    item: str
    reference: str
    at: int
    delivered: bool = False
    """Whether its file was written: what a workload's host may have taken since is not made anew."""
    tried: int = 0
    """When a login with it worked, by the last try of it; 0 where that failed, or none was made."""


@dataclass(frozen=True, slots=True)
class Disabled:
    """A key of an item that was live when it was disabled in this incident, and what it could do."""

    item: str
    reference: str
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation of a workload's batch tokens that was out when the incident was first worked on, counted from 0 and
    on (`containment.incidents.generations`). `life`: seconds that such a token lives at most."""

    workload: str
    number: int
    life: int


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    scope: Scope
    state: State
    opened_at: int
    denied_at: int = 0
    revoked_before: int = 0
    """No token, lease or database user in scope that is older than this is left, but a user without a login and a
    session; 0 until that was seen."""
    contained_at: int = 0
    declared_at: int = 0
    """When a `pulumi up` has declared the lock-down too; one made without Pulumi is unknown to its state, and lifting
    it from there would change nothing on the servers."""
    lift_begun_at: int = 0
    """When a lift was about to raise the gate, and 0 once it has ended or a later run has seen everything contained
    again: while it is set, part of the lock-down may be taken back."""
    lifted_at: int = 0
    opened: tuple[str, ...] = ()
    """`kind:name` of secrets and workloads that are replaced: the old is proven dead, the new one works, and neither
    the gate nor a later run denies it any more."""
    proofs: tuple[Proof, ...] = field(default=())
    acknowledged: tuple[Acknowledged, ...] = ()
    """In the order in which they were; a use later than the last of them stands in the way of the lift."""
    found: tuple[Found, ...] = ()
    """Each is of the uses after the one before it."""
    copies: tuple[Copy, ...] = ()
    made: tuple[Made, ...] = ()
    """The last of each item."""
    disabled: tuple[Disabled, ...] = ()
    meant: tuple[str, ...] = ()
    """What no lock-down looks into (`containment.undeclared.seen`), and a named person has said to be meant."""
    generations: tuple[Generation, ...] | None = None
    """Of each workload with batch tokens that it has in scope. None while nobody has worked on it, and on record since
    a version that counted by the declarations of the day."""

    @property
    def contained(self) -> bool:
        """Whether it was seen so, and no lift has begun to take it back since."""
        return bool(self.contained_at and not self.lift_begun_at)

    @property
    def notice(self) -> str:
        """What a responder must be told of its scope, or ""."""
        return "" if self.scope.leaked else NOTHING_NAMED

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @staticmethod
    def from_json(data: object) -> Incident:
        """Raises ValueError for whatever is no record of one: anybody's hand may have been at it."""
        found: Incident = _record().validate_python(data)
        if not found.scope.words:
            raise ValueError("nothing is in scope")
        return found

    def with_proof(self, proof: Proof) -> Incident:
        """The newest proof of an item and kind replaces the older one."""
        kept = tuple(p for p in self.proofs if (p.item, p.kind) != (proof.item, proof.kind))
        return replace(self, proofs=(*kept, proof))

    def with_copies(self, copies: Sequence[Copy]) -> Incident:
        """What was written last counts."""
        places = {(c.repository, c.name) for c in copies}
        kept = (c for c in self.copies if (c.repository, c.name) not in places)
        return replace(self, copies=(*kept, *copies))

    def with_made(self, made: Made) -> Incident:
        return replace(self, made=(*(m for m in self.made if m.item != made.item), made))

    def with_made_changed(self, item: str, reference: str, change: Callable[[Made], Made]) -> Incident:
        ours = (item, reference)
        return replace(self, made=tuple(change(m) if (m.item, m.reference) == ours else m for m in self.made))

    def with_disabled(self, keys: Sequence[Disabled]) -> Incident:
        return replace(self, disabled=(*self.disabled, *(k for k in keys if k not in self.disabled)))


@cache
def _record() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Incident)
