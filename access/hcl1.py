"""HCL 1, the language of policies, with the offset of every item.

No Python package reads it without loss (docs/adr/0009). The grammar is closed and small; a real server is the oracle of
what is accepted.
"""

from __future__ import annotations

import re

from access.literals import heredoc, number, unquote
from access.tree import Item, Object, Reader, Source, Value

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    | (?P<word>[A-Za-z_][A-Za-z0-9_.-]*)
    | (?P<string>"(?:[^"\\\n$]|\\.|\$(?!\{)|\$\{[^{}"\\\n]*\})*")
    | (?P<mark>[{}\[\],=])
    | (?P<number>-?[0-9][0-9a-zA-Z.]*)
    | (?P<heredoc><<(?:(?P<plain>[A-Za-z0-9_]+)|(?P<dash>-)(?P<dashed>[A-Za-z0-9_]+))\n
        (?P<body>(?:[^\n]*\n)*?)
        (?P<indent>(?(dash)[ \t]+|[ \t]*))(?(dash)(?P=dashed)|(?P=plain))\n)
    | (?P<end>\Z)
    )""",
    re.X | re.S,
)
_FORBIDDEN = re.compile("[\x00\ue123\ud800-\udfff]")


def read(source: Source) -> list[Item]:
    """The items of the whole text. Raises RefusedPolicyError, UnsupportedPolicyError."""
    if found := _FORBIDDEN.search(source.text):
        raise source.refused(found.start(), f"illegal character {found.group()!r}")
    return _Parser(source).items(closing="")


class _Parser(Reader):
    """One token of look-ahead: `kind` (a mark is its own kind), `text`, `at`."""

    def _scan(self) -> None:
        source = self._source
        while True:
            match = _TOKEN.match(source.text, self._next)
            if match is None:
                raise self._illegal()
            self._next, kind = match.end(), match.lastgroup
            if kind == "comment":
                continue
            self._match, self.text = match, match.group(kind or 0)
            self.at = match.start(kind or 0)
            self.kind = self.text if kind == "mark" else kind or ""
            return

    def _illegal(self) -> Exception:
        text = self._source.text
        at = self._next
        while text[at] in " \t\r\n":
            at += 1
        rest = text[at : at + 1]
        if rest == '"' and "${" in text[at:].partition("\n")[0]:
            return self._source.unsupported(at, "write the string without `${`")
        if rest in '"</':
            return self._source.refused(at, "a string, comment or heredoc does not end")
        if rest.isalpha() and not rest.isascii():
            return self._source.unsupported(at, f"put the name that begins with {rest!r} in quotes")
        return self._source.refused(at, f"illegal character {rest!r}")

    def items(self, closing: str) -> list[Item]:
        found: list[Item] = []
        while self.kind != (closing or "end"):
            found.append(self._item())
            if self.kind == ",":
                self._scan()
        return found

    def _item(self) -> Item:
        keys: list[str] = []
        at = self.at
        while self.kind in ("word", "string"):
            if self.kind == "word" and self.text in ("true", "false"):
                break
            at = self.at
            keys.append(self._string() if self.kind == "string" else self.text)
            self._scan()
        if not keys:
            raise self._source.refused(self.at, f"a name is expected, not {self.text!r}")
        if self.kind == "{":
            return Item(tuple(keys), self._object(), at)
        if self.kind != "=":
            raise self._source.refused(self.at, f"`=` or `{{` is expected after {keys[-1]!r}")
        if len(keys) > 1:
            raise self._source.refused(self.at, f"{' '.join(keys)}: only one name can stand before `=`")
        self._scan()
        if self.kind == "end":
            raise self._source.unsupported(self.at, f"nothing is assigned to {keys[0]!r}")
        return Item((keys[0],), self._value(), at)

    def _value(self) -> Value:
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
            case "heredoc":
                value = heredoc(self._match["dash"] or "", self._match["body"], self._match["indent"])
            case "word" if self.text in ("true", "false"):
                value = self.text == "true"
            case _:
                raise self._source.refused(self.at, f"a value is expected, not {self.text!r}")
        self._scan()
        return value

    def _string(self) -> str:
        return unquote(self._source, self.at, self.text, interpolates=True)

    def _object(self) -> Object:
        self._enter()
        found = Object(self.items(closing="}"))
        self._leave()
        return found

    def _list(self) -> list[Value]:
        """Commas may be doubled, and none is needed after a list."""
        self._enter()
        found: list[Value] = []
        comma = True
        while self.kind != "]":
            if self.kind == ",":
                comma = True
                self._scan()
                continue
            if not comma:
                raise self._source.refused(self.at, f"`,` or `]` is expected, not {self.text!r}")
            comma = self.kind == "["
            found.append(self._value())
        self._leave()
        return found
