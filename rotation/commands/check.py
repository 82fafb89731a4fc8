"""`portcullis check`: the declarations before OPA."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR|FILES]")
@click.option("--opa-url", envvar="OPA_URL", default="", help="The OPA server; by default the variable OPA_URL.")
@click.option(
    "--explain", "rule", metavar="RULE", help="Say what a rule is for and what to do about it; asks no server."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--sarif", "as_sarif", is_flag=True, help="One SARIF 2.1.0 document on stdout, for code scanning.")
def command(paths: tuple[Path, ...], opa_url: str, rule: str | None, as_json: bool, as_sarif: bool) -> None:
    """Ask OPA about every declaration at once; each violation is named with its file, line, rule, severity and remedy.

    Without DIR: PORTCULLIS_DECLARATIONS, else policies/access. With FILES the whole folder is judged, and only what
    these files break is told. Exit 1 when a rule objects, 2 when a declaration does not load.

    \b
    Examples:
      portcullis check
      portcullis check policies/access/production/order-router-fix.yaml
      portcullis check --sarif > check.sarif
      portcullis check --explain sharing
    """
    from containment.judgement import opa_url as named
    from policies.errors import InputError
    from policies.plain import plain
    from rotation.checking.declarations import check

    if as_json and as_sarif:
        raise InputError("--json or --sarif, not both")
    if rule:
        _explain(rule, as_json)
        return
    checked = check(paths, opa_url or named())
    if as_sarif:
        from policies.rules import rules
        from rotation.checking.sarif import sarif

        click.echo(json.dumps(sarif(checked.violations, rules()), indent=2))
    elif as_json:
        violations = [asdict(v) for v in checked.violations]
        click.echo(json.dumps({"allow": checked.allow, "reasons": checked.reasons, "violations": violations}))
    else:
        for reason in checked.reasons:
            click.echo(plain(reason))
        if checked.allow:
            click.echo(f"{checked.counted} hold to every rule")
        elif checked.violations:
            click.echo("portcullis check --explain RULE says what a rule is for", err=True)
    if not checked.allow:
        raise SystemExit(checked.exit_code)


def _explain(name: str, as_json: bool) -> None:
    from policies.rules import find

    rule = find(name)
    if as_json:
        click.echo(json.dumps(asdict(rule)))
    else:
        click.echo(f"{rule.name}: {rule.title} ({rule.area}, {rule.severity})\n\n{rule.description}\n")
        click.echo(f"remedy     {rule.remedy}\nreference  {rule.reference}\nfile       {rule.file}")
