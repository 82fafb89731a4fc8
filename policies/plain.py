"""Text that may be anybody's, made fit for a terminal: what it shows is what it says."""

from __future__ import annotations

import unicodedata

_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
"""Unicode categories of what is not seen, or moves what is: controls, directions, surrogates, separators."""


def one_line(text: str) -> str:
    """Each run of blanks and line breaks as one blank."""
    return " ".join(text.split())


def plain(text: str) -> str:
    """Each unseen character as its escape: `\\x1b`, `\\u202e`. A line stays one line."""
    return "".join(_escaped(c) if unicodedata.category(c) in _UNSEEN else c for c in text)


def entry(text: str) -> str:
    """Lines after the first are indented, so that a name with a line break in it passes for no entry of its own."""
    first, *rest = text.rstrip().replace("\t", "    ").split("\n")
    return "\n".join([plain(first), *(f"  {plain(line)}" for line in rest if line.strip())])


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
