"""`portcullis secrets-issue-dynamic`: revoke what a role has out, then issue one short credential."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from rotation.terminal import JSON, emit, progress, say, verbatim


@click.command("secrets-issue-dynamic")
@click.option(
    "--role", required=True, help="A CI role, a workload or a database secret; kind:name where it is unclear."
)
@click.option(
    "--token-env",
    default="VAULT_TOKEN",
    show_default=True,
    help="Variable that holds the token of who asks.",
)
@click.option("--ttl", default="30m", show_default=True, help="How long it lives: 90s, 15m; 30m at most.")
@click.option("--out", type=click.Path(path_type=Path), help="0600 file for it [default: a private one, printed].")
@click.option("--fd", type=int, help="An open descriptor for it instead, 3 or more.")
@click.option("--show", is_flag=True, help="Print it here instead.")
@click.option("--dry-run", is_flag=True, help="Ask OPA and count; change nothing.")
@JSON
def command(
    role: str,
    token_env: str,
    ttl: str,
    out: Path | None,
    fd: int | None,
    show: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Revoke every token and lease of a role, prove them dead, and issue a fresh credential of 30 minutes at most.

    The token of a CI role or workload is made with the rotator's, the file that PORTCULLIS_ROTATOR_TOKEN_FILE names.
    While an incident pauses the role, what was out is revoked all the same and nothing is issued; exit 1 says so.

    \b
    Examples:
      portcullis secrets-issue-dynamic --role cicd --token-env VAULT_TOKEN
      portcullis secrets-issue-dynamic --role settlement-readonly --ttl 15m --out ./settlement.json
      portcullis secrets-issue-dynamic --role cicd --fd 3 3>&1 >/dev/null | jq -r .token
      portcullis secrets-issue-dynamic --role cicd --dry-run --json
    """
    import os
    import sys

    from containment.adapters.custodian import HvacCustodian
    from containment.adapters.opa import Opa
    from containment.adapters.vault import HvacVault
    from containment.folder.decisions import Kept
    from containment.judgement import opa_url
    from containment.systems import from_environment
    from policies.errors import InputError
    from policies.load import load
    from rotation.evidence import acts
    from rotation.issuing import delivery, roles
    from rotation.issuing.issue import Deliver, issue, short

    if (out is not None) + (fd is not None) + show > 1:
        raise InputError("--out, --fd and --show: one of them")
    seconds = roles.ttl(ttl)
    estate = load()
    found = roles.find(role, estate)
    if not os.environ.get(token_env):
        raise InputError(f"the variable {token_env}, named by --token-env, is not set")
    vault = HvacVault.from_environment({**os.environ, "VAULT_TOKEN": os.environ[token_env]})
    shown: dict[str, str] = {}
    deliver: Deliver | None = None
    target = "the terminal" if show else ""
    if not dry_run:
        to = (
            None
            if show
            else delivery.ToDescriptor(fd)
            if fd is not None
            else delivery.ToFile(out or delivery.default_file(found.key))
        )
        deliver, target = (to, str(to)) if to is not None else (shown.update, target)
    result = issue(
        from_environment(vault, estate),
        HvacCustodian.from_environment,
        estate,
        Kept(Opa(opa_url())),
        found,
        seconds,
        deliver,
        progress,
    )
    line = result.why or f"issued for {result.role}: {result.issued.ttl if result.issued else 0} s, in {target}"
    document = {
        "role": result.role,
        "issued": None
        if result.issued is None
        else {"handle": short(found, result.issued), "ttl": result.issued.ttl, "to": target},
        "why": result.why,
        "incidents": list(result.incidents),
        "effects": [asdict(e) for e in result.effects],
    }
    if not dry_run:
        output, values = json.dumps(document), result.issued.values.values() if result.issued else ()
        for complaint in acts.keep(
            result.incidents, "secrets-issue-dynamic", sys.argv, result.exit_code, output, result.effects, values
        ):
            progress(complaint)
    if as_json:
        emit({**document, **({"credential": shown} if shown else {})})
    else:
        say(line)
        if shown:
            verbatim(delivery.document(shown))
    if result.exit_code:
        raise SystemExit(result.exit_code)
