"""PostgreSQL from the wheel's programs, TCP on loopback with scram; a role for each use, no shared superuser."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from policies.errors import Unreachable
from sandbox.process import started, write_private
from sandbox.services import postgres_files
from sandbox.services.base import Service

DATABASE = "tradepulse"
_ROLES = (("vault_manager", "CREATEROLE"), ("portcullis_containment", ""))
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
    stop_signal = signal.SIGINT
    """Fast shutdown: SIGTERM would wait for every client, and OpenBao keeps its connections open."""
    abort_signal = signal.SIGQUIT
    """Immediate shutdown: a killed server's children go on."""

    def __init__(self, root: Path, port: int) -> None:
        super().__init__(root, port)
        self.folder = postgres_files.folder(root)

    @property
    def programs(self) -> Path:
        """The folder with `psql` and the others, for a shell."""
        return postgres_files.shipped()

    @property
    def _password(self) -> Path:
        return self.secrets / "postgres.superuser"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> bool:
        """After a kill -9, the old server's children hold its shared memory for a moment: then try again."""
        end = time.monotonic() + 10
        while True:
            try:
                return super().start()
            except Unreachable:
                last_words = "".join(self.process.tail().splitlines()[-2:])
                if "pre-existing shared memory block" not in last_words or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def launch(self) -> None:
        postgres_files.own(self.folder)
        programs = postgres_files.programs(self.folder)
        if not self._password.exists():
            self._remove_left()
        if not self._data.exists():
            self._initialise(programs)
        self._forget_dead()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "log_connections": "on",
            "log_disconnections": "on",
            "log_line_prefix": "%m %p %u %h ",
            "max_connections": "200",
            "reserved_connections": "10",
        }
        argv = [str(programs / "postgres"), "-D", str(self._data)]
        for key, value in options.items():
            argv += ["-c", f"{key}={value}"]
        self.process.start(argv, {"PATH": os.environ["PATH"]}, user=postgres_files.user(), cwd=self.folder)

    def _remove_left(self) -> None:
        """What stands outside of a sandbox whose folder somebody removed: nobody has its password, and it may run."""
        lock = self._data / "postmaster.pid"
        if lock.exists():
            left = int(lock.read_text().split()[0])
            while self._serves(left):
                with suppress(ProcessLookupError):
                    os.kill(left, self.abort_signal)
                time.sleep(0.05)
        shutil.rmtree(self._data, ignore_errors=True)

    def _serves(self, pid: int) -> bool:
        try:
            return str(self._data) in Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def _forget_dead(self) -> None:
        """A killed server that its parent has not reaped still answers signals, and a new one would refuse to start.
        The lock file goes then; the check of the shared memory, which guards the data, stays."""
        lock = self._data / "postmaster.pid"
        if lock.exists() and started(int(lock.read_text().split()[0])) is None:
            lock.unlink()

    def _initialise(self, programs: Path) -> None:
        """Beside its place, then renamed into it: a cluster is there as a whole or not at all."""
        fresh, pwfile = self.folder / "data.new", self.folder / "initdb.password"
        shutil.rmtree(fresh, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        write_private(self._password, password)
        write_private(pwfile, password)
        user = postgres_files.user()
        if user:
            os.chown(pwfile, pwd.getpwnam(user).pw_uid, -1)
        argv = [str(programs / "initdb"), "-D", str(fresh), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]
        argv += ["--auth=scram-sha-256", f"--pwfile={pwfile}"]
        done = subprocess.run(argv, text=True, capture_output=True, user=user, cwd="/", check=False)
        pwfile.unlink()
        if done.returncode:
            raise Unreachable(f"postgres: initdb failed: {done.stderr[-800:]}")
        (fresh / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        fresh.rename(self._data)

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
                password=self._password.read_text(),
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
        """Roles, database and schemas, each made where it is missing, so that an interrupted start is completed."""
        with self.superuser() as connection:
            for name, attributes in _ROLES:
                self._role(connection, name, attributes)
            # What it creates it may also inherit from: REASSIGN OWNED needs that (PostgreSQL 16 and later).
            connection.execute("ALTER ROLE vault_manager SET createrole_self_grant = 'set, inherit'")
            # Nothing that a user can create is looked up in the manager's sessions.
            connection.execute("ALTER ROLE vault_manager SET search_path = pg_catalog, pg_temp")
            connection.execute("GRANT vault_manager TO portcullis_containment WITH SET TRUE, INHERIT TRUE")
            connection.execute("GRANT pg_signal_backend TO portcullis_containment, vault_manager")
            # A leaked user may hold every connection that is not kept for somebody.
            connection.execute("GRANT pg_use_reserved_connections TO portcullis_containment, vault_manager")
            # Whoever may connect can own something there, which keeps the user from being dropped.
            connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
            connection.execute("GRANT CONNECT ON DATABASE postgres, template1 TO portcullis_containment")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")
        with self.superuser(DATABASE) as connection:
            if not connection.execute("SELECT to_regnamespace('analytics')").fetchone()[0]:
                with connection.transaction():
                    connection.execute(_SCHEMA)
        password = (self.secrets / "postgres.portcullis_containment").read_text()
        write_private(self.secrets / "pgpass", f"127.0.0.1:{self.port}:*:portcullis_containment:{password}\n")

    def _role(self, connection: Any, name: str, attributes: str) -> None:
        from psycopg import sql

        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
            return
        password = secrets.token_urlsafe(24)
        write_private(self.secrets / f"postgres.{name}", password)
        template = sql.SQL("CREATE ROLE {} LOGIN " + attributes + " PASSWORD {}")
        connection.execute(template.format(sql.Identifier(name), sql.Literal(password)))

    def environ(self) -> dict[str, str]:
        place = f"127.0.0.1:{self.port}/{DATABASE}?sslmode=disable"
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": DATABASE,
            "PGSSLMODE": "disable",
            "PGUSER": "portcullis_containment",
            "PGPASSWORD": "",  # over one that the shell may have: it would win over the file
            "PGPASSFILE": str(self.secrets / "pgpass"),
            "PORTCULLIS_PG_TRADEPULSE": f"postgresql://portcullis_containment@{place}",
            "PORTCULLIS_PG_TRADEPULSE_VAULT": f"postgresql://{{{{username}}}}:{{{{password}}}}@{place}",
            "PORTCULLIS_PG_VAULT_PASSWORD": (self.secrets / "postgres.vault_manager").read_text(),
        }
