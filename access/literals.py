"""Strings, numbers and heredocs of HCL 1, as its own scanner takes them."""

from __future__ import annotations

import re

from access.tree import Source

_ESCAPE = re.compile(
    r'\\(?:([abfnrtv\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.|$))', re.S
)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_INTERPOLATION = re.compile(r"\$\{[^{}]*\}")


def unquote(source: Source, at: int, text: str, *, interpolates: bool) -> str:
    """The value of a string token with its quotes. Within `${…}` HCL keeps what is written, escapes too."""
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    if not interpolates:
        return _unescape(source, at, inner)
    parts, end = [], 0
    for found in _INTERPOLATION.finditer(inner):
        parts += [_unescape(source, at, inner[end : found.start()]), found.group()]
        end = found.end()
    return "".join([*parts, _unescape(source, at, inner[end:])])


def _unescape(source: Source, at: int, text: str) -> str:
    def value(match: re.Match[str]) -> str:
        plain, octal, byte, short, long, other = match.groups()
        if plain:
            return _PLAIN[plain]
        if other is not None:
            raise source.refused(at, f"no escape \\{other}")
        code = int(octal, 8) if octal else int(byte or short or long, 16)
        if (octal and code > 0o377) or code > 0x10FFFF:
            raise source.refused(at, f"no character {match.group()}")
        if ((octal or byte) and code > 0x7F) or 0xD800 <= code <= 0xDFFF:
            raise source.unsupported(at, f"{match.group()} is half a character: write the character itself")
        return chr(code)

    return _ESCAPE.sub(value, text)


def number(source: Source, at: int, text: str) -> int | float:
    """A decimal integer or fraction. HCL also has octal, hexadecimal and exponents, which no policy needs."""
    digits = text.removeprefix("-")
    if digits.isdigit() and (digits == "0" or digits[0] != "0"):
        if len(digits) > 18:
            raise source.unsupported(at, f"{text} is too large a number")
        return int(text)
    whole, dot, fraction = digits.partition(".")
    if dot and whole.isdigit() and fraction.isdigit():
        return float(text)
    raise source.unsupported(at, f"write {text} as a plain decimal number")


def heredoc(dash: str, body: str, indent: str) -> str:
    """`<<-` takes the end mark's indent from every line, if every line has it."""
    if not dash:
        return body + indent
    lines = body.split("\n")[:-1]
    if all(line.startswith(indent) for line in lines):
        return "".join(f"{line.removeprefix(indent)}\n" for line in lines)
    return body
