"""`portcullis evidence`: collect an incident's evidence, check that it is what was sealed, write its report."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rotation.terminal import JSON, emit, say

if TYPE_CHECKING:
    from containment.adapters.vault import HvacVault
    from containment.folder.heads import Kept

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="PORTCULLIS_INCIDENTS",
    help="Folder that holds the incidents [PORTCULLIS_INCIDENTS; default: reports/security/incidents].",
)


@click.group("evidence")
def command() -> None:
    """Collect an incident's evidence, check it, write its report.

    \b
    Examples:
      portcullis evidence collect INC-7
      portcullis evidence verify INC-7
      portcullis evidence report INC-7
    """


@command.command("collect")
@click.argument("incident")
@click.option("--evidence-lost", is_flag=True, help="Begin a new chain that says which head's evidence is lost.")
@_FOLDER
@JSON
def collect_command(incident: str, evidence_lost: bool, folder: Path | None, as_json: bool) -> None:
    """Export audit records, write timeline and report, seal, keep the chain's head on the server.

    What cannot be had is named and the rest is sealed; exit 3 then. Run it again: what is new is appended to the chain.
    Evidence that was changed since it was sealed is not sealed again; exit 1. So is a folder that does not contain each
    head that the server keeps: restore it from a backup, or, where there is none, say so with --evidence-lost.

    \b
    Examples:
      portcullis evidence collect INC-7
      PORTCULLIS_AUDIT_LOG=/var/log/openbao/audit.log portcullis evidence collect INC-7 --json
    """
    from rotation.evidence.collect import collect
    from rotation.evidence.folder import INCIDENTS, incident_folder

    log = os.environ.get("PORTCULLIS_AUDIT_LOG")
    place = incident_folder(incident, folder or INCIDENTS)
    done = collect(incident, place, _vault(), Path(log) if log else None, evidence_lost)
    if as_json:
        emit({"incident": incident, **done.to_json()})
    else:
        say(f"collected: {done.events} events, {done.audit_records} audit records in {done.folder}")
        say(f"sealed: {done.head}")
        if done.vouched:
            say(f"VOUCHED {', '.join(done.vouched)}: sealed after the newest head on the server: look at them")
        for reason in done.missing:
            say(f"MISSING {reason}")
    if done.missing:
        raise SystemExit(3)


@command.command("verify")
@click.argument("incident")
@click.option("--head", help="Head of the hash chain as noted elsewhere; shows a manifest rewritten as a whole.")
@click.option("--offline", is_flag=True, help="Do not compare with the heads that the server keeps.")
@_FOLDER
@JSON
def verify_command(incident: str, head: str | None, offline: bool, folder: Path | None, as_json: bool) -> None:
    """Exit 1 when a file was edited, removed, added, reordered or linked since it was sealed; 3 when the server could
    not be asked, whatever was found here.

    What commands wrote since the last seal is told apart, as not sealed yet; exit 0. What came before it is as sealed.

    With VAULT_ADDR set, the heads that the server keeps must all be links of the chain, and the newest the last one: a
    manifest that was rewritten as a whole has none of them, and what was sealed since the newest may be anybody's.
    `collect` keeps the head of what it seals.

    \b
    Examples:
      portcullis evidence verify INC-7
      portcullis evidence verify INC-7 --offline --json
    """
    from containment.folder.chain import MANIFEST, unsealed
    from policies.errors import Unreachable
    from rotation.evidence.folder import INCIDENTS, Kind, Problem, incident_folder, verify

    place = incident_folder(incident, folder or INCIDENTS)
    error: Unreachable | None = None
    kept: Kept | None = None
    try:
        kept = None if offline else _kept(incident)
    except Unreachable as caught:  # said after what can be checked here was checked
        error = caught
    if error is not None and not place.exists():
        raise error
    on_server = kept.heads if kept else ()
    problems = verify(place, [*on_server, *([head] if head else [])], on_server[-1] if on_server else None)
    problems += [
        Problem(MANIFEST, Kind.CHAIN, f"version {n} of the head was taken away on the server")
        for n in (kept.gone if kept else ())
    ]
    compared = f"{len(kept.heads)} heads on the server" if kept and kept.heads else None
    reason = _not_compared(incident, offline, kept, error)
    since = unsealed(place) if not problems else []
    state = "does not hold" if problems else "holds up to the last seal" if since else "holds"
    if as_json:
        document = {"incident": incident, "holds": not problems, "state": state}
        document |= {"problems": [p.to_json() for p in problems], "unsealed": [asdict(a) for a in since]}
        document |= {"compared_with": compared, "not_compared": reason}
        emit({**document, "lost": list(kept.lost if kept else ())})
    else:
        for problem in problems:
            say(f"{problem.kind.upper():14} {problem.path}: {problem.detail}")
        say(f"compared with {compared}" if compared else f"not compared with the server: {reason}")
        if kept and kept.lost:
            say(f"{'LOST':14} what was sealed up to head {kept.lost[-1][:12]}…: declared lost, the chain begun anew")
        for addition in since:
            say(f"{'NOT SEALED YET':14} {addition.path}: {addition.lines} lines since the last seal")
        say(f"evidence of {incident}: {'does NOT hold' if problems else state}")
        if since:
            say(f"seal what came since: portcullis evidence collect {incident}")
    if error is not None:
        raise SystemExit(Unreachable.exit_code)
    if problems:
        raise SystemExit(1)


@command.command("report")
@click.argument("incident")
@_FOLDER
@JSON
def report_command(incident: str, folder: Path | None, as_json: bool) -> None:
    """Write report.html and seal it; with VAULT_ADDR set the server keeps the head. Evidence that was changed is shown
    in the report, not sealed again; exit 1. A file that somebody put there is shown and left for `collect` to seal. For
    what was sealed after the newest head on the server, which `verify` names, a person vouches with `collect`: the head
    is not kept; exit 1. A head that the server does not take is named, and so is the server's record where no run has
    had it; exit 3.

    \b
    Examples:
      portcullis evidence report INC-7
      portcullis evidence report INC-7 --json
    """
    from containment.folder import heads
    from containment.folder.chain import extended, head
    from policies.errors import Finding, PortcullisError, Unreachable
    from rotation.evidence.chronicle import UNRECORDED
    from rotation.evidence.folder import INCIDENTS, incident_folder
    from rotation.evidence.report import render

    place = incident_folder(incident, folder or INCIDENTS)
    if not place.is_dir():
        raise click.UsageError(f"no evidence for incident {incident}")
    refused = not_kept = unvouched = ""
    vault = _vault()
    try:
        if vault is not None:
            heads.require(vault, incident, place)
    except Unreachable as error:  # the report is written all the same
        not_kept = f"the chain's head is not kept on the server: {error}"
    before: str | None = None
    try:
        before = head(place)
        with extended(place) as (draft, touched):
            render(draft, touched)
    except Finding as error:
        refused = str(error)
    written, sealed = place / "report.html", None if refused else head(place)
    try:
        if vault is not None and sealed is not None and not not_kept:
            heads.follow(vault, incident, before, sealed)
    except Finding as error:
        unvouched = f"the chain's head is not kept on the server: {error}"
    except PortcullisError as error:  # the report is there all the same
        not_kept = f"the chain's head is not kept on the server: {error}"
    unrecorded = "" if (place / "incident.json").exists() else UNRECORDED
    missing = [words for words in (unrecorded, not_kept) if words]
    if as_json:
        document = {"incident": incident, "report": str(written), "head": sealed, "refused": refused}
        emit({**document, "unvouched": unvouched, "missing": missing})
    else:
        say(f"written: {written}")
        say(f"not sealed: {refused}" if refused else f"sealed: {sealed}")
        for words in (*filter(None, [unvouched]), *missing):
            say(f"MISSING {words}")
    if refused or unvouched or missing:
        raise SystemExit(Unreachable.exit_code if missing else Finding.exit_code)


def _vault() -> HvacVault | None:
    from containment.adapters.vault import HvacVault

    return HvacVault.from_environment() if os.environ.get("VAULT_ADDR") else None


def _kept(incident: str) -> Kept | None:
    from containment.folder import heads

    vault = _vault()
    return heads.kept(vault, incident) if vault else None


def _not_compared(incident: str, offline: bool, kept: Kept | None, error: Exception | None) -> str | None:
    if offline:
        return "--offline"
    if error is not None:
        return str(error)
    if kept is None:
        return "VAULT_ADDR is not set"
    return (
        None if kept.heads else f"it keeps no head of this evidence; `portcullis evidence collect {incident}` keeps one"
    )
