"""`portcullis access explain`: what policies grant on a path, and which rule decides."""

from __future__ import annotations

import click

from rotation.terminal import JSON, emit


@click.command("explain")
@click.option(
    "--policy", "policies", multiple=True, metavar="F", help="An .hcl or .json policy; give it several times."
)
@click.option(
    "--entity", metavar="FILE", help="Whose values fill {{identity.…}}: as `bao read -format=json` shows one."
)
@click.option("--live", is_flag=True, help="F is a policy on the server and FILE an entity there, with all it gives.")
@JSON
@click.argument("path")
def command(policies: tuple[str, ...], entity: str | None, live: bool, as_json: bool, path: str) -> None:
    """Say which capabilities policies together grant on PATH, by which rule, and which other rules it shadowed.

    The answer is that of the server's `sys/capabilities`: of a path with a slash at its end, what a listing gets.

    \b
    Examples:
      portcullis access explain --policy app.hcl secret/data/app
      portcullis access explain --policy app.hcl --policy ops.hcl --entity ops.json secret/data/app --json
      portcullis access explain --live --policy default --entity ops cubbyhole/x
    """
    from access.paths import asked, mounts_of
    from policies.errors import InputError
    from rotation.asking import documents, sources, tables

    if not policies and not (live and entity):
        raise InputError("no policy; give --policy FILE, or --live with --policy NAME or --entity NAME")
    held = sources.from_server(policies, entity) if live else sources.from_files(policies, entity)
    question = asked(path, mounts_of(rule for a in held.attached for rule in a.policy.rules), {})
    found, left_out = held.acl.explain(question.path), held.acl.unresolved
    if as_json:
        emit(documents.explained(found, left_out, question.note))
        return
    if question.note:
        tables.say(question.note)
    tables.explained(found, left_out)
