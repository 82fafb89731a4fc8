"""What each apply keeps in the product's own store: what it has declared, is about to declare, and saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from containment import estates, names
from containment.adapters.client import HvacClient, epoch
from containment.ports import Applied, Seen
from policies import codec
from policies.errors import Unreachable
from policies.model import Estate

_COMPILED = f"{names.STORE}/data/compiled"
_DONE, _BEGUN, _LEFT = "estate", "begun", "left"
"""What an apply keeps: the estate that it has declared, until then the one that it is about to, and each that was begun
before and never ended, of which something may be left."""
_NOTHING: dict[str, Any] = {_BEGUN: "", _LEFT: []}
_MOST = 16
"""The server takes a megabyte (27 kB each with 1,000 declarations)."""
_OVER = 10
"""Tries over what others write meanwhile."""


class Applies(HvacClient):
    def __init__(self, address: str, token: str, ca: str | None) -> None:
        super().__init__(address, token, ca)
        self._estates: dict[str, Estate | None] = {}

    def compiled(self) -> Estate | None:
        """What the servers hold by the last apply, and by one that has begun and not come to its end. None before the
        first, and where it cannot be read."""
        held = self._held(self._last_apply() or {})
        return reduce(estates.unfinished, held) if held else None

    def applied(self, number: int = 0) -> Applied | None:
        """What an apply kept, by its version, from 1 on; 0 is the last. None when there is no such one."""
        stored = self._stored(f"{_COMPILED}?version={number}")
        if stored is None:
            return None
        about = stored["metadata"]
        return Applied(int(about["version"]), epoch(str(about["created_time"])), self._held(stored["data"] or {}))

    def _held(self, kept: Mapping[str, Any]) -> tuple[Estate, ...]:
        """What was done, what is left of others, what was begun; none where one of them cannot be read. A run asks more
        than once, and a large one takes time to read."""
        held = [self._decoded(text) for text in (kept.get(_DONE), *_left(kept), kept.get(_BEGUN)) if text]
        return () if None in held else tuple(one for one in held if one)

    def _decoded(self, kept: object) -> Estate | None:
        """None where there is none, or it cannot be read."""
        text = str(kept or "")
        if text and text not in self._estates:
            self._estates[text] = codec.decode(text)
        return self._estates.get(text)

    def _last_apply(self) -> dict[str, Any] | None:
        """What the last that can be read kept; None before the first, and where somebody has deleted it. Of one that
        somebody wrote over `applied` tells."""
        return self._readable(self._stored(_COMPILED))

    def _readable(self, stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if stored is None or stored["data"] is None:
            return None
        number: int = stored["metadata"]["version"]
        while stored is not None:
            kept: dict[str, Any] = stored["data"] or {}
            if self._held(kept):
                return kept
            number -= 1
            stored = self._stored(f"{_COMPILED}?version={number}") if number else None
        return None

    def repository_ids(self) -> dict[str, int]:
        """GitHub's id of each repository by its name, as the last apply saw them; none where an earlier version wrote,
        or where somebody has emptied them."""
        held = (self._last_apply() or {}).get("repositories")
        return dict(held) if isinstance(held, dict) else {}

    def seen(self) -> Seen | None:
        """What the last apply saw that no declaration says; None where an earlier version wrote, or another hand."""
        held = (self._last_apply() or {}).get("seen")
        return held if isinstance(held, dict) and all(isinstance(v, dict) for v in held.values()) else None

    def stands(self, estate: Estate, environment: str | None) -> Estate:
        """What the servers have once the stack of `environment` has declared its part of `estate`; None: all of it."""
        return self._stands(self._last_apply() or {}, estate, environment)

    def unended(self, estate: Estate, environment: str | None) -> tuple[Estate, ...]:
        """What applies before this one have begun and not ended, but for `estate` itself."""
        held = self._last_apply() or {}
        stands = self._stands(held, estate, environment)
        begun = (self._decoded(text) for text in (*_left(held), held.get(_BEGUN)))
        return tuple(one for one in begun if one not in (None, stands))

    def left(self) -> tuple[Estate, ...]:
        """What was done and each that was cut short before it, once an apply has looked at what is left of those; none
        where nothing was, and while another has begun."""
        held = self._last_apply() or {}
        return () if held.get(_BEGUN) or not _left(held) else self._held(held)

    def write_begun(self, estate: Estate, environment: str | None = None) -> bool:
        """Before anything of it is declared, beside what another has begun that never came to its end. `environment` as
        in `stands`. Whether anything was written: the same is not stored twice."""

        def begin(held: dict[str, Any]) -> dict[str, Any]:
            stands = self._stands(held, estate, environment)
            before = self._decoded(held.get(_BEGUN))
            if codec.encode(stands) == held.get(_DONE):
                return held
            if before is None or before == stands:
                return {**held, _BEGUN: codec.encode(stands)}
            left = list(dict.fromkeys((*_left(held), held[_BEGUN])))
            return {**held, _LEFT: left[-_MOST:], _BEGUN: codec.encode(estates.unfinished(stands, before))}

        return self._keep(begin)

    def write_done(self, estate: Estate, environment: str | None = None, *, left: bool = False) -> bool:
        """Once all of it is declared; what else the last apply saw stays. `left`: something is of one that was cut
        short."""
        return self._keep(lambda held: {**held, **self._ended(held, estate, environment, left=left)})

    def write_compiled(
        self,
        estate: Estate,
        repository_ids: Mapping[str, int],
        seen: Seen,
        environment: str | None = None,
        *,
        left: bool = False,
    ) -> bool:
        """The same in peace, with what it saw."""
        saw = {"repositories": dict(repository_ids), "seen": dict(seen)}
        return self._keep(lambda held: {**self._ended(held, estate, environment, left=left), **saw})

    def _stands(self, held: Mapping[str, Any], estate: Estate, environment: str | None) -> Estate:
        return estate if environment is None else estates.with_part(self._decoded(held.get(_DONE)), estate, environment)

    def _ended(self, held: Mapping[str, Any], estate: Estate, environment: str | None, *, left: bool) -> dict[str, Any]:
        """What another environment's stack has begun, and not ended, stays begun."""
        done = codec.encode(self._stands(held, estate, environment))

        def rest(text: str) -> str:
            begun = self._decoded(text)
            found = codec.encode(estates.with_part(begun, estate, environment)) if begun and environment else ""
            return "" if found == done else found

        begun = str(held.get(_BEGUN) or "")
        before = [*_left(held), *([begun] if begun not in ("", done) else [])] if left else map(rest, _left(held))
        return {_DONE: done, _BEGUN: rest(begun), _LEFT: list(dict.fromkeys(filter(None, before)))[-_MOST:]}

    def _keep(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        """Of what can be read; never over what another stack's run kept meanwhile. Whether anything was written."""
        for _ in range(_OVER):
            stored = self._stored(_COMPILED)
            wanted = change(self._readable(stored) or {})
            if {**_NOTHING, **((stored or {}).get("data") or {})} == {**_NOTHING, **wanted}:
                return False
            if self._put(_COMPILED, wanted, stored["metadata"]["version"] if stored else 0) is not None:
                return True
        raise Unreachable(f"vault: write {_COMPILED}: others write it all the time")


def _left(held: Mapping[str, Any]) -> list[str]:
    """None where an earlier version wrote, or another hand."""
    found = held.get(_LEFT)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
