"""One stanza's arguments, taken with the types that the server takes them with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from access.rule import Allowed, Parameters
from access.tree import Item, Object, Source, Value

Taken = TypeVar("Taken")
_DURATION = re.compile(r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](?:\.[0-9]{1,6})?(?:Z|[+-][0-9][0-9]:[0-9][0-9])"
)
_LONGEST = 9.2e9  # seconds, about 292 years: what the server's durations hold


class Arguments:
    """The arguments of one block. Lists written twice are joined and of other arguments the last counts, as with the
    server. Of those in `once` the first says what type the second must have: two are not read."""

    def __init__(self, source: Source, items: Iterable[Item], known: Iterable[str], once: Iterable[str]) -> None:
        self._source = source
        self._items: dict[str, list[Item]] = {}
        names = set(known)
        for item in items:
            if item.keys[0] not in names:
                raise source.refused(item.at, f"{item.keys[0]}: no such argument; there are {', '.join(sorted(names))}")
            if len(item.keys) > 1:
                raise source.unsupported(item.at, f"{item.keys[0]}: write it as `{item.keys[0]} = …`")
            self._items.setdefault(item.keys[0], []).append(item)
        for name in once:
            if len(self._items.get(name, ())) > 1:
                raise source.unsupported(self.at(name), f"{name}: written twice")

    def strings(self, name: str) -> tuple[str, ...]:
        return tuple(self._text(i, v) for i in self._items.get(name, ()) for v in self._list(i, i.value))

    def string(self, name: str) -> str:
        return self._last(name, self._text, "")

    def seconds(self, name: str) -> float:
        return self._last(name, self._seconds, 0.0)

    def integer(self, name: str) -> int:
        return self._last(name, self._integer, 0)

    def instant(self, name: str) -> datetime | None:
        text = self.string(name)
        return self._instant(self._items[name][-1], text) if text else None

    def parameters(self, name: str) -> Parameters | None:
        if name not in self._items:
            return None
        found: dict[str, tuple[Allowed, ...]] = {}
        for outer in self._items[name]:
            if not isinstance(outer.value, Object):
                raise self._source.refused(outer.at, f"{name}: an object of lists is expected")
            for item in outer.value.items:
                if len(item.keys) > 1 or item.keys[0].lower() in found:
                    raise self._source.unsupported(item.at, f"{name}: {item.keys[0]}: write each parameter once")
                found[item.keys[0].lower()] = tuple(self._allowed(v) for v in self._list(item, item.value))
        return found

    def at(self, name: str) -> int:
        return self._items[name][0].at

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def _last(self, name: str, take: Callable[[Item, Value], Taken], default: Taken) -> Taken:
        """All must be of the type."""
        return [default, *(take(item, item.value) for item in self._items.get(name, ()))][-1]

    def _list(self, item: Item, value: Value) -> list[Value]:
        if isinstance(value, Object):
            raise self._source.unsupported(item.at, f"{item.keys[0]}: a list is expected, not an object")
        if not isinstance(value, list):
            raise self._source.refused(item.at, f"{item.keys[0]}: a list is expected, as in [{value!r}]")
        return value

    def _text(self, item: Item, value: Value) -> str:
        """A whole number is taken for its digits."""
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise self._source.refused(item.at, f"{item.keys[0]}: text in quotes is expected")

    def _allowed(self, value: Value) -> Allowed:
        if isinstance(value, Object):
            return tuple((item.keys[0], self._allowed(item.value)) for item in value.items)
        return tuple(map(self._allowed, value)) if isinstance(value, list) else value

    def _integer(self, item: Item, value: Value) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", value):
            return int(value)
        if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9][0-9a-fA-FxXoObB_]*", value):
            raise self._source.unsupported(item.at, f"{item.keys[0]}: write a plain decimal number")
        raise self._source.refused(item.at, f"{item.keys[0]}: a whole number is expected")

    def _seconds(self, item: Item, value: Value) -> float:
        refused = self._source.refused(item.at, f'{item.keys[0]}: a duration is expected, as in "90s" or "1h"')
        found: float
        if isinstance(value, (list, Object, bool)):
            raise refused
        if not isinstance(value, str):
            found = int(value)
        elif value == "":
            found = 0
        elif re.fullmatch(r"[-+]?[0-9]+d?", value):
            found = int(value.rstrip("d")) * (86400 if value.endswith("d") else 1)
        elif _DURATION.fullmatch(value):
            parts = re.findall(r"([0-9]+\.?[0-9]*|\.[0-9]+)([a-zµμ]+)", value)
            found = sum(float(amount) * _UNITS[unit] for amount, unit in parts) * (-1 if value[0] == "-" else 1)
        else:
            raise refused
        if abs(found) > _LONGEST:
            raise self._source.refused(item.at, f"{item.keys[0]}: no duration is that long")
        return found

    def _instant(self, item: Item, text: str) -> datetime:
        try:
            if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
                return datetime.fromtimestamp(int(text), UTC)
            if _INSTANT.fullmatch(text):
                return datetime.fromisoformat(text)
        except (ValueError, OverflowError, OSError):
            pass
        reason = f"{item.keys[0]}: write the time as 2030-01-31T12:00:00Z"
        raise (self._source.unsupported if re.match(r"[-+]?[0-9]", text) else self._source.refused)(item.at, reason)
