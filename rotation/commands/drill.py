"""`portcullis drill`: a real leak, contained on real servers."""

from __future__ import annotations

import json

import click


@click.command("drill")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(as_json: bool) -> None:
    """Leak four kinds of credential at once, lock down with one `pulumi up`, attack again; exit 1 when one still works.

    \b
    Examples:
      portcullis drill
      portcullis drill --json > drill.json
    """
    from drill.run import report_folder, run
    from rotation.evidence import Evidence
    from rotation.report import render
    from sandbox.environment import here

    result = run(here(), lambda message: click.echo(message, err=True))
    folder = report_folder(result.incident)
    evidence = Evidence(folder)
    evidence.write_json("drill.json", result.to_json())
    report = render(folder)
    evidence.seal()
    if as_json:
        click.echo(json.dumps(result.to_json()))
    else:
        for name, value in result.seconds.items():
            click.echo(f"{name:10} {value:8.2f} s")
        click.echo(f"verdict: {result.verdict}")
        click.echo(f"report: {report}")
    if result.verdict != "contained":
        raise SystemExit(1)
