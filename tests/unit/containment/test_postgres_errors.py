"""A database that cannot be asked is told in words, without a piece of a connection URL."""

from __future__ import annotations

import socket

import psycopg
import pytest

from containment.adapters.postgres import PostgresDatabase
from containment.adapters.postgres_errors import in_the_way
from policies.errors import Unreachable


@pytest.fixture
def closed() -> str:
    """A port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "postgresql://u:hunter2@127.0.0.1:{}/db",
            'connection to server at "127.0.0.1", port {} failed: Connection refused',
        ),
        ("postgresql://u:a@hunter2@127.0.0.1:{}/db", "its host name is not known"),
        ("postgresql://u:a hunter2@127.0.0.1:{}/db", "its connection URL cannot be read"),
        ("postgresql://u:a%hunter2@127.0.0.1:{}/db", "its connection URL cannot be read"),
        ("postgresql://u:1/hunter2@127.0.0.1:{}/db", "its host name is not known"),
        ("postgresql://u@127.0.0.1:{}/db?sslmode=hunter2", "OperationalError"),
    ],
)
def test_why_it_cannot_be_asked(closed: str, url: str, words: str) -> None:
    with pytest.raises(Unreachable) as raised:
        PostgresDatabase(url.format(closed), "manager")
    assert str(raised.value) == f"postgresql: connect: {words.format(closed)}"
    assert isinstance(raised.value.__cause__, psycopg.Error)


@pytest.mark.parametrize(
    ("url", "file", "password"),
    [
        ("postgresql://u@127.0.0.1/db?sslmode=disable", "pgpass", ""),
        ("postgresql://u@127.0.0.1/db?sslmode=disable", "", None),
        ("postgresql://u:own@127.0.0.1/db?sslmode=disable", "pgpass", "own"),
    ],
)
def test_the_file_of_passwords_goes_before_the_shells_password(
    url: str, file: str, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq takes PGPASSWORD where no password is named, and the file where that is empty."""
    asked: list[str] = []

    def connect(conninfo: str, **_: object) -> None:
        asked.append(conninfo)
        raise psycopg.OperationalError("no")

    monkeypatch.setenv("PGPASSFILE", file)
    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(Unreachable):
        PostgresDatabase(url, "manager")
    named = psycopg.conninfo.conninfo_to_dict(asked[0])
    assert (named.get("password"), named["user"], named["sslmode"]) == (password, "u", "disable")


@pytest.mark.parametrize(
    ("sqlstate", "temporary", "owned", "held", "words"),
    [
        ("53200", 12000, 12001, 3, "left-over temporary tables of it, 12000 of them: autovacuum removes them"),
        ("XX000", 400, 401, 3, "left-over temporary tables of it, 400 of them: autovacuum removes them"),
        ("XX000", 400, 401, 9000, "left-over temporary tables of it, 400 of them: autovacuum removes them"),
        ("53200", 400, 401, 9000, "others hold 9000 locks, which leaves too few"),
        ("53200", 0, 12000, 3, "it owns 12000 objects, more than the server has locks for at once"),
        ("XX000", 0, 12000, 3, ""),
    ],
)
def test_what_a_user_left_is_told_from_locks_that_are_held(
    sqlstate: str, temporary: int, owned: int, held: int, words: str
) -> None:
    told = in_the_way(sqlstate, temporary, owned, held)
    assert told.startswith(words)
    assert bool(told) == bool(words)
