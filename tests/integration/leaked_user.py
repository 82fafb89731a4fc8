"""A database user that leaked, and what a superuser sees of what it left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread, Timer
from typing import Any

import psycopg

from drill.actors import Actors
from sandbox.environment import Sandbox

MANAGER = "vault_manager"
OWN_ROW = "ALTER ROLE CURRENT_USER PASSWORD 'another'"
_PATIENCE = 40.0
_FEW, _BUSY = 500, 12.0
"""Points that are tried, and seconds."""
_REFUSED = ("password authentication failed", "not permitted to log in", "invalid role OID")


def issue(sandbox: Sandbox, workload: str, role: str) -> dict[str, str]:
    """A credential: its values and its lease."""
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id(workload))
    answer = actors.call("GET", f"database/creds/{role}", token=token)
    return {**answer["data"], "lease": answer["lease_id"]}


def issue_by_root(sandbox: Sandbox, role: str) -> dict[str, str]:
    """The same whatever is denied: what a workload gets once its path is open again."""
    answer = Actors(sandbox).call("GET", f"database/creds/{role}", token=sandbox.openbao.root_token())
    return {**answer["data"], "lease": answer["lease_id"]}


def session(sandbox: Sandbox, leaked: dict[str, str], database: str = "tradepulse") -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1",
        port=sandbox.postgres.port,
        dbname=database,
        user=leaked["username"],
        password=leaked["password"],
        autocommit=True,
    )


def superuser(sandbox: Sandbox, database: str, *statements: str) -> None:
    with sandbox.postgres.superuser(database) as connection:
        for statement in statements:
            connection.execute(statement)


def one(connection: Any, query: str, *values: object) -> Any:
    row = connection.execute(query, values or None).fetchone()
    return row[0] if row else None


def exists(sandbox: Sandbox, user: str) -> bool:
    with sandbox.postgres.superuser() as connection:
        return bool(one(connection, "SELECT count(*) FROM pg_roles WHERE rolname = %s", user))


@contextmanager
def holding(connection: psycopg.Connection[Any], *statements: str) -> Iterator[None]:
    """A transaction that is not ended. In the end it is, so that what waits for it fails a test instead of hanging."""
    with suppress(psycopg.OperationalError), connection:
        end = Timer(_PATIENCE, connection.close)
        end.start()
        try:
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement.encode())
            yield
        finally:
            end.cancel()


FILL = """DO $$ BEGIN FOR i IN 1..10000000 LOOP PERFORM pg_advisory_lock(i); END LOOP;
EXCEPTION WHEN out_of_memory THEN NULL; END $$"""


@contextmanager
def filling(sandbox: Sandbox, leaked: dict[str, str]) -> Iterator[None]:
    """Sessions that hold every lock that the server has room for, and come back until they are refused."""
    full = Event()

    def work(enough: Event) -> None:
        while not enough.is_set():
            try:
                with session(sandbox, leaked) as connection:
                    while not enough.is_set():
                        connection.execute(FILL.encode())
                        full.set()
                        time.sleep(0.01)
            except psycopg.Error as error:
                if any(words in str(error) for words in _REFUSED):
                    return

    with crowd(work, 3):
        assert full.wait(_PATIENCE)
        yield


@contextmanager
def starting(sandbox: Sandbox, leaked: dict[str, str], role: str, seconds: int) -> Iterator[list[object]]:
    """A session that is let in and not listed for so long, and then acts as `role`. Yields what came of it, in the end
    what it read."""
    seen: list[object] = []

    def work() -> None:
        try:
            with psycopg.connect(
                host="127.0.0.1",
                port=sandbox.postgres.port,
                dbname="tradepulse",
                user=leaked["username"],
                password=leaked["password"],
                options=f"-c post_auth_delay={seconds} -c role={role}",
            ) as connection:
                seen.append(one(connection, "SELECT count(*) FROM analytics.daily"))
        except psycopg.Error as error:
            seen.append(error)

    thread = Thread(target=work)
    thread.start()
    try:
        time.sleep(2)
        yield seen
    finally:
        thread.join()


@contextmanager
def flooding(sandbox: Sandbox, leaked: dict[str, str], times: int = 8) -> Iterator[list[Thread]]:
    """Sessions that alter the user's own row without end, and come back until they are refused."""
    with session(sandbox, leaked) as connection:
        made = connection.pgconn.encrypt_password(
            leaked["password"].encode(), leaked["username"].encode(), b"scram-sha-256"
        ).decode()
    alter = f"ALTER ROLE CURRENT_USER PASSWORD '{made}'".encode()

    def work(enough: Event) -> None:
        while not enough.is_set():
            try:
                with session(sandbox, leaked) as connection:
                    while not enough.is_set():
                        with suppress(psycopg.errors.InternalError_):  # one of the others was first
                            connection.execute(alter)
            except psycopg.Error as error:
                if any(words in str(error) for words in _REFUSED):
                    return

    with crowd(work, times) as threads:
        yield threads


@contextmanager
def crowd(work: Callable[[Event], None], times: int) -> Iterator[list[Thread]]:
    """So many at once, until each has ended by itself or is told that it is enough."""
    enough = Event()
    threads = [Thread(target=work, args=(enough,)) for _ in range(times)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        enough.set()
        for thread in threads:
            thread.join()


@contextmanager
def busy(sandbox: Sandbox, leaked: dict[str, str], *before: str) -> Iterator[None]:
    """A session whose query looks at no interrupt for so long, on this machine: nobody ends it, and it is awaited."""
    connection = session(sandbox, leaked)
    for statement in before:
        connection.execute(statement.encode())
    began = time.monotonic()
    connection.execute(_distance(_FEW))
    points = int(_FEW * (_BUSY / (time.monotonic() - began)) ** 0.5)

    def work() -> None:
        with suppress(psycopg.OperationalError), connection:
            connection.execute(_distance(points))

    thread = Thread(target=work)
    thread.start()
    try:
        time.sleep(1)  # its first steps, which take milliseconds, can still be ended
        yield
    finally:
        thread.join()


def _distance(points: int) -> bytes:
    """Of two paths: its time grows with the square of their points."""

    def path(ending: str) -> str:
        return f"(SELECT ('[' || string_agg(format('(%s,%s)', i, {ending}), ',') || ']')::path FROM points)"  # noqa: S608

    numbers = f"WITH points AS (SELECT generate_series(1, {points}) AS i)"
    return f"{numbers} SELECT {path('i % 7')} <-> {path('i % 5 + 100')}".encode()
