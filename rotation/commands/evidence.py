"""`portcullis evidence`: check what was sealed, and write the report an incident commander reads."""

from __future__ import annotations

import json
from pathlib import Path

import click

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that holds the incidents [default: reports/security/incidents].",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


@click.group("evidence")
def command() -> None:
    """Check an incident's evidence and write its report.

    \b
    Examples:
      portcullis evidence verify INC-7
      portcullis evidence report INC-7
    """


@command.command("verify")
@click.argument("incident")
@click.option("--head", help="Head of the hash chain as kept elsewhere; shows a manifest rewritten as a whole.")
@_FOLDER
@_JSON
def verify_command(incident: str, head: str | None, folder: Path | None, as_json: bool) -> None:
    """Exit 1 when a file was edited, removed, added, reordered or linked since it was sealed.

    \b
    Examples:
      portcullis evidence verify INC-7
      portcullis evidence verify INC-7 --json
    """
    from rotation.evidence import INCIDENTS, incident_folder, verify

    problems = verify(incident_folder(incident, folder or INCIDENTS), [head] if head else [])
    if as_json:
        document = {"incident": incident, "holds": not problems, "problems": [p.to_json() for p in problems]}
        click.echo(json.dumps(document))
    else:
        for problem in problems:
            click.echo(f"{problem.kind.upper():14} {problem.path}: {problem.detail}")
        click.echo(f"evidence of {incident}: {'does NOT hold' if problems else 'holds'}")
    if problems:
        raise SystemExit(1)


@command.command("report")
@click.argument("incident")
@_FOLDER
@_JSON
def report_command(incident: str, folder: Path | None, as_json: bool) -> None:
    """Write report.html and seal it. Evidence that was changed is shown in the report, not sealed again; exit 1.

    \b
    Examples:
      portcullis evidence report INC-7
      portcullis evidence report INC-7 --json
    """
    from rotation.evidence import INCIDENTS, MANIFEST, Evidence, incident_folder, verify
    from rotation.report import render

    place = incident_folder(incident, folder or INCIDENTS)
    problems = verify(place)
    sealed_before = (place / MANIFEST).exists()
    written = render(place)
    tampered = bool(problems) and sealed_before
    head = None if tampered else Evidence(place).seal()
    if as_json:
        document = {"incident": incident, "report": str(written), "head": head}
        click.echo(json.dumps(document | {"problems": [p.to_json() for p in problems] if tampered else []}))
    else:
        click.echo(f"written: {written}")
        click.echo("not sealed: the evidence was changed; see `evidence verify`" if tampered else f"sealed: {head}")
    if tampered:
        raise SystemExit(1)
