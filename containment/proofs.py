"""What must be proven before the gate lifts. Pure; the decision itself is OPA's (`policies/rego/portcullis/lift`)."""

from __future__ import annotations

from typing import Any

from containment.incident import Incident

CONTAINED = "contained"
DECLARED = "declared"
OLD_DEAD = "old-dead"
NEW_ALIVE = "new-alive"


def required(incident: Incident) -> list[str]:
    """Items `name/kind`: for each leaked thing that the old is dead and the new works. `declared`: run a plain
    `pulumi up` after a lock-down that was made without Pulumi."""
    replaced = [name for name in incident.scope.leaked if name.partition(":")[0] in ("secret", "workload")]
    return [CONTAINED, DECLARED, *(f"{name}/{kind}" for name in replaced for kind in (OLD_DEAD, NEW_ALIVE))]


def lift_input(incident: Incident, requested_id: str, now: int, contained: bool) -> dict[str, Any]:
    """The question to OPA. `contained`: what the run that asks has just observed."""
    proofs = [{"item": f"{p.item}/{p.kind}", "kind": p.kind, "proven_at": p.at, "ok": p.ok} for p in incident.proofs]
    proofs.append({"item": CONTAINED, "kind": CONTAINED, "proven_at": now, "ok": contained})
    proofs.append({"item": DECLARED, "kind": DECLARED, "proven_at": now, "ok": bool(incident.declared_at)})
    return {
        "incident": {"id": incident.id, "state": incident.state.value, "opened_at": incident.opened_at},
        "requested_id": requested_id,
        "proofs": proofs,
        "required": required(incident),
        "now": now,
    }
