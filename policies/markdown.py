"""Text that may be anybody's, made fit for Markdown on GitHub."""

from __future__ import annotations

from html import escape

from policies.plain import plain

_LONGEST = 300
_MARKS: dict[str, int | str | None] = {c: f"&#{ord(c)};" for c in "|*_`[]@#~!:\\"}


def code(text: str) -> str:
    """In `<code>`, where nobody is mentioned and nothing is a link; bounded, each mark of Markdown as its number."""
    bounded = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"<code>{escape(plain(bounded)).translate(str.maketrans(_MARKS))}</code>"
