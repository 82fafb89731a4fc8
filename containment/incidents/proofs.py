"""What must be proven before the gate lifts. Pure; the decision itself is OPA's (`policies/rego/portcullis/lift`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from containment.incidents.incident import Incident, Proof
from containment.incidents.scope import leaked_in
from policies.model import Estate

CONTAINED = "contained"
DECLARED = "declared"
OLD_DEAD = "old-dead"
NEW_ALIVE = "new-alive"
RECOVERY = "recovery"
AUDIT_QUIET = "audit-quiet"
CONFIRMED = "confirmed"
"""A named person's word where a server cannot be asked; never required by itself."""
NAMED = "named"
"""The same, of which version of a secret that person stored."""
ON_A_WORD = "not proven"
"""How the detail of a proof ends that rests on such a word."""
ASKED_FOR = "a person must confirm the other side"
"""How it begins while nobody has given it."""

INCIDENT = "incident"
"""The item of what is proven of the incident as a whole."""


def replaced(incident: Incident, estate: Estate) -> tuple[str, ...]:
    """`kind:name` of everything that must be replaced, or proven to be gone, in this incident. What leaks with a
    repository are the secrets that its workflows hold."""
    named = leaked_in(incident, estate.repositories)
    return tuple(name for name in named if name.partition(":")[0] in ("secret", "workload", "ci"))


def required(incident: Incident, estate: Estate) -> list[str]:
    """Items `name/kind`: for each leaked thing that the old is dead and the new works, and for every incident that the
    workloads are back and that nothing retired was used. A CI role needs no new credential: it logs in afresh.
    `declared`: run `pulumi up --config incident=keep` after a lock-down that was made without Pulumi."""
    items = [CONTAINED, DECLARED]
    for name in replaced(incident, estate):
        kinds = (OLD_DEAD,) if name.startswith("ci:") else (OLD_DEAD, NEW_ALIVE)
        items += [f"{name}/{kind}" for kind in kinds]
    return [*items, f"{INCIDENT}/{RECOVERY}", f"{INCIDENT}/{AUDIT_QUIET}"]


def overtaken(proof: Proof, incident: Incident, incidents: Sequence[Incident], estate: Estate) -> str:
    """Why the new one that was proven alive is not the one in force, in words; "" when nothing on record says so. By
    whole seconds: of two that have the same, the proof is the earlier, but of what its own incident made, which the run
    that makes it proves at once."""
    if proof.kind != NEW_ALIVE:
        return ""
    if any(m.item == proof.item and proof.at < m.at for m in incident.made):
        return f"from before the rotation of {incident.id} made another"
    for other in incidents:
        if other.id == incident.id:
            continue
        if proof.at <= other.denied_at and proof.item in leaked_in(other, estate.repositories):
            return f"from before {other.id}, where it leaked too, was denied"
        if any(m.item == proof.item and proof.at <= m.at for m in other.made):
            return f"from before the rotation of {other.id} made another"
    return ""


def lift_input(
    incident: Incident,
    incidents: Sequence[Incident],
    estate: Estate,
    requested_id: str,
    now: int,
    contained: bool,
) -> dict[str, Any]:
    """The question to OPA. `incidents`: all on record; `contained`: what the run that asks has just observed."""
    proofs = [
        {
            "item": f"{p.item}/{p.kind}",
            "kind": p.kind,
            "proven_at": p.at,
            "ok": p.ok and not overtaken(p, incident, incidents, estate),
        }
        for p in incident.proofs
    ]
    proofs.append({"item": CONTAINED, "kind": CONTAINED, "proven_at": now, "ok": contained})
    proofs.append({"item": DECLARED, "kind": DECLARED, "proven_at": now, "ok": bool(incident.declared_at)})
    return {
        "incident": {"id": incident.id, "state": incident.state.value, "opened_at": incident.opened_at},
        "requested_id": requested_id,
        "proofs": proofs,
        "required": required(incident, estate),
        "now": now,
    }


def lacking(incident: Incident, reason: str, incidents: Sequence[Incident], estate: Estate) -> str:
    """OPA's reason against a lift, with the remedy where a name alone does not say it: what was never proven is told
    apart from what was, and does not count any more."""
    if reason == DECLARED:
        return (
            f"{reason}: no `pulumi up` has declared this lock-down to its end: run `pulumi up --config incident=keep` "
            "first"
        )
    proof = next((p for p in incident.proofs if f"{p.item}/{p.kind}" == reason), None)
    if proof is None:
        return reason
    if not proof.ok:
        return f"{reason}: did not hold when it was last tried: `portcullis rotate status {incident.id}` says why"
    why = overtaken(proof, incident, incidents, estate) or "proven too long ago"
    return f"{reason}: {why}: run `portcullis rotate run {incident.id}` right before the lift"
