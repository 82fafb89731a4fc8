"""A database that cannot be asked is told in words, without a piece of a connection URL."""

from __future__ import annotations

import socket

import psycopg
import pytest

from containment.adapters.postgres import PostgresDatabase
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
