"""YAML text to plain data plus the line of every field, refusing what a declaration has no use for.

Built on PyYAML's event stream rather than its constructors: tags never construct anything, an alias is refused
before it is followed (no expansion), and size and depth are capped while reading.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from policies import fields
from policies.plain import plain

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Problem:
    """One offender: where it is and what to do about it."""

    file: str
    line: int
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return plain(f"{self.file}:{self.line}: {self.field or '(document)'}: {self.message} — {self.remedy}")


class Refused(Exception):
    """The text is not a document we read; carries the line (from 1), the message and the remedy."""

    def __init__(self, line: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line, self.message, self.remedy = line, message, remedy


@dataclass(frozen=True, slots=True)
class Document:
    """`lines`: of every field, by its name as `policies.fields` writes it."""

    data: Any
    lines: dict[str, int]


def parse(text: str) -> Document:
    """Read exactly one YAML document made of maps, lists, strings, integers and booleans.

    Raises Refused.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise Refused(1, f"larger than {MAX_BYTES} bytes", "split it: one object a file")
    try:
        return _one(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Refused(line, f"not valid YAML: {error.problem}", "mend the syntax") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise Refused(1, "not valid YAML: a character that YAML does not allow", "remove control characters") from error


def _one(events: Iterator[Any]) -> Document:
    """Read as they come: the parser takes seconds for what is nested deeper than we read."""
    next(events)  # the stream's start
    if isinstance(next(events), yaml.DocumentStartEvent):
        reader = _Reader(events)
        read = Document(reader.value("", 0), reader.lines)
        next(events)  # the document's end
        if isinstance(next(events), yaml.StreamEndEvent):
            return read
    raise Refused(1, "not exactly one document", "one object a file")


class _Reader:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self.lines: dict[str, int] = {}

    def value(self, path: str, depth: int) -> Any:
        return self._value(next(self._events), path, depth)

    def _value(self, event: Any, path: str, depth: int) -> Any:
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        if depth > MAX_DEPTH:
            raise Refused(line, f"nested deeper than {MAX_DEPTH}", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            raise Refused(line, "an alias", "write the value out: aliases are not read")
        if getattr(event, "tag", None) is not None:
            raise Refused(line, f"a tag ({event.tag})", "remove the tag: only plain values are read")
        if getattr(event, "anchor", None) is not None:
            raise Refused(line, "an anchor", "remove it: aliases are not read")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, fields.below(path, len(items)), depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise Refused(line, "a key that is not plain text", "use a plain string as key")
            if event.anchor is not None:
                raise Refused(line, "an anchor", "remove it: aliases are not read")
            _printable(event)
            if event.value in result:
                raise Refused(line, f"the key {event.value!r} twice", "keep one of them")
            field = fields.below(path, event.value)
            self.lines[field] = line
            result[event.value] = self.value(field, depth + 1)
        return result


def _printable(event: Any) -> None:
    """An escape in quotes can write what YAML forbids plainly; it would reach terminals, policies and paths."""
    if not event.value.isprintable() and any(
        unicodedata.category(character) == "Cc" and character not in "\n\t" for character in event.value
    ):
        raise Refused(event.start_mark.line + 1, "a control character", "remove control characters")


def _scalar(event: Any) -> str | int | bool:
    _printable(event)
    if event.implicit[0]:
        if event.value in _BOOLEANS:
            return _BOOLEANS[event.value]
        if (
            event.value.isascii()
            and event.value.isdigit()
            and len(event.value) < 10
            and str(int(event.value)) == event.value
        ):
            return int(event.value)
    return str(event.value)
