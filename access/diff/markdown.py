"""The diff as one comment on a pull request: escaped, bounded, found again by its marker."""

from __future__ import annotations

from collections.abc import Sequence

from access.diff.change import Change, Risk
from policies.markdown import code

MARKER = "<!-- portcullis access diff -->"
"""First line of the comment; whoever posts looks for it and edits that comment instead of adding another."""

LIMIT = 60_000
"""Characters. GitHub takes 65,536 in a comment."""
_BUT = 5


def markdown(changes: Sequence[Change], base: str, head: str) -> str:
    own = [c for c in changes if not c.follows]
    wider = [c for c in own if c.widens]
    narrower = [c for c in own if not c.widens]
    follows = len(changes) - len(own)
    title = f"{len(wider)} wider, {len(narrower)} narrower" if own else nobody_but(follows)
    parts = [MARKER, f"### Access: {title}", "", f"{code(base)} to {code(head)}", ""]
    room = LIMIT - sum(map(len, parts)) - 1_000
    if wider:
        shown, room = _table(wider, room)
        parts += [*shown, ""]
    if narrower:
        shown, room = _table(narrower, room - 100)
        parts += [f"<details><summary>{len(narrower)} narrower</summary>", "", *shown, "", "</details>", ""]
    if own and follows:
        parts.append(f"{follows} rules of the product's own identities follow from these.")
    return "\n".join(parts) + "\n"


def nobody_but(follows: int) -> str:
    """Said where no line is a decision of its own."""
    ours = f" but the product's own identities, in {follows} rules that follow from the declarations"
    return f"nobody gains or loses anything{ours if follows else ''}"


def _table(changes: Sequence[Change], room: int) -> tuple[list[str], int]:
    lines = ["| risk | who | what | change | why | where |", "|---|---|---|---|---|---|"]
    for number, change in enumerate(changes):
        line = _row(change)
        room -= len(line) + 1
        if room < 0:
            return [*lines, "", f"{len(changes) - number} more: run `portcullis access diff` for all of them"], 0
        lines.append(line)
    return lines, room


def _row(c: Change) -> str:
    where = f"{c.place.file}:{c.place.line}" if c.place else ""
    what = " except ".join(filter(None, (c.what, ", ".join([*c.but[:_BUT], *(["…"] if len(c.but) > _BUT else [])]))))
    told = [c.risk.word if c.risk is not Risk.NARROWER else "", c.subject, what, said(c), c.reason, where]
    return "| " + " | ".join(code(cell) if cell else "" for cell in told) + " |"


def said(c: Change) -> str:
    """What changed, in words: `+read -list`, `4 to 8`."""
    if c.witness is None:
        return f"{c.before} to {c.after}" if c.before else c.after
    signs = [*(f"+{word}" for word in c.gained), *(f"-{word}" for word in c.lost)]
    how = " ".join(signs) or ("less must be met" if c.widens else "more must be met")
    return how if c.witness[1] == c.what else f"{how}, as in {c.witness[0]} {c.witness[1]}"
