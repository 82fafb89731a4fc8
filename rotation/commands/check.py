"""`portcullis check`: the declarations before OPA."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from policies.plain import one_line
from rotation.terminal import JSON, emit, progress, say

if TYPE_CHECKING:
    from policies.model import Estate


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR|FILES]")
@click.option("--opa-url", envvar="OPA_URL", default="", help="The OPA server; by default the variable OPA_URL.")
@click.option(
    "--plan", metavar="FILE", help="Judge a plan instead: what `pulumi preview --json` printed, or - for stdin."
)
@click.option(
    "--explain", "rule", metavar="RULE", help="Say what a rule is for and what to do about it; asks no server."
)
@JSON
@click.option("--sarif", "as_sarif", is_flag=True, help="One SARIF 2.1.0 document on stdout, for code scanning.")
def command(
    paths: tuple[Path, ...], opa_url: str, plan: str | None, rule: str | None, as_json: bool, as_sarif: bool
) -> None:
    """Ask OPA about every declaration at once; each violation is named with its file, line, rule, severity and remedy.

    Without DIR: PORTCULLIS_DECLARATIONS, else policies/access. With FILES the whole folder is judged, and only what
    these files break is told. A plan is judged beside the declarations and the incidents that
    the server (VAULT_ADDR) has open. Exit 1 when a rule objects, 2 when a declaration does not load, 3 when
    OPA gives no answer, whatever does not load.

    \b
    Examples:
      portcullis check
      portcullis check policies/access/production/order-router-fix.yaml
      portcullis check --sarif > check.sarif
      pulumi preview --json | portcullis check --plan -
      portcullis check --explain sharing
    """
    from containment.judgement import opa_url as named
    from policies.errors import InputError
    from rotation.checking.declarations import check
    from rotation.checking.plan import check_plan

    if as_json and as_sarif:
        raise InputError("--json or --sarif, not both")
    if rule:
        _explain(rule, as_json)
        return
    url = opa_url or named()
    checked = check_plan(plan, url, *_in_force()) if plan else check(paths, url)
    if as_sarif:
        from policies.rules import rules
        from rotation.checking.sarif import sarif

        emit(sarif(checked.violations, rules()), indent=2)
    elif as_json:
        violations = [asdict(v) for v in checked.violations]
        emit({"allow": checked.allow, "reasons": checked.reasons, "violations": violations})
    else:
        for reason in checked.reasons:
            say(one_line(reason))
        if checked.allow:
            say(f"{checked.counted} hold to every rule")
        elif checked.violations:
            progress("portcullis check --explain RULE says what a rule is for")
    if not checked.allow:
        raise SystemExit(checked.exit_code)


def _in_force() -> tuple[list[str] | None, Estate | None]:
    """Ids of the open incidents, as the server has them, and what the last apply declared; None for the ids when no
    server is named: whoever judges takes that for open."""
    from containment.adapters.vault import HvacVault
    from containment.incidents import lost

    if not os.environ.get("VAULT_ADDR"):
        return None, None
    vault = HvacVault.for_containment()
    return [i.id for i in lost.in_force(vault)], vault.compiled()


def _explain(name: str, as_json: bool) -> None:
    from policies.rules import find

    rule = find(name)
    if as_json:
        emit(asdict(rule))
    else:
        head = f"{rule.name}: {rule.title} ({rule.area}, {rule.severity})"
        for line in (head, "", *rule.description.splitlines(), ""):
            say(line)
        say(f"remedy     {rule.remedy}")
        say(f"reference  {rule.reference}")
        say(f"file       {rule.file}")
