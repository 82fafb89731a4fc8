"""The only SQL that a declaration can cause: templates by name. `{{name}}`, `{{password}}` and `{{expiration}}` are
filled by the database secrets engine; no text of a declaration is ever in them."""

from __future__ import annotations

from policies.model import DatabaseGrant

LOCK_TIMEOUT = "250ms"
PATIENCE = 2
"""Seconds for a block, however often it is tried: a sweep meets the same lock again."""

_GROUP = {
    DatabaseGrant.READONLY: "tradepulse_readonly",
    DatabaseGrant.INGEST: "tradepulse_ingest",
    DatabaseGrant.ANALYTICS: "tradepulse_analytics",
}

_EXERCISE = {
    DatabaseGrant.READONLY: ("SELECT count(*) FROM trading.fills",),
    DatabaseGrant.INGEST: (
        "INSERT INTO market_data.ticks (symbol, price) VALUES ('PORTCULLIS', 0)",
        "SELECT count(*) FROM market_data.ticks",
    ),
    DatabaseGrant.ANALYTICS: ("SELECT count(*) FROM analytics.daily",),
}


def group(grant: DatabaseGrant) -> str:
    """The database role whose rights a holder of the grant has."""
    return _GROUP[grant]


def exercise(grant: DatabaseGrant) -> tuple[str, ...]:
    """What a holder of the grant must be able to do; run in a transaction that is taken back."""
    return _EXERCISE[grant]


def creation(grant: DatabaseGrant) -> list[str]:
    return [
        f"CREATE ROLE \"{{{{name}}}}\" WITH LOGIN PASSWORD '{{{{password}}}}' VALID UNTIL '{{{{expiration}}}}'"
        f' IN ROLE "{_GROUP[grant]}"'
    ]


_NO_LOGIN = """
            EXECUTE format('ALTER ROLE %I NOLOGIN', leaver);"""
_NO_RIGHTS = """
            IF heir IS NOT NULL THEN
                EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET FALSE', heir, leaver);
            END IF;"""
"""Still a member, so that what it owns finds its heir. But without the group's rights: with them it would have the
grant options of an owner, so that what it granted of the group's would not end with its own grants (`DROP OWNED`)."""
_HAND_OVER = """
            IF heir IS NOT NULL THEN
                FOR place IN SELECT nspname FROM pg_namespace
                    WHERE nspowner = (SELECT oid FROM pg_roles WHERE rolname = leaver)
                LOOP
                    EXECUTE format('GRANT ALL ON SCHEMA %I TO %I', place, heir);
                END LOOP;
                EXECUTE format('REASSIGN OWNED BY %I TO %I', leaver, heir);
                EXECUTE format('DROP OWNED BY %I', leaver);
            END IF;"""
"""`DROP OWNED` alone would destroy data. A schema of its own lets nobody in that it did not let in: `REASSIGN OWNED`
would stop there."""
_DROP = """
            EXECUTE format('DROP ROLE %I', leaver);"""


def _block(*acts: str) -> str:
    """The acts together, once the user's sessions are ended. A user may hold locks that they wait for, its own row in
    pg_authid among them (`ALTER ROLE CURRENT_USER PASSWORD`, never committed), and may come back and alter that row in
    between ("tuple concurrently updated", an internal error): so nothing is waited for long, and all is done again,
    from the sessions on, for a bounded time. A user that somebody dropped already, or meanwhile, is no error: its
    lease could otherwise never be revoked.

    `heir`: the group that the user is in, whatever its role declares by now. Functions, views and index expressions
    run with their owner's rights: so they never go to the manager, and to nobody with a right that the user had not. In
    pg_catalog alone: a function elsewhere that fits the arguments better would run with the manager's rights."""
    groups = ", ".join(f"'{role}'" for role in sorted(_GROUP.values()))
    return f"""DO $portcullis$
DECLARE leaver CONSTANT name := '{{{{name}}}}'; heir name; place name; until timestamptz;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM set_config('lock_timeout', '{LOCK_TIMEOUT}', true);
    until := clock_timestamp() + interval '{PATIENCE} s';
    heir := (SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = leaver AND g.rolname IN ({groups}) ORDER BY 1 LIMIT 1);
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = leaver) THEN RETURN; END IF;
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = leaver;
        BEGIN{"".join(acts)}
            RETURN;
        EXCEPTION WHEN lock_not_available OR deadlock_detected OR internal_error OR undefined_object THEN
            IF clock_timestamp() > until THEN RAISE; END IF;
        END;
    END LOOP;
END $portcullis$"""  # noqa: S608 - our own constants; the user is a literal


def no_login() -> str:
    """Whoever comes next is refused; whoever got in meanwhile has a session still."""
    return _block(_NO_LOGIN)


def no_rights() -> str:
    """Whoever comes next may do no more than everybody: for a user whose own row is locked, which bars NOLOGIN."""
    return _block(_NO_RIGHTS)


def hand_over() -> str:
    """In the database of the session: what the user owns goes to its group, and its grants end. A user that is in no
    group keeps what it owns, and so cannot be dropped."""
    return _block(_NO_RIGHTS, _HAND_OVER)


def revocation() -> str:
    """All of it, for one transaction, as the server runs it."""
    return _block(_NO_LOGIN, _NO_RIGHTS, _HAND_OVER, _DROP)
