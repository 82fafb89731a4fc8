"""PostgreSQL over `psycopg`: end what a database credential still can do. Every statement commits on its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NoReturn

from policies.errors import Unreachable

_SESSION_DEADLINE = 10.0


class PostgresDatabase:
    """Implements `containment.ports.Database` for one connection URL (password by PGPASSFILE)."""

    def __init__(self, url: str, manager: str) -> None:
        import psycopg

        self._url = url
        try:
            self._connection: Any = psycopg.connect(url, autocommit=True, connect_timeout=5)
            # The manager made the users, so it alone may alter them; membership is enough, its password is not needed.
            self._execute("SET ROLE {}", manager)
        except psycopg.Error as error:
            self._fail("connect", error)

    def _fail(self, what: str, error: Exception) -> NoReturn:
        raise Unreachable(f"postgresql: {what}: {type(error).__name__}") from error

    def _execute(self, template: str, user: str) -> None:
        from psycopg import sql

        self._connection.execute(sql.SQL(template).format(sql.Identifier(user)))

    def _guard(self, what: str, template: str, user: str) -> None:
        import psycopg

        try:
            self._execute(template, user)
        except psycopg.errors.UndefinedObject:
            return  # gone already: what was wanted
        except psycopg.Error as error:
            self._fail(f"{what} of {user}", error)

    def users(self, prefix: str) -> list[str]:
        """Users of one database role that can log in or still exist."""
        import psycopg

        try:
            rows = self._connection.execute(
                "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY rolname", (prefix,)
            ).fetchall()
        except psycopg.Error as error:
            self._fail("list users", error)
        return [str(row[0]) for row in rows]

    def forbid_login(self, user: str) -> None:
        """NOLOGIN, committed before any session is ended: otherwise an attacker reconnects in between."""
        self._guard("NOLOGIN", "ALTER ROLE {} NOLOGIN", user)

    def end_sessions(self, user: str) -> int:
        """Terminate by user id until none is left. Returns how many are left after the deadline (0 is proof)."""
        import psycopg

        deadline = time.monotonic() + _SESSION_DEADLINE
        while True:
            try:
                left = self._connection.execute(
                    "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid ="
                    " (SELECT oid FROM pg_roles WHERE rolname = %s)",
                    (user,),
                ).fetchall()
            except psycopg.Error as error:
                self._fail(f"end sessions of {user}", error)
            if not left or time.monotonic() > deadline:
                return len(left)
            time.sleep(0.02)

    def drop(self, user: str) -> None:
        """Hand what the user owns in this database to the manager, then drop it. No data is lost."""
        self._guard("reassign", "REASSIGN OWNED BY {} TO CURRENT_USER", user)
        self._guard("drop owned", "DROP OWNED BY {}", user)
        self._guard("drop", "DROP ROLE IF EXISTS {}", user)

    def accepts(self, user: str, password: str) -> bool:
        """Whether this user can log in. Raises Unreachable when the server does not say."""
        import psycopg

        try:
            psycopg.connect(self._url, user=user, password=password, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error) or "not permitted to log in" in str(error):
                return False
            self._fail("log in as a test user", error)
        return True

    def exercise(self, user: str, password: str, statements: Sequence[str]) -> None:
        """Run the statements as this user in one transaction, and take it back. Raises Unreachable when one fails."""
        import psycopg

        try:
            with psycopg.connect(self._url, user=user, password=password, connect_timeout=5) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
                connection.rollback()
        except psycopg.Error as error:
            self._fail("exercise the grant as a test user", error)
