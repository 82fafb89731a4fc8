"""`portcullis contain`: the lock-down without Pulumi."""

from __future__ import annotations

import click

from rotation.terminal import JSON, emit, progress, say


@click.command("contain")
@click.option(
    "--scope", default="", help="Comma-separated names that leaked; none is everything, `everything,NAME` both."
)
@click.option("--incident-id", default="", help="The incident to open, or without a scope to run again.")
@JSON
def command(scope: str, incident_id: str, as_json: bool) -> None:
    """Lock down straight over the APIs; exit 1 names what is not contained. The next `pulumi up` agrees with it.

    A system that does not answer keeps nothing else from being locked: exit 3 names what waits for it.

    \b
    Examples:
      portcullis contain --scope exchange-trading-key
      portcullis contain --incident-id INC-7
      portcullis contain --json
    """
    from containment.adapters.vault import HvacVault
    from containment.direct import contain
    from containment.errors import GOES_ON
    from policies.errors import Unreachable

    try:
        done = contain(HvacVault.for_containment(), incident_id, scope, progress)
    except Unreachable as error:
        raise Unreachable(f"not contained: {error}") from error
    report, incident, complaint = done.report, done.incident, done.complaint
    if as_json:
        scope = incident.to_json()["scope"]
        told = {
            "declarations": str(complaint or ("loaded" if done.absent else "as last applied")),
            "vault": done.absent or "answered",
            "notice": incident.notice,
        }
        emit({**report.to_json(), "scope": scope, **told})
    else:
        word = "not contained" if report.not_contained else "contained"
        say(f"incident {incident.id}: {report.changed} effects, {word}")
        for name in report.not_contained:
            say(f"not contained: {name}")
    again = f"portcullis contain --incident-id {incident.id}"
    again += f" --scope {incident.scope.text}" if report.named_again else ""
    if complaint:
        progress(f"{complaint}; this lock-down knows no later declaration: mend that, then run {again}")
    if done.absent:
        progress(done.absent)
    elif report.goes_on:
        progress(f"{GOES_ON}: {again}")
    if done.exit_code:
        raise SystemExit(done.exit_code)
