"""The only SQL that a declaration can cause: templates by name. `{{name}}`, `{{password}}` and `{{expiration}}` are
filled by the database secrets engine; no text of a declaration is ever in them."""

from __future__ import annotations

from policies.model import DatabaseGrant

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


_HAND_OVER = """
    IF heir IS NOT NULL THEN
        FOR place IN SELECT nspname FROM pg_namespace WHERE nspowner = (SELECT oid FROM pg_roles WHERE rolname = leaver)
        LOOP
            EXECUTE format('GRANT ALL ON SCHEMA %I TO %I', place, heir);
        END LOOP;
        EXECUTE format('REASSIGN OWNED BY %I TO %I', leaver, heir);
        EXECUTE format('DROP OWNED BY %I', leaver);
    END IF;"""
"""`DROP OWNED` alone would destroy data. A schema of its own lets nobody in that it did not let in: `REASSIGN OWNED`
would stop there."""


def _block(body: str) -> str:
    """`heir`: the group that the user is in, whatever its role declares by now. Functions, views and index expressions
    run with their owner's rights: so they never go to the manager, and to nobody with a right that the user had not. In
    pg_catalog alone: a function elsewhere that fits the arguments better would run with the manager's rights."""
    groups = ", ".join(f"'{role}'" for role in sorted(_GROUP.values()))
    return f"""DO $portcullis$
DECLARE leaver CONSTANT name := '{{{{name}}}}'; heir name; place name;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    heir := (SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = leaver AND g.rolname IN ({groups}) ORDER BY 1 LIMIT 1);
{body}
END $portcullis$"""  # noqa: S608 - the groups are our own constants; the user is a literal


def hand_over() -> str:
    """In the database of the session: what the user owns goes to its group, and its grants end. A user that is in no
    group keeps what it owns, and so cannot be dropped."""
    return _block(_HAND_OVER)


def revocation() -> list[str]:
    """One block, since a lease whose user somebody dropped already could otherwise never be revoked."""
    return [
        _block(f"""    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = leaver) THEN RETURN; END IF;
    EXECUTE format('ALTER ROLE %I NOLOGIN', leaver);
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = leaver;{_HAND_OVER}
    EXECUTE format('DROP ROLE %I', leaver);""")  # noqa: S608 - two constants
    ]
