"""Which policies the program may write in peace, by the declarations: a plan and Pulumi's own gate go by it. Pure."""

from __future__ import annotations

import json

from containment import names
from containment.compiled import gate
from containment.incidents import generations
from containment.incidents.scope import affected
from policies.model import CiRole, Estate, TokenType, Workload


def leaving(estate: Estate) -> frozenset[str]:
    """Policies that the program writes for as long as batch tokens are out, though the workload has others by now."""
    others = (workload for workload in estate.workloads if workload.tokens is not TokenType.BATCH)
    return frozenset(names.generation_policy(w, number) for w in others for number in range(generations.COUNT))


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
