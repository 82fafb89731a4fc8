"""Policies in JSON, with the offset of every item, in the shape into which the server folds them.

The server's own reader takes more than JSON and drops what it does not know (a boolean or a list within a list): such
a text is not read here.
"""

from __future__ import annotations

import re

from access.literals import number, unquote
from access.tree import Item, Object, Reader, Source, Value

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
    | (?P<mark>[{}\[\],:])
    | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![0-9.eE]))
    | (?P<word>true|false|null)
    | (?P<end>\Z)
    )""",
    re.X | re.S,
)
_ESCAPE = re.compile(r"\\(?![bfnrtu\\\"])")
_FORBIDDEN = re.compile("[\x00\ue123\ud800-\udfff]")


def read(source: Source) -> list[Item]:
    """The folded items of the whole text. Raises RefusedPolicyError, UnsupportedPolicyError."""
    if found := _FORBIDDEN.search(source.text):
        raise source.unsupported(found.start(), f"illegal character {found.group()!r}")
    parser = _Parser(source)
    root = parser.value()
    parser.expect("end")
    return _fold(root.items if isinstance(root, Object) else [])


class _Parser(Reader):
    def _scan(self) -> None:
        match = _TOKEN.match(self._source.text, self._next)
        if match is None:
            raise self._source.unsupported(self._next, "not JSON")
        kind = match.lastgroup or ""
        self._next, self.text, self.at = match.end(), match.group(kind), match.start(kind)
        self.kind = self.text if kind == "mark" else kind

    def expect(self, kind: str) -> None:
        if self.kind != kind:
            raise self._source.unsupported(self.at, f"not JSON: {kind} is expected, not {self.text!r}")
        self._scan()

    def value(self) -> Value:
        value: Value
        match self.kind:
            case "{":
                return self._object()
            case "[":
                return self._list()
            case "string":
                value = self._string()
            case "number":
                value = number(self._source, self.at, self.text)
            case "word":
                value = "" if self.text == "null" else self.text == "true"
            case _:
                raise self._source.unsupported(self.at, f"not JSON: a value is expected, not {self.text!r}")
        self._scan()
        return value

    def _string(self) -> str:
        if _ESCAPE.search(self.text.replace("\\\\", "")):
            raise self._source.unsupported(self.at, "an escape that the server does not know")
        return unquote(self._source, self.at, self.text, interpolates=False)

    def _object(self) -> Object:
        self._enter()
        items: list[Item] = []
        while self.kind != "}":
            if items:
                self.expect(",")
            at = self.at
            if self.kind != "string":
                raise self._source.unsupported(at, f"not JSON: a name is expected, not {self.text!r}")
            key = self._string()
            self._scan()
            self.expect(":")
            items.append(Item((key,), self.value(), at))
        self._leave()
        return Object(items)

    def _list(self) -> list[Value]:
        self._enter()
        found: list[Value] = []
        while self.kind != "]":
            if found:
                self.expect(",")
            if self.kind in ("[", "word"):
                raise self._source.unsupported(self.at, f"the server drops {self.text!r} in a list: write HCL")
            found.append(self.value())
        self._leave()
        return found


def _fold(items: list[Item]) -> list[Item]:
    """`{"path": {"a": {…}}}` and `{"path": [{"a": {…}}]}` become `path "a" {…}`: an object of nothing but objects is
    its fields, each with one key more, and so is a list of nothing but objects."""
    folded = [one for item in items for one in _unfold(item)]
    return [Item(i.keys, Object(_fold(i.value.items)), i.at) if isinstance(i.value, Object) else i for i in folded]


def _unfold(item: Item) -> list[Item]:
    match item.value:
        case Object(items) if items and all(isinstance(i.value, Object) for i in items):
            return [one for i in items for one in _unfold(Item((*item.keys, *i.keys), i.value, i.at))]
        case list(values) if values and all(isinstance(v, Object) for v in values):
            return [one for value in values for one in _unfold(Item(item.keys, value, item.at))]
    return [item]
