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


def revocation() -> list[str]:
    """Owned objects go to the manager before the drop: `DROP OWNED` alone would destroy data. One block, since a lease
    whose user somebody dropped already could otherwise never be revoked."""
    return [
        """DO $$ BEGIN
IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{{name}}') THEN
    ALTER ROLE "{{name}}" NOLOGIN;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}';
    REASSIGN OWNED BY "{{name}}" TO CURRENT_USER;
    DROP OWNED BY "{{name}}";
    DROP ROLE "{{name}}";
END IF;
END $$"""
    ]
