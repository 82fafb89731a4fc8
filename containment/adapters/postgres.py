"""PostgreSQL over `psycopg`: end what a database credential still can do. Every statement commits on its own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, LiteralString, NoReturn

from containment.adapters.postgres_errors import INTERNAL, NO_ANSWER, OUT_OF_LOCKS, cause, in_the_way
from containment.ports import Owned
from policies import sql as templates
from policies.errors import TimedOut, Unreachable

_SESSION_DEADLINE = 10.0
_PATIENCE = 10.0
"""Seconds that a statement may take before it is asked whether the server still takes sessions."""
_STARTING = 0.25
"""Seconds that a session may start in: one that others open meanwhile is left alone."""
_TOLD = 20
_OLDEST = 160000


def _by_file(url: str) -> str:
    """Where PGPASSFILE is to serve, a PGPASSWORD that the shell happens to have would win over it: an empty password
    asks the file."""
    import psycopg

    if not os.environ.get("PGPASSFILE"):
        return url
    try:
        named = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return url  # told when it is opened
    return url if named.get("password") else psycopg.conninfo.make_conninfo(url, password="")


class PostgresDatabase:
    """Implements `containment.ports.Database` for one connection URL (password by PGPASSFILE)."""

    def __init__(self, url: str, manager: str) -> None:
        self._url, self._manager = _by_file(url), manager
        self._silent = False
        self._connection: Any = self._connect("connect")

    def _connect(self, what: str, **where: str) -> Any:
        import psycopg
        from psycopg import sql

        try:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5, **where)  # type: ignore[arg-type]
            with self._watched(connection):
                # A function of a user's own that fits the arguments better would run with the manager's rights.
                connection.execute("SET search_path = pg_catalog, pg_temp")
                connection.execute(f"SET lock_timeout = '{templates.LOCK_TIMEOUT}'")
                # The manager made the users, so it alone may alter them; membership is enough, its password is not
                # needed.
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self._manager)))
        except psycopg.Error as error:
            self._fail(what, error)
        return connection

    def _fail(self, what: str, error: Exception, remedy: str = "") -> NoReturn:
        words = NO_ANSWER if self._silent else cause(error, remedy)
        raise (TimedOut if words == NO_ANSWER else Unreachable)(f"postgresql: {what}: {words}") from error

    @contextmanager
    def _watched(self, connection: Any) -> Iterator[None]:
        """A server that is stopped keeps its sessions and says nothing in them, without end. One that takes no new
        session either has this one ended from here, and what waits for it fails."""
        import psycopg

        over = Event()

        def watch() -> None:
            while not over.wait(_PATIENCE):
                if not self._takes_sessions() and not over.is_set():
                    self._silent = True
                    gone = suppress(OSError, psycopg.Error)  # closed meanwhile
                    with gone, socket.socket(fileno=os.dup(connection.fileno())) as held:
                        held.shutdown(socket.SHUT_RDWR)
                    return

        Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _takes_sessions(self) -> bool:
        """Or refuses one, which is an answer."""
        import psycopg

        try:
            psycopg.connect(self._url, connect_timeout=5).close()
        except psycopg.Error as error:
            return cause(error) != NO_ANSWER
        return True

    def _rows(self, what: str, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        import psycopg

        try:
            with self._watched(self._connection):
                rows: list[tuple[Any, ...]] = self._connection.execute(query, values).fetchall()
        except psycopg.Error as error:
            self._fail(what, error)
        return rows

    def _run(self, what: str, template: str, user: str, connection: Any) -> None:
        """A block of `policies.sql`: nothing to do where the user is gone already."""
        import psycopg
        from psycopg import sql

        try:
            with self._watched(connection):
                connection.execute(template.replace("'{{name}}'", sql.Literal(user).as_string()))
        except psycopg.Error as error:
            self._fail(what, error, self._in_the_way(error, user, connection))

    def _in_the_way(self, error: Any, user: str, connection: Any) -> str:
        """`in_the_way`, and "" where nobody gets in to ask or the user has a session."""
        import psycopg

        if error.sqlstate not in (OUT_OF_LOCKS, INTERNAL):
            return ""
        query = (
            "SELECT (SELECT count(*) FROM pg_class WHERE relowner = u.oid AND relpersistence = 't' AND relkind = 'r'),"
            " (SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = u.oid"
            " AND deptype = 'o'), (SELECT count(*) FROM pg_locks WHERE NOT fastpath AND pid <> pg_backend_pid())"
            " FROM pg_roles u WHERE rolname = %s AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE usesysid = u.oid)"
        )
        try:
            self._connect("connect again").close()  # takes locks
            found = connection.execute(query, (user,)).fetchone()
        except (psycopg.Error, Unreachable):
            return ""
        return in_the_way(error.sqlstate, *found) if found else ""

    def lacks(self) -> str:
        """What a lock-down of its users would fail by, in words, or ""."""
        version = self._connection.info.server_version
        if version >= _OLDEST:
            return ""
        return (
            f"PostgreSQL {version // 10000} takes no `WITH INHERIT FALSE, SET FALSE`: no user could be dropped; 16 does"
        )

    def users(self, prefix: str) -> list[str]:
        """Users of one database role that can log in or still exist."""
        query = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY rolname"
        return [str(user) for (user,) in self._rows("list users", query, prefix)]

    def shut_out(self, user: str) -> None:
        """Sessions ended, NOLOGIN committed, and whoever came in between ended until none is left. Raises Unreachable
        when one is, or when NOLOGIN cannot be had in `policies.sql.PATIENCE` seconds: whoever logs in may do nothing
        then."""
        try:
            self._run(f"NOLOGIN of {user}", templates.no_login(), user, self._connection)
        except Unreachable as error:
            self._run(f"NOLOGIN and end of the rights of {user}", templates.no_rights(), user, self._connection)
            raise Unreachable(f"{error}; the rights of its grant are taken from it meanwhile") from error
        self._end_unlisted()
        self._end_sessions(user, "= (SELECT oid FROM pg_roles WHERE rolname = %s)", user)

    def end_orphans(self) -> None:
        """Sessions whose user is dropped: the server drops a user with a session that looks at no interrupt yet, or is
        not listed yet. Raises Unreachable when one is left."""
        self._end_unlisted()
        self._end_sessions("dropped users", "NOT IN (SELECT oid FROM pg_roles)")

    def _end_unlisted(self) -> None:
        """Sessions that passed the check of their login and are not in pg_stat_activity: `post_auth_delay`, which
        anybody may ask for, keeps one there for up to `authentication_timeout`. Whose they are the server does not say,
        so each that stays is ended. Raises Unreachable when one is left."""
        left = self._unlisted()
        if not left:
            return
        deadline = time.monotonic() + self._authentication_timeout() + _SESSION_DEADLINE
        while left:
            if time.monotonic() > deadline:
                pids = ", ".join(map(str, sorted(left)[:_TOLD]))
                raise Unreachable(f"postgresql: {len(left)} sessions that are not listed yet do not end: pid {pids}")
            time.sleep(_STARTING)
            left &= self._unlisted()
            for pid in left:
                self._terminate(pid)

    def _unlisted(self) -> set[int]:
        rows = self._rows(
            "list sessions that start",
            "SELECT pid FROM pg_locks WHERE locktype = 'virtualxid' AND pid NOT IN (SELECT pid FROM pg_stat_activity)",
        )
        return {int(pid) for (pid,) in rows}

    def _authentication_timeout(self) -> int:
        """Seconds."""
        query = "SELECT setting FROM pg_settings WHERE name = 'authentication_timeout'"
        return int(self._rows("read authentication_timeout", query)[0][0])

    def _terminate(self, pid: int) -> None:
        import psycopg

        try:
            with self._watched(self._connection):
                self._connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        except psycopg.errors.InsufficientPrivilege:
            return  # the server's own, or a superuser's
        except psycopg.Error as error:
            self._fail(f"end the session of pid {pid}", error)

    def _end_sessions(self, whose: str, which: LiteralString, *values: str) -> None:
        query = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid " + which  # noqa: S608
        deadline = time.monotonic() + _SESSION_DEADLINE
        while True:
            left = self._rows(f"end sessions of {whose}", query, *values)
            if not left:
                return
            if time.monotonic() > deadline:
                pids = ", ".join(str(pid) for pid, _ in left[:_TOLD])
                raise Unreachable(
                    f"postgresql: {len(left)} sessions of {whose} still alive: pid {pids}: told to end, which "
                    "each does when its query next looks for that; docs/incident_playbooks.md"
                )
            time.sleep(0.02)

    def owners(self, prefix: str) -> dict[str, Owned]:
        """Users of one database role that own something, in whichever database. The server counts: a user can make
        millions of large objects, which are the last to be told, since none of them runs with a right."""
        rows = self._rows(
            "list what users own",
            "SELECT r.rolname, c.total, ARRAY(SELECT CASE WHEN d.datname <> current_database()"
            " THEN 'something in database ' || d.datname"
            " ELSE coalesce(pg_describe_object(f.classid, f.objid, f.objsubid), 'something dropped since') END"
            " FROM (SELECT * FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'"
            " AND s.refobjid = r.oid ORDER BY s.classid = 'pg_largeobject'::regclass, s.classid, s.objid LIMIT %s)"
            " f LEFT JOIN pg_database d ON d.oid = f.dbid ORDER BY 1)"
            " FROM pg_roles r CROSS JOIN LATERAL (SELECT count(*) AS total FROM pg_shdepend s"
            " WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' AND s.refobjid = r.oid) c"
            " WHERE starts_with(r.rolname, %s) AND c.total > 0 ORDER BY 1",
            _TOLD,
            prefix,
        )
        return {
            str(user): Owned(total, tuple("".join(c if c.isprintable() else "?" for c in what) for what in first))
            for user, total, first in rows
        }

    def hand_over(self, user: str) -> None:
        """What the user owns goes to its group (`policies.sql.hand_over`), and its grants end: here, and in each other
        database that has any. No data is lost. Raises Unreachable with the name of a database that refuses."""
        self._run(f"hand over of {user}", templates.hand_over(), user, self._connection)
        self._hand_over_elsewhere(user)

    def _hand_over_elsewhere(self, user: str) -> None:
        for name in self._elsewhere(user):
            with self._connect(f"connect to database {name}", dbname=name) as connection:
                self._run(f"hand over in database {name} of {user}", templates.hand_over(), user, connection)

    def _elsewhere(self, user: str) -> list[str]:
        """Other databases with an object that keeps the user from being dropped: everybody may connect to `postgres`
        and `template1` by default, and make a large object there."""
        rows = self._rows(
            f"find what {user} owns",
            "SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE s.refclassid = 'pg_authid'::regclass AND d.datallowconn AND d.datname <> current_database()"
            " AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s) ORDER BY 1",
            user,
        )
        return [str(name) for (name,) in rows]

    def drop(self, user: str) -> None:
        """Hand over what the user owns, in whichever database, then drop it."""
        self._hand_over_elsewhere(user)
        self._run(f"drop of {user}", templates.revocation(), user, self._connection)

    def accepts(self, user: str, password: str) -> bool:
        """Whether this user can log in. Raises Unreachable when the server does not say."""
        import psycopg

        try:
            psycopg.connect(self._url, user=user, password=password, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if not self._may_log_in(user) or "password authentication failed" in str(error):
                return False
            self._fail("log in as a test user", error)
        return True

    def _may_log_in(self, user: str) -> bool:
        """By the catalogue: the server says why it refuses in its own language, and without a code."""
        rows = self._rows(f"look up {user}", "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", user)
        return any(can for (can,) in rows)

    def exercise(self, user: str, password: str, statements: Sequence[str]) -> None:
        """Run the statements as this user in one transaction, and take it back. Raises Unreachable when one fails."""
        import psycopg

        try:
            one = psycopg.connect(self._url, user=user, password=password, connect_timeout=5)
            with one as connection, self._watched(connection):
                for statement in statements:
                    connection.execute(statement.encode())
                connection.rollback()
        except psycopg.Error as error:
            self._fail("exercise the grant as a test user", error)
