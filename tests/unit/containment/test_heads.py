"""The heads on the server are in the order in which they were kept."""

from __future__ import annotations

from typing import Any

from containment.folder import heads


class Store:
    """Answers as KV version 2 does: the numbers of the versions are text, in the order of text."""

    def __init__(self, count: int, lost_at: int = 0) -> None:
        self._count, self._lost_at = count, lost_at

    def read(self, path: str) -> dict[str, Any]:
        if "/metadata/" in path:
            known = sorted(map(str, range(1, self._count + 1)))
            return {"current_version": self._count, "versions": {n: {"destroyed": False} for n in known}}
        number = int(path.partition("?version=")[2])
        lost = [f"h{n}" for n in range(1, number)] if number == self._lost_at else []
        return {"data": {"head": f"h{number}", "lost": lost}}

    def write(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"{path} was written: {data}")


def test_the_tenth_comes_after_the_ninth() -> None:
    assert heads.kept(Store(12), "I").heads == tuple(f"h{n}" for n in range(1, 13))


def test_what_was_lost_is_what_came_before() -> None:
    kept = heads.kept(Store(12, lost_at=11), "I")
    assert kept.heads == ("h11", "h12")
    assert set(kept.lost) == {f"h{n}" for n in range(1, 11)}
