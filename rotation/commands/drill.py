"""`portcullis drill`: a real leak, contained on real servers."""

from __future__ import annotations

import click

from rotation.terminal import JSON, emit, progress, say


@click.command("drill")
@JSON
def command(as_json: bool) -> None:
    """Leak an exchange key, a database user, a secret_id, a CI token and a GitHub token at once, lock down with one
    `pulumi up`, attack again, rotate and lift. Nothing here rotates a GitHub token: the drill revokes it at GitHub.

    Exit 1 when a leaked credential still works, a service is still out, or the lift is refused.

    \b
    Examples:
      portcullis drill
      portcullis drill --json > drill.json
    """
    from drill.result import timeline
    from drill.run import run
    from sandbox.environment import here

    result, report = run(here(), progress)
    if as_json:
        emit(result.to_json())
    else:
        for line in timeline(result.seconds):
            say(line)
        say(f"{result.seconds['total']:.1f} s in all")
        say(f"verdict: {result.verdict}")
        say(f"report: {report}")
        say("the sandbox is still up: portcullis sandbox down stops it, sandbox reset removes it")
    if not result.held:
        raise SystemExit(1)
