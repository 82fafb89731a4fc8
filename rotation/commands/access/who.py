"""`portcullis access who`: everybody who reaches a path."""

from __future__ import annotations

from pathlib import Path

import click

from rotation.asking.sources import asked_of
from rotation.terminal import emit


@click.command("who")
@click.argument("path")
@asked_of
def command(path: str, folder: Path | None, live: bool, as_json: bool) -> None:
    """Name every workload, role, entity, group and policy that can reach PATH, with which capabilities, through what.

    PATH is an API path such as secret/data/app, or the name of a declared secret. Of a KV version 2 secret the other
    paths (metadata, delete, destroy, …) are told too. A token role stands once for each policy it allows; what a
    token with several of them can do beyond each alone, where they have rules on one pattern, is not told. The
    server's `default` policy is declared nowhere: only --live tells what it gives. Exit 3 when
    the token may not read all of it: what is missing is named.

    \b
    Examples:
      portcullis access who exchange-trading-key
      portcullis access who database/creds/settlement-readonly --live
      portcullis access who secret/data/app --folder policies.d --json
    """
    from access.paths import asked
    from access.questions import perhaps, who
    from rotation.asking import documents, sources, tables

    held = sources.snapshot(folder, live)
    question = asked(path, sources.mounts(held), held.secrets)
    found, unsure = who(held, question.paths), perhaps(held, question.paths)
    target = held.target(question.path)
    if as_json:
        document = {
            "path": question.path,
            "note": question.note,
            "paths": list(question.paths),
            "stands_for": documents.target(question.path, target) if target else None,
            "reach": documents.reaches(found),
            "perhaps": [documents.perhaps(p) for p in unsure],
            "unread": list(held.unread),
        }
        emit(document)
    else:
        if question.note:
            tables.say(question.note)
        if target:
            tables.say(f"a request at {question.path} gives: {tables.stands_for(target)}")
        tables.reaches(question.path, found)
        tables.perhaps(unsure)
    sources.end(held)
