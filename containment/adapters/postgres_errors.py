"""What PostgreSQL or the way to it refused, in words for a person."""

from __future__ import annotations

import re
from typing import Any

_LONGEST = 400
_REACHED = re.compile(r"connection to server .+")
_FULL = (
    "somebody holds so many locks that the server has room for none, nor for a session; how to get in: "
    "docs/incident_playbooks.md"
)
OUT_OF_LOCKS, INTERNAL = "53200", "XX000"
NO_ANSWER = "no answer in time"
_REMEDIES = {
    "55P03": "somebody else holds the lock; how to find who: docs/incident_playbooks.md",
    OUT_OF_LOCKS: _FULL,
    INTERNAL: "somebody alters it at the same time; run the same command again",
}
"""By SQLSTATE."""
_CONNECTING = (
    ("failed to resolve host", "its host name is not known"),
    ("timeout expired", NO_ANSWER),
    ("connection is closed", "the connection was lost"),
    ("connection is lost", "the connection was lost"),
    ("server closed the connection", "the connection was lost"),
)


def in_the_way(sqlstate: str, temporary: int, owned: int, held: int) -> str:
    """Of a user without a session that could not be handed over or dropped, though a new session gets its locks: what
    it has too much of, or "" when its SQLSTATE says it all. `temporary`: tables that the server could not remove at the
    end of their session, for they are more than it has locks for; autovacuum removes them one by one. `owned`: objects,
    these among them. `held`: locks that other sessions hold."""
    if sqlstate == OUT_OF_LOCKS and held > owned:
        return f"others hold {held} locks, which leaves too few; how to find who: docs/incident_playbooks.md"
    if temporary:
        return (
            f"left-over temporary tables of it, {temporary} of them: autovacuum removes them within a minute or so: "
            "wait, then run the same command again"
        )
    if sqlstate == OUT_OF_LOCKS:
        return f"it owns {owned} objects, more than the server has locks for at once: docs/incident_playbooks.md"
    return ""


def cause(error: Any, remedy: str = "") -> str:
    """Of a psycopg.Error: what the server said, else why it could not be asked, on one line. Never the connection URL:
    one may have a password in it, against all advice, and the client library names what it could not read of it.
    `remedy`: where more is known than the SQLSTATE."""
    import psycopg

    said, diag = str(error), error.diag
    if diag.message_primary:
        detail = diag.message_detail if isinstance(error, psycopg.errors.DependentObjectsStillExist) else None
        known = [remedy] if remedy else [diag.message_hint, _REMEDIES.get(str(diag.sqlstate))]
        words = [diag.message_primary, detail, *known]
        return _plain("; ".join(x for x in words if x))
    if reached := _REACHED.search(said):
        refused = reached[0].replace("FATAL:  ", "")
        return _plain(f"{refused}; {_FULL}" if refused.endswith("out of shared memory") else refused)
    if isinstance(error, psycopg.ProgrammingError):
        return "its connection URL cannot be read"
    return next((words for part, words in _CONNECTING if part in said), type(error).__name__)


def _plain(text: str) -> str:
    """Printable: who names an object chooses what is quoted."""
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST]
