"""The real systems from the environment, each opened when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from containment.ports import CodeHost, Database, Prober, Upstream, Vault
from containment.run import Systems
from policies.errors import InputError
from policies.model import Estate


def from_environment(vault: Vault, estate: Estate, environ: Mapping[str, str] = os.environ) -> Systems:
    connections = {c.name: c for c in estate.connections}

    def variable(name: str) -> str:
        if not environ.get(name):
            raise InputError(f"environment variable {name} is not set")
        return environ[name]

    def database(name: str) -> Database:
        from containment.adapters.postgres import PostgresDatabase

        connection = connections.get(name)
        if connection is None:
            raise InputError(f"the connection {name!r} is declared nowhere: declare it, and it is looked at")
        return PostgresDatabase(variable(connection.containment_url_env), connection.username)

    @cache
    def upstream(name: str) -> Upstream:
        from containment.adapters.exchange import HttpExchange

        prefix = name.upper().replace("-", "_")
        return HttpExchange(
            variable(f"{prefix}_URL"), Path(variable(f"{prefix}_ADMIN_KEY_FILE")), environ.get("SSL_CERT_FILE")
        )

    @cache
    def code_host() -> CodeHost:
        from containment.adapters.github import GithubHost

        return GithubHost.from_environment(environ)

    @cache
    def prober() -> Prober:
        from containment.adapters.minter import HvacProber

        return HvacProber.from_environment(environ)

    return Systems(vault, database, upstream, code_host, prober)


def policy_store(environ: Mapping[str, str] = os.environ) -> Vault:
    """For those whose own token writes no policy. Raises InputError when the environment names no token for it."""
    from containment.adapters.vault import HvacVault

    return HvacVault.for_containment(environ)
