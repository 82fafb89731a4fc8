"""`portcullis rotate`: replace what leaked, and prove it."""

from __future__ import annotations

from typing import Any

import click

from rotation.terminal import JSON, emit, progress, say


def _vault() -> Any:
    from containment.adapters.custodian import HvacCustodian

    return HvacCustodian.from_environment()


def _words(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("is empty; it goes on record", param=parameter)
    return value.strip()


@click.group("rotate")
def command() -> None:
    """Replace every credential that leaked in an incident; production first, each proven dead and alive by use.

    \b
    Examples:
      portcullis rotate plan INC-7
      portcullis rotate run INC-7
      portcullis rotate status INC-7
    """


@command.command("plan")
@click.argument("incident")
@JSON
def plan_command(incident: str, as_json: bool) -> None:
    """What would be replaced, in which order and by which steps; nothing is touched.

    \b
    Example:
      portcullis rotate plan INC-7
    """
    from rotation.engine import planned

    what, _ = planned(_vault(), incident)
    if as_json:
        emit(what.to_json())
        return
    if what.notice:
        say(what.notice)
    for number, wave in enumerate(what.waves, 1):
        for credential in wave:
            again = "  (replaced; proven again)" if credential.proven else ""
            say(f"{number}  {credential.item:40} {credential.kind:13} {', '.join(credential.steps)}{again}")


@command.command("run")
@click.argument("incident")
@JSON
def run_command(incident: str, as_json: bool) -> None:
    """Rotate; exit 1 names what is not proven, exit 3 also which system did not let it be. Run again, it does what is
    left and proves the rest afresh.

    \b
    Examples:
      portcullis rotate run INC-7
      portcullis rotate run INC-7 --json
    """
    _run(incident, as_json, "run")


@command.command("resume")
@click.argument("incident")
@JSON
def resume_command(incident: str, as_json: bool) -> None:
    """Go on where a killed rotation stopped; the same as `run`, by the name one looks for.

    \b
    Example:
      portcullis rotate resume INC-7
    """
    _run(incident, as_json, "resume")


@command.command("status")
@click.argument("incident")
@JSON
def status_command(incident: str, as_json: bool) -> None:
    """What is proven and what is missing for the lift; exit 1 while something is.

    \b
    Example:
      portcullis rotate status INC-7
    """
    from rotation.audit_log import rfc3339
    from rotation.engine import status

    found = status(_vault(), incident)
    if as_json:
        emit(found)
    else:
        if found["lifted_at"]:
            say(f"incident {incident} is lifted, {rfc3339(found['lifted_at'])}; what was proven until then:")
        elif found["notice"]:
            say(found["notice"])
        for item in found["proofs"]:
            age = f"{item['age']} s ago" if item["age"] is not None else ""
            say(f"{'proven' if item['proven'] else 'MISSING':8} {item['item']:50} {age:12} {item['detail']}")
    if not all(item["proven"] for item in found["proofs"]):
        raise SystemExit(1)


@command.command("confirm")
@click.argument("incident")
@click.argument("item")
@click.option("--by", required=True, callback=_words, help="Who says so.")
@click.option("--note", required=True, callback=_words, help="What they did and saw.")
@click.option("--version", type=int, help="Of a secret rotated by hand: the one that they stored, which `run` names.")
@JSON
def confirm_command(incident: str, item: str, by: str, note: str, version: int | None, as_json: bool) -> None:
    """A named person's word for what no server can be asked; it is kept as a word, not as a proof.

    For a secret: that the value is changed at the other side and the old one refused there; it counts for
    the new version that is stored, and there must be one. With `--version`, only that they stored this version: its
    time and its writer, as the audit log has it, go on record too.

    For `audit-quiet` (`incident/audit-quiet`): that every use of what was retired, seen so far, is looked into. A later
    use is not covered.

    For a namespace or a login method that a lock-down cannot look into, and names: that it is meant. For a workflow run
    that GitHub never ends: that no runner has it. For `performance replication`: that the other clusters are seen to.

    \b
    Examples:
      portcullis rotate confirm INC-7 secret:partner-api-key --by "A. Roth" --note "ticket 4711: old key off"
      portcullis rotate confirm INC-7 secret:partner-api-key --version 5 --by "A. Roth" --note "the partner's new key"
      portcullis rotate confirm INC-7 audit-quiet --by "A. Roth" --note "our own monitoring, ticket 4712"
      portcullis rotate confirm INC-7 "namespace ops/" --by "A. Roth" --note "the platform team's own"
    """
    from rotation.engine import confirm

    detail = confirm(_vault(), incident, item, by, note, version)
    if as_json:
        emit({"incident": incident, "item": item, "by": by, "detail": detail})
    else:
        say(detail)
    progress(f"on record; now: portcullis rotate run {incident}")


def _run(incident: str, as_json: bool, word: str) -> None:
    from rotation.engine import run

    done = run(_vault(), incident, progress, word=word)
    if as_json:
        emit(done.to_json())
    else:
        for credential in done.credentials:
            say(f"{'rotated' if credential.holds else 'OPEN':8} {credential.item}")
        for item in done.open_items:
            say(f"not proven: {item}")
    if done.exit_code:
        raise SystemExit(done.exit_code)
