"""`portcullis tools`: the programs that no Python package carries."""

from __future__ import annotations

import click

from rotation.terminal import JSON, emit, exports, progress, say


@click.group("tools")
def command() -> None:
    """Find or build pulumi, its plugins, opa and gitleaks.

    \b
    Examples:
      portcullis tools install
    """


@command.command()
@JSON
def env(as_json: bool) -> None:
    """Lines for a shell in which pulumi and opa are found. Example: eval "$(portcullis tools env)" """
    from tools.bootstrap import ensure

    (emit if as_json else exports)(ensure(progress).environ())


@command.command()
@click.option("--linters", is_flag=True, help="Also what only the tests use: regal and actionlint.")
@JSON
def install(linters: bool, as_json: bool) -> None:
    """Make every tool available; minutes the first time. Example: portcullis tools install"""
    from tools.bootstrap import ensure
    from tools.catalogue import CATALOGUE, LINTERS

    wanted = (*CATALOGUE, *LINTERS) if linters else CATALOGUE
    box = ensure(progress, wanted)
    if as_json:
        emit({f.tool.name: {"path": str(f.path), "from": f.origin} for f in box.tools})
    else:
        for f in box.tools:
            say(f"{f.tool.name:24} {f.version:9} {f.origin:6} {f.path}")
