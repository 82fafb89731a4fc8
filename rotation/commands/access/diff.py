"""`portcullis access diff`: who gains or loses what between two states of the declarations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from rotation.terminal import JSON, emit, progress, verbatim


@click.command("diff")
@click.argument("base")
@click.argument("head", required=False)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Declarations [PORTCULLIS_DECLARATIONS; default: policies/access]; revisions are of its repository.",
)
@click.option("--live", is_flag=True, help="BASE or HEAD is `server`: what it (VAULT_ADDR, VAULT_TOKEN) has in force.")
@click.option("--markdown", "as_markdown", is_flag=True, help="A comment for a pull request.")
@click.option("--sarif", "as_sarif", is_flag=True, help="SARIF 2.1.0, for code scanning.")
@JSON
def command(
    base: str, head: str | None, folder: Path | None, live: bool, as_markdown: bool, as_sarif: bool, as_json: bool
) -> None:
    """Name everybody who gains or loses a capability from BASE to HEAD, each with one request that shows it.

    BASE and HEAD are git revisions, or folders of declarations or of policies; HEAD is the working tree if it is not
    given. Worst first. Exit 1 when anybody gains: access widens; 3 when a part of the server could not be read.

    Of two revisions one line more, as wide, tells which files changed that decide access beside the declarations: all
    but docs/, tests/, reports/ and Markdown.

    With --live, `server` as BASE says what applying HEAD would change; as HEAD, who can do more on the server than is
    declared, the policy `default` included: it is compared with the one that a server makes. What logins must have,
    kinds of tokens, mounts and repositories are compared too; owners, tiers, what an incident does and database
    connections, which no server tells, are not.

    \b
    Examples:
      portcullis access diff origin/main
      portcullis access diff v1.4 v1.5 --json
      portcullis access diff origin/main HEAD --markdown > comment.md
      portcullis access diff policies.old policies.new
      portcullis access diff server --live
      portcullis access diff origin/main server --live
    """
    from access.diff.change import worst_first
    from access.diff.changes import changes
    from access.diff.code import of_code
    from access.diff.markdown import markdown
    from access.diff.sarif import sarif
    from policies.load import default_folder
    from rotation.asking import changes as shown
    from rotation.asking import sides

    where = folder or default_folder()
    unread: tuple[str, ...] = ()
    if live:
        before, after, unread = sides.with_server(base, head, where)
        found = changes(before, after, follow=False, now=datetime.now(UTC))
    else:
        now = datetime.now(UTC)
        with sides.side(base, where) as before, sides.side(head, where) as after:
            found = worst_first([*changes(before, after, now=now), *of_code(sides.code(base, head, where))])
    wider = any(c.widens for c in found)
    if as_json:
        document = {
            "base": base,
            "head": head or "working tree",
            "widens": wider,
            "changes": [c.to_json() for c in found],
            **({"unread": unread} if live else {}),
        }
        emit(document)
    elif as_sarif:
        emit(sarif(found))
    elif as_markdown:
        verbatim(markdown(found, base, head or "working tree"))
    else:
        shown.table(found)
    for reason in unread:
        progress(f"not read: {reason}")
    if wider or unread:
        raise SystemExit(3 if unread else 1)
