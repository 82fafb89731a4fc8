"""Which policies the program may write in peace, by the declarations: a plan and Pulumi's own gate go by it. Pure."""

from __future__ import annotations

import json

from containment import names
from containment.compiled import gate
from containment.incidents import generations
from containment.incidents.scope import affected
from policies.model import CiRole, Estate, Workload


def policies(estate: Estate) -> dict[str, dict[str, list[str]]]:
    """By name, what each policy that the program writes may grant: capabilities by path."""
    peace = affected(estate, ())
    everybody: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    found: dict[str, dict[str, list[str]]] = {name: {} for name in names.SHARED}
    for identity in everybody:
        rules = json.loads(gate.own_policy(identity, estate, peace))["path"]
        found[names.own_policy(identity)] = {path: rule["capabilities"] for path, rule in rules.items()}
    for workload in estate.workloads:  # with batch tokens, or with some out from when it had them
        found |= {names.generation_policy(workload, number): {} for number in range(generations.COUNT)}
    return found
