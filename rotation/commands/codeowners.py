"""`portcullis codeowners`: who GitHub asks for a review, from the declarations."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from rotation.terminal import JSON, emit, say


@click.command("codeowners")
@click.option(
    "--organization", envvar="GITHUB_OWNER", required=True, help="Whose teams they are; else the variable GITHUB_OWNER."
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the file is not what the declarations say.")
@JSON
def command(organization: str, check: bool, as_json: bool) -> None:
    """Write .github/CODEOWNERS of the repository that holds the declarations from the owners in them.

    What decides access beside the declarations, which is all but docs/, tests/, reports/ and Markdown, is security's.

    \b
    Examples:
      portcullis codeowners --organization tradepulse
      portcullis codeowners --organization tradepulse --check
    """
    from policies.codeowners import codeowners
    from policies.deciding import checkout
    from policies.errors import InputError
    from policies.load import called, default_folder, load
    from policies.thresholds import security_team

    folder = default_folder().resolve()
    root = next((p for p in folder.parents if (p / ".git").exists()), None)
    if root is None:
        raise InputError(f"{folder} is in no git repository; GitHub reads CODEOWNERS from one")
    named = folder / "any.yaml"
    below = named.relative_to(root).as_posix().removesuffix(called(named, folder)).rstrip("/")
    product = checkout(folder.relative_to(root).as_posix())
    text = codeowners(load(folder), organization, security_team(), below, product)
    file = root / ".github" / "CODEOWNERS"
    there = file.read_text() if file.is_file() else ""
    current = there == text
    if not check and not current:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    if as_json:
        emit({"file": str(file), "current": current, "written": not check and not current})
    elif check and not current:
        shown = difflib.unified_diff(there.splitlines(), text.splitlines(), "committed", "declared", lineterm="")
        for line in shown:
            say(line)
    else:
        say(f"{_shown(file)} {'is current' if current else 'written'}")
    if check and not current:
        raise SystemExit(1)


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
