"""`portcullis drift`: what differs from the declarations."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from policies.plain import one_line
from rotation.terminal import JSON, emit, progress, say


@click.command("drift")
@click.option(
    "--stack", envvar="PULUMI_STACK", default="local", show_default=True, help="Or the variable PULUMI_STACK."
)
@click.option(
    "--config-file",
    type=click.Path(path_type=Path),
    help="The stack's settings; read, never written [default: Pulumi.STACK.yaml].",
)
@JSON
def command(stack: str, config_file: Path | None, as_json: bool) -> None:
    """Name what was changed behind the declarations' back and what exists on Vault and GitHub without one.

    Exit 0: none; 1: drift; 3: a system could not be read (in JSON `drift` is null then, unless some was seen). What an
    open incident has in force is no drift.

    \b
    Examples:
      portcullis drift
      portcullis drift --stack prod --json
    """
    from containment.adapters.vault import HvacVault
    from containment.systems import from_environment
    from policies.load import load
    from rotation.drift.compare import ROOT, drift

    estate = load()
    vault = HvacVault.from_environment()
    systems = from_environment(vault, estate)
    progress(f"refreshing stack {stack}, listing Vault and GitHub")
    found = drift(estate, vault, systems.code_host, stack, config_file or ROOT / f"Pulumi.{stack}.yaml")
    if as_json:
        seen = bool(found.changed or found.unmanaged)
        emit({**asdict(found), "drift": seen or (None if found.unread else False), "stack": stack})
    else:
        for title in ("changed", "unmanaged", "unread"):
            for name in getattr(found, title):
                say(f"{title}: {one_line(name)}")
        if not found.exit_code:
            say("no drift")
    if found.exit_code:
        raise SystemExit(found.exit_code)
