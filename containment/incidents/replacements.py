"""Which credential replaces one that leaked, by the records of the incidents, never by guess: one that a rotation made
after every incident that names it was denied, or that a named person or the audit log says is of one who may. So it
serves them all, and none is made twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from containment import names
from containment.incidents import proofs
from containment.incidents.incident import Disabled, Incident, Made
from containment.incidents.scope import leaked_in
from containment.ports import UpstreamKey
from containment.run import Systems
from policies.errors import PortcullisError
from policies.model import AuthMethod, Estate


def reference(value: str) -> str:
    """Of an id or an accessor: enough to tell two apart, of no use to one who reads it."""
    return f"sha256:{hashlib.sha256(value.encode()).hexdigest()[:12]}"


def denied_at(item: str, incidents: Iterable[Incident], estate: Estate) -> int:
    """Epoch seconds: what is no younger may have leaked in one of the incidents that name it."""
    return max((i.denied_at for i in incidents if item in leaked_in(i, estate.repositories)), default=0)


def revoked_before(item: str, incidents: Iterable[Incident], estate: Estate) -> int:
    """Epoch seconds: what is no younger may have been out in one of them; 0 until each has revoked it."""
    cuts = [i.revoked_before for i in incidents if item in leaked_in(i, estate.repositories)]
    return max(cuts) if all(cuts) else 0


def on_record(item: str, incidents: Sequence[Incident], estate: Estate) -> tuple[Made, ...]:
    """What counts as new, whichever incident's rotation made it. While an incident that names it has denied nothing
    yet, all that is there may have leaked in that one."""
    if not all(i.denied_at for i in incidents if item in leaked_in(i, estate.repositories)):
        return ()
    since = denied_at(item, incidents, estate)
    return tuple(m for i in incidents for m in i.made if m.item == item and m.at > since)


def made(item: str, incidents: Sequence[Incident], estate: Estate) -> frozenset[str]:
    """References of it."""
    return frozenset(m.reference for m in on_record(item, incidents, estate))


def disabled(item: str, keys: Iterable[UpstreamKey]) -> tuple[Disabled, ...]:
    """For the record: keys of it that are live now and are about to be disabled."""
    return tuple(Disabled(item, reference(k.id), tuple(sorted(k.permissions))) for k in keys)


def wanting(incident: Incident, incidents: Sequence[Incident], estate: Estate, systems: Systems) -> tuple[str, ...]:
    """In words, each replacement that is not what was proven any more, or that its issuer does not say is in force:
    asked again at the lift, since whoever may end one needs no rotation for it. A new value that nobody issues is not
    asked for: who lifts reads no values."""
    again = f"portcullis rotate run {incident.id}"
    found = []
    for proof in incident.proofs:
        if proof.ok and (words := proofs.overtaken(proof, incident, incidents, estate)):
            found.append(f"the proof {proof.item}/{proof.kind} is {words}: {again}")
    for item in proofs.replaced(incident, estate):
        ours = made(item, incidents, estate)
        try:
            held = _in_force(item, estate, systems)
            if ours and held is not None and ours.isdisjoint(held):
                found.append(f"what replaced {item} is in force no longer: see who ended it, then {again}")
            if ours and held and item.startswith("workload:") and (beside := len(held - ours)):
                words = f"1 secret_id of {item} is" if beside == 1 else f"{beside} secret_ids of {item} are"
                found.append(f"{words} in force beside what replaced it: see who made it, then {again}, which ends it")
        except PortcullisError as error:
            found.append(f"what replaced {item}: whether it is in force was not seen: {error}")
    return tuple(found)


def _in_force(item: str, estate: Estate, systems: Systems) -> frozenset[str] | None:
    """None when nobody whom we can ask issues it: who logs in by a JWT is another issuer's."""
    kind, _, name = item.partition(":")
    if kind == "workload":
        if any(w.name == name and w.auth is AuthMethod.JWT for w in estate.workloads):
            return None
        return frozenset(map(reference, systems.vault.keys(f"auth/{names.APPROLE}/role/{name}/secret-id")))
    declared = next((s.key_issuer for s in estate.secrets if s.name == name), None)
    if declared is None:
        return None
    keys = systems.upstream(declared.name).keys(declared.account)
    return frozenset(reference(k.id) for k in keys if k.enabled and k.tag == name)
