"""The diff as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from access.diff.change import Change
from access.diff.markdown import nobody_but, said
from policies.plain import plain

_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "narrower": "green"}


def table(changes: Sequence[Change]) -> None:
    own = [c for c in changes if not c.follows]
    console = Console() if Console().is_terminal else Console(width=160)
    if own:
        shown = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in ("risk", "who", "what", "change", "why", "where"):
            shown.add_column(column, overflow="fold")
        for c in own:
            what = (
                c.what
                + (f"\nexcept {', '.join(c.but)}" if c.but else "")
                + (f"\n{c.stands_for}" if c.stands_for else "")
            )
            where = f"{c.place.file}:{c.place.line}" if c.place else ""
            cells = (c.subject, what, said(c), c.reason, where)
            shown.add_row(Text(c.risk.word, style=_STYLE[c.risk.word]), *map(_text, cells))
        console.print(shown)
    wider = sum(c.widens for c in own)
    follows = len(changes) - len(own)
    also = f"; {follows} rules of the product's own identities follow from these" if follows else ""
    nobody = nobody_but(follows)
    console.print(Text(f"{wider} wider, {len(own) - wider} narrower{also}" if own else nobody))


def _text(cell: str) -> Text:
    return Text("\n".join(map(plain, cell.split("\n"))))
