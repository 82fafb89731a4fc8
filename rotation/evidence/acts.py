"""What was done by hand during an incident goes into its folder: the events, and the command with its output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from containment.folder import record
from containment.report import Effect, Outcome
from policies.errors import PortcullisError
from rotation.evidence.folder import Evidence


def keep(
    incidents: Iterable[str],
    name: str,
    argv: Sequence[str],
    exit_code: int,
    output: str,
    effects: Iterable[Effect],
    secrets: Iterable[str] = (),
) -> list[str]:
    """Into each open incident's folder, redacted and without `secrets`.

    Returns what could not be kept: the act itself is done by then.
    """
    complaints, known = [], tuple(secrets)
    acts = [e for e in effects if e.outcome is not Outcome.ALREADY]
    for incident in incidents:
        try:
            for act in acts:
                record.note(
                    incident,
                    phase="eradication",
                    what=act.what,
                    target=act.target,
                    outcome=act.outcome.value,
                    detail=act.detail,
                    at=act.at,
                )
            Evidence(record.folder(incident), known).add_command(name, argv, exit_code, output)
        except PortcullisError as error:
            complaints.append(f"not kept for incident {incident}: {error}")
    return complaints
