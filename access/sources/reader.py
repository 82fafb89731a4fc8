"""Reads of a server, each refusal kept: what could not be read is said beside what was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from containment.compiled import operators
from containment.ports import Vault
from policies.errors import Unreachable

WORKERS = 8
_LONGEST = 200
Item = TypeVar("Item")
Found = TypeVar("Found")


class Reader:
    """`unread`: by path what the server said. Raises Unreachable when there is no server at all."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.now = vault.now()
        self._refused: dict[str, str] = {}

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(f"{path}: {said}" for path, said in sorted(self._refused.items()))

    def leave(self, path: str, why: str) -> None:
        self._refused[path] = why

    def read(self, path: str) -> dict[str, Any]:
        """Empty where there is nothing, and where it is refused."""
        return self._asked(path, lambda: self._vault.read(path)) or {}

    def keys(self, path: str) -> list[str]:
        return self._asked(path, lambda: self._vault.keys(path)) or []

    def each(self, items: Iterable[Item], look: Callable[[Item], Found]) -> list[Found]:
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(look, items))

    def _asked(self, path: str, ask: Callable[[], Found]) -> Found | None:
        try:
            return ask()
        except Unreachable as error:
            refused = f"refused; a token with the policy {operators.DRIFT} may read what is declared, root all"
            self._refused[path] = refused if "Forbidden" in str(error) else str(error)[:_LONGEST]
            return None
