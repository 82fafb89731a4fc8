"""What each apply keeps in the product's own store: what it has declared, is about to declare, and saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containment import estates, names
from containment.adapters.client import HvacClient, epoch
from containment.ports import Applied, Seen
from policies import codec
from policies.model import Estate

_COMPILED = f"{names.STORE}/data/compiled"
_DONE, _BEGUN = "estate", "begun"
"""What an apply keeps: the estate that it has declared, and until then the one that it is about to."""


class Applies(HvacClient):
    def __init__(self, address: str, token: str, ca: str | None) -> None:
        super().__init__(address, token, ca)
        self._estates: dict[str, Estate | None] = {}

    def compiled(self) -> Estate | None:
        """What the servers hold by the last apply, and by one that has begun and not come to its end. None before the
        first, and where it cannot be read."""
        held = self._held(self._last_apply() or {})
        return estates.unfinished(*held) if len(held) > 1 else next(iter(held), None)

    def done(self) -> Estate | None:
        """By the last apply that came to its end alone."""
        return next(iter(self._held({_DONE: (self._last_apply() or {}).get(_DONE)})), None)

    def applied(self, number: int = 0) -> Applied | None:
        """What an apply kept, by its version, from 1 on; 0 is the last. None when there is no such one."""
        stored = self._stored(f"{_COMPILED}?version={number}")
        if stored is None:
            return None
        about = stored["metadata"]
        return Applied(int(about["version"]), epoch(str(about["created_time"])), self._held(stored["data"] or {}))

    def _held(self, kept: Mapping[str, Any]) -> tuple[Estate, ...]:
        """What was done, what was begun, or both; none where either cannot be read. A run asks more than once, and a
        large one takes time to read."""
        texts = [str(kept[which]) for which in (_DONE, _BEGUN) if kept.get(which)]
        for text in texts:
            if text not in self._estates:
                self._estates[text] = codec.decode(text)
        held = [self._estates[text] for text in texts]
        return () if None in held else tuple(one for one in held if one)

    def _last_apply(self) -> dict[str, Any] | None:
        """What the last that can be read kept; None before the first, and where somebody has deleted it. Of one that
        somebody wrote over `applied` tells."""
        stored = self._stored(_COMPILED)
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

    def write_begun(self, estate: Estate) -> bool:
        """Before anything of it is declared, beside what another has begun that never came to its end. Whether anything
        was written: the same is not stored twice."""
        held = self._last_apply() or {}
        left = self._held({_BEGUN: held.get(_BEGUN)})
        if codec.encode(estate) == held.get(_DONE):
            return False
        begun = estates.unfinished(estate, left[0]) if left else estate
        return self._write_apply({**held, _BEGUN: codec.encode(begun)})

    def write_done(self, estate: Estate) -> bool:
        """Once all of it is declared; what else the last apply saw stays."""
        return self._write_apply({**(self._last_apply() or {}), _DONE: codec.encode(estate), _BEGUN: ""})

    def write_compiled(self, estate: Estate, repository_ids: Mapping[str, int], seen: Seen) -> bool:
        """The same in peace, with what it saw."""
        wanted = {_DONE: codec.encode(estate), _BEGUN: "", "repositories": dict(repository_ids), "seen": dict(seen)}
        return self._write_apply(wanted)

    def _write_apply(self, wanted: dict[str, Any]) -> bool:
        if {_BEGUN: "", **((self._stored(_COMPILED) or {}).get("data") or {})} == wanted:
            return False
        self.write(_COMPILED, {"data": wanted})
        return True
