"""`python -m bench`: time to deny and whole lock-down, N declarations at a time."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import click

from bench.measure import Size, measure
from bench.table import table
from policies.errors import PortcullisError


def _sizes(_context: click.Context, _parameter: click.Parameter, value: str) -> list[int]:
    words = value.split(",")
    if not all(word.isdecimal() and 1 <= int(word) <= 9999 for word in words):
        raise click.BadParameter("comma-separated numbers from 1 to 9999")
    return [int(word) for word in words]


@click.command()
@click.option("--sizes", default="10,100,300,1000", show_default=True, callback=_sizes, help="Numbers of declarations.")
@click.option("--limit", default=300.0, show_default=True, help="Seconds after which the plain program is stopped.")
@click.option("--json", "file", type=click.Path(path_type=Path), default=None, help="Write the figures there too.")
def main(sizes: list[int], limit: float, file: Path | None) -> None:
    """Measure ours, a plain program and the bare API on real servers, and print the ratios.

    \b
    Examples:
      python -m bench --sizes 10,100
      python -m bench --json reports/bench.json
    """
    done: list[Size] = []
    try:
        for count in sizes:
            done.append(measure(count, limit, lambda message: click.echo(message, err=True)))
    except PortcullisError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)
    finally:
        if done:
            click.echo(f"{_machine()}\n\n{table(done)}")
            if file is not None:
                figures = {"machine": _machine(), "sizes": [asdict(size) for size in done]}
                file.write_text(json.dumps(figures, indent=2) + "\n")


def _machine() -> str:
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, load average {load}"


if __name__ == "__main__":
    main()
