"""What an administrator puts on the vault for what is declared, whole: pure. Pulumi writes none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containment import names
from containment.compiled import gate, logins, operators
from policies.model import Estate

STORE_CONFIG = {"max_versions": 1000}
"""Of each incident's record and of each head of its evidence every version stays; the server's default is ten."""


def keeper_policies(estate: Estate) -> dict[str, str]:
    """Policies of those who work the gate: text by name."""
    return {
        operators.OPERATOR: operators.operator_policy(estate),
        operators.CONTAINMENT: operators.containment_policy(estate),
        operators.BREAK_GLASS: operators.break_glass_policy(),
        operators.ROTATOR: operators.rotator_policy(estate),
        operators.PROBER: operators.prober_policy(),
        operators.APPROVER: operators.approver_policy(),
        operators.DRIFT: operators.drift_policy(estate),
    }


def policies(estate: Estate) -> dict[str, str]:
    """With the quarantine as it is in peace: an executor's to write, and there before the first lock-down."""
    return {**keeper_policies(estate), names.QUARANTINE: gate.open_policy()}


def token_roles(estate: Estate) -> Mapping[str, dict[str, Any]]:
    """Parameters by name."""
    issued = (i for i in logins.identities(estate) if operators.issuable(i))
    return {
        names.PROBE_ROLE: operators.probe_role(),
        names.APPLY_ROLE: operators.apply_role(),
        **{names.issue_role(identity): operators.issue_role(identity) for identity in issued},
    }
