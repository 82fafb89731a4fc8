"""`portcullis check`: the declarations before OPA."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("check")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Declarations; by default PORTCULLIS_DECLARATIONS, else policies/access.",
)
@click.option("--opa-url", envvar="OPA_URL", default="", help="The OPA server; by default the variable OPA_URL.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(folder: Path | None, opa_url: str, as_json: bool) -> None:
    """Ask OPA about every declaration at once; exit 1 names each violation with its file, line, rule and remedy.

    \b
    Examples:
      portcullis check
      portcullis check --folder policies/access --opa-url http://127.0.0.1:8181 --json
    """
    from containment.judgement import decide
    from containment.judgement import opa_url as named
    from policies.load import load

    estate = load(folder)
    decision = decide(estate, opa_url or named())
    if as_json:
        violations = [asdict(v) for v in decision.violations]
        click.echo(json.dumps({"allow": decision.allow, "reasons": decision.reasons, "violations": violations}))
    else:
        for reason in decision.reasons:
            click.echo(reason)
        if decision.allow:
            click.echo(f"{len(estate.secrets)} secrets and {len(estate.workloads)} workloads hold to every rule")
    if not decision.allow:
        raise SystemExit(1)
