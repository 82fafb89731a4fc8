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
_REMEDIES = {
    "55P03": "somebody else holds the lock; how to find who: docs/incident_playbooks.md",
    "53200": _FULL,
    "XX000": "somebody alters it at the same time; run the same command again",
}
"""By SQLSTATE."""
_CONNECTING = (
    ("failed to resolve host", "its host name is not known"),
    ("timeout expired", "no answer in time"),
    ("connection is closed", "the connection was lost"),
    ("connection is lost", "the connection was lost"),
    ("server closed the connection", "the connection was lost"),
)


def cause(error: Any) -> str:
    """Of a psycopg.Error: what the server said, else why it could not be asked, on one line. Never the connection URL:
    one may have a password in it, against all advice, and the client library names what it could not read of it."""
    import psycopg

    said, diag = str(error), error.diag
    if diag.message_primary:
        detail = diag.message_detail if isinstance(error, psycopg.errors.DependentObjectsStillExist) else None
        words = [diag.message_primary, detail, diag.message_hint, _REMEDIES.get(str(diag.sqlstate))]
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
