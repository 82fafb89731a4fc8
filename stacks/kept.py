"""What an update keeps on the server of what it declares: before it makes anything of it, and when all is made."""

from __future__ import annotations

from dataclasses import replace

from containment.adapters.vault import HvacVault
from containment.effects import namesakes
from containment.incidents.decide import Decision
from containment.systems import from_environment
from containment.undeclared import cut_short, seen
from policies.errors import PortcullisError
from stacks import keepers, told
from stacks.access import Context
from stacks.settings import EVERY_ENVIRONMENT


def begin(vault: HvacVault, context: Context) -> list[str]:
    """What is declared is kept on the server before it is made, in an incident too and however this run ends: a later
    lock-down ends what was given out by it. Raises Unreachable in peace, which makes nothing that is not kept."""
    try:
        vault.write_begun(context.estate, _part(context))
    except PortcullisError as error:
        if not context.affected.open:
            raise
        return [f"a later lock-down may not know what this run declares: {error}"]
    return []


def end(vault: HvacVault, context: Context, decision: Decision) -> list[str]:
    """All of it is declared: kept for the day on which the declarations do not load, a name is another repository's, or
    drift is asked for. What was seen in peace stays until the next apply in peace: a lift takes nothing for declared
    that changed in its incident."""
    try:
        estate, part, over = context.estate, _part(context), False
        if begun := vault.unended(estate, part):
            left = cut_short.look(vault, estate, begun, context.affected, context.incidents, part)
            if left.otherwise:
                return [left.complaint]
            if over := bool(left.over):
                told.warn(left.warning)
        if decision.current is not None or decision.lifting is not None:
            vault.write_done(estate, part, left=over)
            return []
        host, repositories = from_environment(vault, estate).code_host, vault.stands(estate, part).repositories
        ids = namesakes.ids(host, repositories, vault.repository_ids(), told.warn)
        saw = seen.look(vault, host, repositories, vault.seen(), told.warn)
        vault.write_compiled(estate, ids, saw, part, left=over)
        keepers.tell(vault, estate, told.warn)
    except PortcullisError as error:
        return [f"what is declared is not kept for the next lock-down: {error}"]
    return []


def declared(vault: HvacVault, decision: Decision) -> None:
    """Pulumi's state now knows of these lock-downs, repositories included, and so can take them back."""
    now = vault.now()
    for incident in decision.in_force:
        if not incident.declared_at:
            vault.update_incident(incident.id, lambda held: replace(held, declared_at=held.declared_at or now))


def _part(context: Context) -> str | None:
    """Whose part alone this stack declares, where another environment's may be another stack's; None for all of it."""
    return None if context.environment == EVERY_ENVIRONMENT else context.environment
