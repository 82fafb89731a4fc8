"""`portcullis tighten`: after an incident, what nobody needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotation.terminal import JSON, emit, progress, say, verbatim

if TYPE_CHECKING:
    from rotation.tightening.tighten import Tightened


@click.command("tighten")
@click.argument("incident")
@click.option(
    "--since", default="", help="As in 2026-01-31T12:00:00Z [default: 30 days before the incident was opened]."
)
@click.option("--until", default="", help="As in 2026-01-31T12:00:00Z [default: now].")
@click.option(
    "--audit",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The server's audit log; again for each rotated file (.gz too) and node [default: PORTCULLIS_AUDIT_LOG].",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the patch there."
)
@JSON
def command(incident: str, since: str, until: str, files: tuple[Path, ...], output: Path | None, as_json: bool) -> None:
    """Propose narrower declarations from what each workload and CI role really used; nothing is changed.

    What a login of its own did counts; what the product tried by itself does not, and what a token did that may be
    somebody else's keeps the grant. A log that does not cover the window proposes nothing, exit 3. Exit 0: every grant
    is in use; 1: some are not, and the patch on stdout, or in --output, takes them out.

    \b
    Examples:
      portcullis tighten INC-7 --output tighter.patch; git apply --check tighter.patch
      portcullis tighten INC-7 --audit audit.log --audit audit.log.1.gz
      portcullis tighten INC-7 --since 2026-01-01T00:00:00Z --json
    """
    from containment.adapters.vault import HvacVault
    from rotation.tightening.tighten import tighten

    named = os.environ.get("PORTCULLIS_AUDIT_LOG")
    logs = files or ((Path(named),) if named else ())
    progress(f"reading {len(logs)} audit log file{'s' * (len(logs) != 1)}")
    done = tighten(HvacVault.from_environment(), incident, logs, since, until)
    patch = done.proposal.patch if done.proposal else ""
    if output:
        _write(output, patch)
    if as_json:
        emit(done.to_json())
    else:
        _tell(done)
        if patch and not output:
            verbatim(f"{patch}\n")
    if done.exit_code:
        raise SystemExit(done.exit_code)


def _write(output: Path, patch: str) -> None:
    """Without a proposal it is empty, which `git apply` refuses: no older one stays there."""
    from policies.errors import InputError

    try:
        output.write_text(patch)
    except OSError as error:
        raise InputError(f"--output {output}: {error.strerror}") from error


def _tell(done: Tightened) -> None:
    from rotation.tightening.tighten import LIMITS

    log = done.to_json()["log"]
    said = [f"log: {log['records']} records from {log['first']} to {log['last']}, {log['torn_lines']} torn lines"]
    said += [f"{uses.verdict.value:8} {one}: {done.evidence[one]}" for one, uses in done.grants]
    said += [f"NOTHING IS PROPOSED: {why}" for why in done.missing]
    if done.proposal:
        said += [f"left     {r.file}:{r.line}: {r.field}: {why}" for r, why in done.proposal.left]
        count = sum(len(r.grants) for r in done.proposal.removals)
        said.append(f"{count} of {len(done.grants)} grants could go; apply in {done.proposal.root}: git apply FILE")
        said += [f"note     {limit}" for limit in LIMITS if count]
    for line in said:
        say(line)
