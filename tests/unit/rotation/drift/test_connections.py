"""A connection as it is declared is no drift; one that sends the manager's password elsewhere is named."""

from __future__ import annotations

from typing import Any

import pytest

from containment import names
from policies.load import load
from policies.model import DatabaseSecret
from rotation.drift import connections, contents

ESTATE = load()
(CONNECTION, *_) = ESTATE.connections
URL = "postgresql://{{username}}:{{password}}@db.example.com:5432/tradepulse?sslmode=verify-full"
ENVIRON = {CONNECTION.url_env: URL}
ROLES = [
    s.secret.role
    for s in ESTATE.secrets
    if isinstance(s.secret, DatabaseSecret) and s.secret.connection == CONNECTION.name
]
DETAILS = {
    "connection_url": URL,
    "disable_escaping": False,
    "max_open_connections": 2,
    "password_authentication": "password",
    "username": CONNECTION.username,
    "username_template": names.USERNAME_TEMPLATE,
}
HELD: dict[str, Any] = {
    "allowed_roles": ROLES,
    "connection_details": DETAILS,
    "password_policy": "",
    "plugin_name": "postgresql-database-plugin",
    "plugin_version": "",
    "root_credentials_rotate_statements": [],
}


def _wrong(held: dict[str, Any] | None, environ: dict[str, str] = ENVIRON) -> list[str]:
    return connections.wrong(held, CONNECTION, ESTATE, environ)


def _details(**more: Any) -> dict[str, Any]:
    return {**HELD, "connection_details": {**DETAILS, **more}}


@pytest.mark.parametrize(
    ("held", "named"),
    [
        (HELD, []),
        (None, []),
        ({**HELD, "allowed_roles": ROLES[::-1]}, []),
        ({**HELD, "allowed_roles": ["*"]}, ["allowed_roles"]),
        ({**HELD, "plugin_name": "theirs"}, ["plugin_name"]),
        ({**HELD, "plugin_version": "v9"}, ["plugin_version"]),
        ({**HELD, "password_policy": "short"}, ["password_policy"]),
        ({**HELD, "root_credentials_rotate_statements": ["SELECT 1"]}, ["root_credentials_rotate_statements"]),
        ({**HELD, "verify_connection": True}, []),
        ({**HELD, "verify_connection": False}, ["verify_connection"]),
        ({**HELD, "connection_details": {}}, ["connection_url", "username", "username_template"]),
        (_details(username="postgres"), ["username"]),
        (_details(username_template="x"), ["username_template"]),
        (_details(disable_escaping=True), ["disable_escaping"]),
        (_details(max_open_connections=50), []),
        (_details(connection_url=URL.replace("db.example.com", "evil")), ["connection_url"]),
        (_details(connection_url=URL.replace("verify-full", "disable")), ["connection_url"]),
        (_details(connection_url=URL.replace("{{username}}", "evil")), ["connection_url"]),
        (_details(connection_url=URL.replace("{{password}}", "x")), ["connection_url"]),
        (_details(connection_url=URL.replace("@", "@evil/@")), ["connection_url"]),
    ],
)
def test_what_is_not_as_declared(held: dict[str, Any] | None, named: list[str]) -> None:
    assert _wrong(held) == named


def test_a_password_that_the_server_hides_in_the_address() -> None:
    mine = "postgresql://manager:s3cret@db/tradepulse"
    hidden = _details(connection_url="postgresql://manager:xxxxx@db/tradepulse")
    assert _wrong(hidden, {CONNECTION.url_env: mine}) == []
    assert _wrong(hidden, {CONNECTION.url_env: mine.replace("@db", "@other")}) == ["connection_url"]


def test_a_variable_that_is_not_set_leaves_the_rest_compared() -> None:
    """That one is missing Pulumi says of the same run."""
    assert _wrong({**HELD, "plugin_name": "theirs"}, {}) == ["plugin_name"]


def test_each_declared_connection_is_read() -> None:
    (what, (path, judge)), *_ = contents._connections(ESTATE, ENVIRON).items()
    assert (what, path) == ("database connection database tradepulse", "database/config/tradepulse")
    assert judge(_details(connection_url="postgresql://evil/")) == ["connection_url"]
    assert len(contents._connections(ESTATE, {})) == len(ESTATE.connections)
