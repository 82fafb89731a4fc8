"""A database user that leaked, and what a superuser sees of what it left."""

from __future__ import annotations

from typing import Any

import psycopg

from drill.actors import Actors
from sandbox.environment import Sandbox

MANAGER = "vault_manager"


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
