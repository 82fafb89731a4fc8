"""PostgreSQL as it may be elsewhere: older, and in another language."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from containment.adapters.postgres import PostgresDatabase
from policies.errors import Unreachable


def _database(version: int = 160003, may: list[tuple[bool]] | None = None) -> PostgresDatabase:
    database = PostgresDatabase.__new__(PostgresDatabase)
    rows = SimpleNamespace(fetchall=lambda: may or [])
    connection: Any = SimpleNamespace(info=SimpleNamespace(server_version=version), execute=lambda *_: rows)
    database._url, database._silent, database._connection = "postgresql://none", False, connection
    return database


@pytest.mark.parametrize(("version", "words"), [(150008, "PostgreSQL 15 takes no `WITH INHERIT FALSE"), (160000, "")])
def test_one_that_is_too_old_is_told(version: int, words: str) -> None:
    assert _database(version).lacks().startswith(words)
    assert bool(_database(version).lacks()) == bool(words)


@pytest.mark.parametrize("may", [[], [(False,)], [(True,)]])
def test_a_refusal_is_one_in_any_language(monkeypatch: pytest.MonkeyPatch, may: list[tuple[bool]]) -> None:
    def connect(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("FATAL: Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen")

    monkeypatch.setattr(psycopg, "connect", connect)
    if may == [(True,)]:
        with pytest.raises(Unreachable, match="log in as a test user"):
            _database(may=may).accepts("x", "y")
    else:
        assert _database(may=may).accepts("x", "y") is False
