"""Whether a database connection is as declared: pure. Pulumi's provider takes the address from its own state and never
asks the server, so that no refresh sees one that sends the manager's password elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from containment import names
from policies.model import DatabaseConnection, DatabaseSecret, Estate
from rotation.drift import whole

_PLUGIN = "postgresql-database-plugin"
_PASSWORD = re.compile(r"(//[^:/?#@]*):(?!\{\{password\}\}@)[^@/?#]*@")
_APART = (
    *("connection_details", "running_plugin_version"),
    *("max_open_connections", "max_idle_connections", "max_connection_lifetime", "password_authentication"),
)
"""Of a connection what sends no password anywhere and lets nobody in."""


def wrong(
    held: Mapping[str, Any] | None, connection: DatabaseConnection, estate: Estate, environ: Mapping[str, str]
) -> list[str]:
    """Parameters. One that is not there is Pulumi's to name, and so is a variable that is not set."""
    if held is None:
        return []
    secrets = (s.secret for s in estate.secrets if isinstance(s.secret, DatabaseSecret))
    wanted: dict[str, Any] = {
        "plugin_name": _PLUGIN,
        "allowed_roles": sorted(s.role for s in secrets if s.connection == connection.name),
        "username": connection.username,
        "username_template": names.USERNAME_TEMPLATE,
    }
    found = {**held, **(held.get("connection_details") or {})}
    address = str(found.pop("connection_url", ""))
    if "verify_connection" in found:  # not every server keeps it
        wanted["verify_connection"] = True
    declared = environ.get(connection.url_env)
    redirected = bool(declared) and _bare(str(declared)) != _bare(address)
    return [*(["connection_url"] if redirected else []), *whole.values(found, wanted, _APART)]


def _bare(url: str) -> str:
    """A password in it the server hides; where it belongs stands the template of it."""
    return _PASSWORD.sub(r"\1:@", url)
