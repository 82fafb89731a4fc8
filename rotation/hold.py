"""One process rotates an incident, and one each thing that leaked, at a time. The hold ends with the process that has
it, however that ends: a file lock beside the embedded database, a session's advisory lock on PostgreSQL. Whoever comes
second waits, and then finds the work done, or takes it over where the other was killed."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from containment.adapters.postgres_errors import cause
from policies.errors import InputError, Unreachable

DATABASE = "PORTCULLIS_ROTATION_DATABASE"
SQLITE = "sqlite:///"


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """`sqlite:///…` (the default, in the user's state folder, which is made) or `postgresql://…`. Raises InputError for
    anything else, and for a file in a folder that is not there: a name that is misspelt would be a second database,
    and two that rotate at once would not meet.

    A password belongs in PGPASSFILE, not in the URL.
    """
    home = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    url = environ.get(DATABASE) or f"{SQLITE}{home}/portcullis/rotation.sqlite"
    if not url.startswith((SQLITE, "postgresql://")):
        raise InputError(
            f"{DATABASE}: {url.partition(':')[0]}: is no store; give sqlite:///PATH or postgresql://HOST/NAME"
        )
    folder = Path(url.removeprefix(SQLITE)).parent
    if environ.get(DATABASE) and url.startswith(SQLITE) and not folder.is_dir():
        raise InputError(f"{DATABASE}: no folder {folder}; if it is the right one: mkdir -m 700 -p {folder}")
    return url


@contextmanager
def held(url: str, names: Sequence[str], joining: Callable[[str], None]) -> Iterator[None]:
    """Wait, name by name, until nobody else holds it; `joining` is called with one that somebody does. Raises
    Unreachable. Whoever holds several gives them in the order in which all others do."""
    with (_files if url.startswith(SQLITE) else _session)(url, names, joining):
        yield


@contextmanager
def _files(url: str, names: Sequence[str], joining: Callable[[str], None]) -> Iterator[None]:
    database = Path(url.removeprefix(SQLITE))
    with ExitStack() as stack:
        for name in names:
            try:
                database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(database, os.O_WRONLY | os.O_CREAT, 0o600))
                place = database.with_name(f"{database.name}.{name}.lock")
                lock = stack.enter_context(os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "w"))
            except OSError as error:
                raise Unreachable(f"rotation database {database}: {error.strerror}") from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                joining(name)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _session(url: str, names: Sequence[str], joining: Callable[[str], None]) -> Iterator[None]:
    import sqlalchemy

    with connected(url) as session:
        for name in names:
            number = int.from_bytes(hashlib.sha256(f"portcullis {name}".encode()).digest()[:8], "big", signed=True)
            take = sqlalchemy.text("SELECT pg_try_advisory_lock(:n)").bindparams(n=number)
            if not session.execute(take).scalar():
                joining(name)
                session.execute(sqlalchemy.text("SELECT pg_advisory_lock(:n)").bindparams(n=number))
            session.commit()
        yield


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A session on PostgreSQL. Raises Unreachable."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as session:
            yield session
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = cause(error.orig) if isinstance(error, sqlalchemy.exc.DBAPIError) else type(error).__name__
        raise Unreachable(f"rotation database: {said}") from error
    finally:
        engine.dispose()
