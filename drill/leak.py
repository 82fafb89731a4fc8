"""The four leaks of the drill, each with the attempts an attacker makes and the control beside them."""

from __future__ import annotations

from containment.incident import Scope
from drill.actors import Actors, Attempt, alive
from policies.model import Estate, KvSecret

LEAKED = Scope(
    everything=False,
    leaked=("ci:cicd", "secret:exchange-trading-key", "secret:market-data-ingest", "workload:risk-engine"),
)
CI_CLAIMS = {"repository": "tradepulse/tradepulse-core", "ref": "refs/heads/main"}


def leak(actors: Actors, estate: Estate) -> list[Attempt]:
    """Take real credentials as their holders would, then hand them to an attacker."""
    secrets = {s.name: s.secret for s in estate.secrets}
    exchange = secrets["exchange-trading-key"]
    staging = secrets["exchange-trading-key-staging"]
    if not isinstance(exchange, KvSecret) or not isinstance(staging, KvSecret):
        raise TypeError("the drill's estate declares the exchange keys as KV secrets")
    trader = actors.login(*actors.secret_id("execution-engine"))
    exchange_path = f"{exchange.mount}/data/{exchange.path}"
    key = actors.read(trader, exchange_path)["data"]
    test_trader = actors.login(*actors.secret_id("execution-engine-staging"))
    test_key = actors.read(test_trader, f"{staging.mount}/data/{staging.path}")["data"]

    writer = actors.login(*actors.secret_id("market-data-writer"))
    database = actors.read(writer, "database/creds/market-data-ingest")
    session = actors.connect(database["username"], database["password"])

    risk_id = actors.secret_id("risk-engine")
    risk = actors.login(*risk_id)
    router_id = actors.secret_id("order-router")
    router = actors.login(*router_id)
    ci = actors.ci_login("cicd", CI_CLAIMS)
    other_ci = actors.login(*actors.secret_id("partner-gateway"))

    def reads(token: str, path: str) -> bool:
        return actors.allowed(lambda: actors.read(token, path))

    def outside() -> bool:
        return reads(router, "secret/data/trading/fix-session")

    return [
        Attempt(
            "place an order with the leaked exchange key",
            "exchange key of exchange-trading-key",
            lambda: actors.order(key["api_key"], key["api_secret"]),
            lambda: actors.order(test_key["api_key"], test_key["api_secret"]),
        ),
        Attempt(
            "read the leaked secret with a token already out",
            "token of execution-engine",
            lambda: reads(trader, exchange_path),
            outside,
        ),
        Attempt(
            "read its first version by number",
            "token of execution-engine",
            lambda: reads(trader, f"{exchange_path}?version=1"),
            outside,
        ),
        Attempt(
            "log in to PostgreSQL",
            "database user of market-data-ingest",
            lambda: actors.can_connect(database["username"], database["password"]),
            actors.manager,
        ),
        Attempt(
            "go on in an open PostgreSQL session",
            "database user of market-data-ingest",
            lambda: alive(session),
            actors.manager,
        ),
        Attempt(
            "log in with the leaked secret_id",
            "secret_id of risk-engine",
            lambda: actors.allowed(lambda: actors.login(*risk_id)),
            lambda: actors.allowed(lambda: actors.login(*router_id)),
        ),
        Attempt(
            "read with a token made from it",
            "token of risk-engine",
            lambda: reads(risk, "secret/data/risk/limits"),
            outside,
        ),
        Attempt(
            "read with the leaked CI token",
            "token of cicd",
            lambda: reads(ci, "secret/data/partners/api"),
            lambda: reads(other_ci, "secret/data/partners/api"),
        ),
        Attempt(
            "log in as the CI role",
            "OIDC token of cicd",
            lambda: actors.allowed(lambda: actors.ci_login("cicd", CI_CLAIMS)),
            outside,
        ),
    ]
