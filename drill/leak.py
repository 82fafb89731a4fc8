"""The leaks of the drill, each with the attempts an attacker makes and the control beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

from containment import names
from containment.incidents.incident import Scope
from drill.actors import Actors
from drill.acts import Act, Action, Attempt
from policies.model import Estate, KvSecret

LEAKED = Scope(
    everything=False,
    leaked=("ci:cicd", "secret:exchange-trading-key", "secret:market-data-ingest", "workload:risk-engine"),
)
DEVELOPER = "dana-dev"
CI_CLAIMS = {"repository": "tradepulse/tradepulse-core", "ref": "refs/heads/main"}


@dataclass(frozen=True, slots=True)
class Leak:
    """`by_credential`: the attempts that a background attacker repeats, a process for each credential."""

    attempts: tuple[Attempt, ...]
    exchange_key: tuple[str, str]
    github_token: str = field(repr=False)

    @property
    def by_credential(self) -> dict[str, list[Attempt]]:
        found: dict[str, list[Attempt]] = {}
        for attempt in self.attempts:
            found.setdefault(attempt.credential, []).append(attempt)
        return found


def leak(actors: Actors, estate: Estate) -> Leak:
    """Take real credentials as their holders would, then hand them to an attacker."""
    paths = {s.name: names.granted_path(s) for s in estate.secrets if isinstance(s.secret, KvSecret)}
    exchange_path = paths["exchange-trading-key"]
    trader = actors.login(*actors.secret_id("execution-engine"))
    held = actors.read(trader, exchange_path)
    key, version = held["data"], held["metadata"]["version"]
    test_trader = actors.login(*actors.secret_id("execution-engine-staging"))
    test_key = actors.read(test_trader, paths["exchange-trading-key-staging"])["data"]

    writer = actors.login(*actors.secret_id("market-data-writer"))
    database = actors.read(writer, "database/creds/market-data-ingest")
    user = {"user": database["username"], "password": database["password"]}
    reader = actors.login(*actors.secret_id("settlement"))
    other = actors.read(reader, "database/creds/settlement-readonly")
    other_user = {"user": other["username"], "password": other["password"]}

    risk_id, router_id = actors.secret_id("risk-engine"), actors.secret_id("order-router")
    risk, router = actors.login(*risk_id), actors.login(*router_id)
    ci = actors.ci_login("cicd", CI_CLAIMS)
    partner = actors.login(*actors.secret_id("partner-gateway"))
    outside = _read(router, paths["order-router-fix"])

    pusher = actors.further_github_token(actors.github_token(DEVELOPER))

    attempts = (
        Attempt(
            "place an order with the leaked exchange key",
            "exchange key of exchange-trading-key",
            _order(key),
            _order(test_key),
        ),
        Attempt(
            "read the leaked secret with a token already out",
            "token of execution-engine",
            _read(trader, exchange_path),
            outside,
        ),
        Attempt(
            "read its leaked version by number",
            "token of execution-engine",
            _read(trader, f"{exchange_path}?version={version}"),
            outside,
        ),
        Attempt(
            "log in to PostgreSQL",
            "database user of market-data-ingest",
            Act(Action.CONNECT, user),
            Act(Action.CONNECT, other_user),
        ),
        Attempt(
            "go on in an open PostgreSQL session",
            "database user of market-data-ingest",
            Act(Action.SESSION, user),
            Act(Action.SESSION, other_user),
        ),
        Attempt("log in with the leaked secret_id", "secret_id of risk-engine", _login(*risk_id), _login(*router_id)),
        Attempt(
            "read with a token made from it", "token of risk-engine", _read(risk, paths["risk-limits-token"]), outside
        ),
        Attempt(
            "read with the leaked CI token",
            "token of cicd",
            _read(ci, paths["partner-api-key"]),
            _read(partner, paths["partner-api-key"]),
        ),
        Attempt(
            "log in as the CI role",
            "CI logins of cicd, paused until the lift",
            Act(Action.JWT_LOGIN, {"role": "cicd", "jwt": actors.issuer_token(CI_CLAIMS)}),
            Act(
                Action.JWT_LOGIN,
                {"role": "analytics-batch", "jwt": actors.issuer_token({"sub": "analytics-batch"})},
            ),
            paused=True,
        ),
        Attempt(
            "push a branch to tradepulse-core",
            f"GitHub token of {DEVELOPER}",
            _push(pusher, DEVELOPER, "tradepulse-core", "hotfix"),
            _push(actors.github_token("sic-lead"), "sic-lead", "tradepulse-infra", "incident/drill"),
        ),
    )
    return Leak(attempts, (key["api_key"], key["api_secret"]), pusher)


def _order(key: dict[str, str]) -> Act:
    return Act(Action.ORDER, {"key": key["api_key"], "secret": key["api_secret"]})


def _read(token: str, path: str) -> Act:
    return Act(Action.READ, {"token": token, "path": path})


def _push(token: str, login: str, repository: str, branch: str) -> Act:
    values = {"login": login, "token": token, "repository": repository, "branch": branch}
    return Act(Action.PUSH, values)


def _login(role_id: str, secret_id: str) -> Act:
    return Act(Action.LOGIN, {"role_id": role_id, "secret_id": secret_id})
