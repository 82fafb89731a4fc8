"""`portcullis revoke`: what `vault lease revoke -prefix` claims to do, done and proven."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from rotation.terminal import JSON, emit, progress, say


@click.command("revoke")
@click.argument("path")
@click.option("--dry-run", is_flag=True, help="Say what lives there and how much of it is out; change nothing.")
@JSON
def command(path: str, dry_run: bool, as_json: bool) -> None:
    """Revoke the leases or tokens at PATH one by one, look each up afterwards, and see its database user gone.

    A KV store has no leases: exit 1 says so, whether its workloads can read the value, and what to do instead. Of
    tokens, the caller's own, the operator's and the break-glass ones are kept.

    \b
    Examples:
      portcullis revoke database/creds/settlement-readonly
      portcullis revoke auth/approle/login --dry-run
      portcullis revoke secret/data/trading/exchange --json
    """
    import sys

    from containment.adapters.vault import HvacVault
    from containment.incidents import lost
    from containment.opening import applied
    from containment.systems import from_environment
    from rotation.evidence import acts
    from rotation.issuing.places import Holds
    from rotation.issuing.revoke import revoke

    vault = HvacVault.from_environment()
    estate = applied(vault)
    result = revoke(from_environment(vault, estate), estate, path, progress, dry_run)
    document = {
        "path": result.place.path,
        "holds": result.place.holds,
        "found": result.found,
        "dry_run": dry_run,
        "kept": result.kept,
        "not_revoked": result.not_revoked,
        "instead": result.instead,
        "unseen": result.unseen,
        "effects": [asdict(e) for e in result.effects],
    }
    if not dry_run:
        still_open = [i.id for i in lost.in_force(vault)]
        output = json.dumps(document)
        for problem in acts.keep(still_open, "revoke", sys.argv, result.exit_code, output, result.effects):
            progress(problem)
    if as_json:
        emit(document)
    else:
        if result.place.holds is Holds.KV:
            say(f"nothing to revoke at {path}: a KV store has no leases")
        else:
            what = "tokens" if result.place.holds is Holds.TOKENS else "leases"
            done = "would be revoked" if dry_run else "out, none left" if not result.not_revoked else "out"
            say(f"{result.place.path}: {result.found} {what} {done}")
        for line in (*(f"kept: {k}" for k in result.kept), *result.instead, *result.unseen):
            say(line)
        for name in result.not_revoked:
            say(f"not revoked: {name}")
    if result.exit_code:
        raise SystemExit(result.exit_code)
