"""A change of what decides over the declarations: one line, since no comparison of them tells what it does."""

from __future__ import annotations

from collections.abc import Sequence

from access.diff.change import Change, Risk
from access.snapshot import Place

_SHOWN = 5


def of_code(files: Sequence[str]) -> tuple[Change, ...]:
    """None without a file. It has no owner, and so is security's to approve."""
    if not files:
        return ()
    count = f"{len(files)} file{'s' * (len(files) > 1)}"
    shown = ", ".join([*files[:_SHOWN], *(["…"] if len(files) > _SHOWN else [])])
    return (
        Change(
            subject="code that decides access",
            what="changed",
            risk=Risk.HIGH,
            widens=True,
            reason="what it lets in, no comparison of declarations tells",
            place=Place(files[0], 1),
            production=True,
            after=f"{count}: {shown}",
            files=tuple(files),
        ),
    )
