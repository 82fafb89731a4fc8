"""One command a file or package, named like it, and loaded when it is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, cast

import click


class Commands(click.Group):
    """The commands in a package: `command` of each module and package in it whose name begins with a letter."""

    def __init__(self, *args: Any, package: str = __name__, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._folder = Path(__file__).resolve().parent.joinpath(*package.removeprefix(__name__).split("."))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        found = [*self._folder.glob("[a-z]*.py"), *(f.parent for f in self._folder.glob("[a-z]*/__init__.py"))]
        return sorted(f.stem.replace("_", "-") for f in found)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self._package}.{name.replace('-', '_')}")
        return cast(click.Command, module.command)
