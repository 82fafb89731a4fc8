"""What the update before this one left, by the stack's own outputs: incidents that are open, since the vault may have
been restored from an older backup since, or be another one, and opens then what nobody lifted; and what it declared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any

import pulumi

from containment.incidents.decide import LOCK
from containment.incidents.incident import Incident
from policies.errors import InputError
from stacks.settings import EVERY_ENVIRONMENT

OPEN, ENVIRONMENT = "openIncidents", "environment"
_PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds before each further try: in a backend of files the engine writes beside it, and half a file may be read."""


@cache
def _outputs() -> pulumi.Output[dict[str, Any]]:
    return pulumi.Output.from_input(_read())


async def _read() -> dict[str, Any]:
    """As a StackReference reads them, which would be a resource of the state and changed by every refresh."""
    for pause in _PAUSES:
        try:
            return await _answer()
        except Exception:  # noqa: BLE001 - the SDK raises no narrower one
            await asyncio.sleep(pause)
    return await _answer()


async def _answer() -> dict[str, Any]:
    name = "/".join((pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()))
    answer = await pulumi.runtime.invoke_async("pulumi:pulumi:readStackOutputs", {"name": name})
    return dict(answer["outputs"] or {})


def unknown_to(server: Iterable[Incident]) -> pulumi.Output[list[str]]:
    """Ids of those of which the server has no record, neither open nor lifted."""
    known = {incident.id for incident in server}
    return _outputs().apply(lambda told: [one for one in told.get(OPEN) or () if one not in known])


async def refuse(server: Iterable[Incident]) -> None:
    """Raises InputError naming them: an update would open what they locked."""
    lost = await unknown_to(server).future()
    if lost:
        raise InputError(f"nothing was changed: {words(lost)}")


def environment(asked: str) -> pulumi.Output[str]:
    """What this stack declares: `asked` ("" is nothing), unless that would take away what the update before had."""
    return _outputs().apply(lambda told: _kept(str(told.get(ENVIRONMENT) or ""), asked))


def _kept(last: str, asked: str) -> str:
    return asked if asked == EVERY_ENVIRONMENT or not last else last


def words(lost: Iterable[str]) -> str:
    ids = list(lost)
    return (
        f"the last update left {', '.join(ids)} open, and the vault has no record of it: it was restored from an older "
        f"backup, or is another server. Lock down again, with the same scope: {LOCK} --config incidentId={ids[0]} "
        "--config incidentScope=WHAT-LEAKED; a lift with its proofs opens it then"
    )
