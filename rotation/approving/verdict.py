"""The decision as people read it on the pull request: below the diff in one comment, and in a commit status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from policies.errors import InputError
from policies.markdown import code
from policies.plain import plain

CONTEXT = "portcullis/approval"
"""Of the commit status; branch protection requires it by this name."""

LONGEST_STATUS = 140
"""Characters that GitHub takes."""

_LIMIT = 65_000
"""Characters. GitHub takes 65,536 in a comment."""
_SHOWN = 10


def read_comment(name: Path) -> tuple[str, str]:
    """What `portcullis access diff --markdown` printed, and its first line, by which the comment is found again."""
    try:
        text = name.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from error
    marker = text.partition("\n")[0]
    if not (marker.startswith("<!-- portcullis ") and marker.endswith(" -->")):
        raise InputError(f"{name}: has no marker; give what `portcullis access diff --markdown` prints")
    return text, marker


def comment(diff: str, missing: Sequence[str]) -> str:
    """The verdict is never cut off: it stands before what may be."""
    marker, _, rest = diff.partition("\n")
    told = [marker, f"### {'Approved' if not missing else 'Not approved yet'}", ""]
    told += [f"- {code(reason)}" for reason in missing[:_SHOWN]]
    if len(missing) > _SHOWN:
        told.append(f"- {len(missing) - _SHOWN} more: run `portcullis approval` for all of them")
    text = "\n".join([*told, "", rest])
    return text if len(text) <= _LIMIT else f"{text[:_LIMIT]}…"


def description(missing: Sequence[str]) -> str:
    said = f"missing: {'; '.join(map(plain, missing))}" if missing else "every approval that policy demands"
    return said if len(said) <= LONGEST_STATUS else f"{said[: LONGEST_STATUS - 1]}…"
