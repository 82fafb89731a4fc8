"""Login roles that an identity had, or somebody made: nobody gets in by one after a lock-down, whatever leaked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from drill.actors import Actors
from tests.integration.checkout import GRANT, LEDGER, READONLY, TREASURY, Checkout
from tests.integration.production import Production

_METHOD = ("auth: approle", "auth: jwt\n  boundClaims:\n    sub: treasury-report")
_FORMER = {"approle": "auth/jwt/role/treasury-report", "jwt": "auth/approle/role/treasury-report"}
"""By the method that is declared now, the login role that is left."""


def _roles(actors: Actors, prod: Production) -> list[str]:
    """Of treasury-report, by their path."""
    root = prod.box.openbao.root_token()
    held = {m: actors.call("LIST", f"auth/{m}/role", token=root)["data"]["keys"] for m in ("approle", "jwt")}
    return [f"auth/{m}/role/treasury-report" for m, names in held.items() if "treasury-report" in names]


@pytest.mark.parametrize("first", ["administrator", "update"])
def test_what_is_renamed_leaves_no_login_role_whoever_goes_first(checkout: Checkout, first: str) -> None:
    vault = checkout.prod.vault()
    checkout.edit("workload-treasury-report", "name: treasury-report", "name: treasury-summary")
    checkout.edit("treasury-readonly", "workload: treasury-report", "workload: treasury-summary")
    (checkout.folder / "staging" / "ci-cicd-staging.yaml").unlink()
    if first == "administrator":
        checkout.onboard()
    else:  # which needs somebody to make the new one
        removed = checkout.folder / "production" / "workload-treasury-report.yaml"
        text = removed.read_text()
        removed.unlink()
        checkout.edit(
            "treasury-readonly", "    - workload: treasury-summary\n" + GRANT, "    - workload: settlement\n" + GRANT
        )
        checkout.retire()
        removed.write_text(text)
        checkout.onboard()
    done = checkout.prod.keep(checkout.folder)
    assert done.returncode == 0, done.stdout
    assert vault.read("auth/approle/role/treasury-summary")
    assert not vault.read(TREASURY[1])
    assert not vault.read("auth/jwt/role/cicd-staging")


def test_a_login_method_that_is_changed_leaves_no_login_role(checkout: Checkout, actors: Actors) -> None:
    held = actors.secret_id("treasury-report")
    checkout.edit("workload-treasury-report", *_METHOD)
    checkout.apply()
    assert _roles(actors, checkout.prod) == ["auth/jwt/role/treasury-report"]
    assert not actors.allowed(lambda: actors.login(*held))
    assert actors.allowed(lambda: actors.ci_login("treasury-report", {"sub": "treasury-report"}))
    checkout.edit("workload-treasury-report", *reversed(_METHOD))
    checkout.apply()
    assert _roles(actors, checkout.prod) == ["auth/approle/role/treasury-report"]


@dataclass(frozen=True)
class LeftBehind:
    """By an administrator's token, as an earlier version left them: login roles that are declared nowhere."""

    actors: Actors
    root: str
    made: list[str]

    def role(self, path: str) -> Callable[[], str]:
        """How one logs in by it from now on."""
        method, name = path.split("/")[1::2]
        attached = {"token_policies": ["pc-gate", "pc-quarantine", f"pc-w-{name}"]}
        bound = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": ["portcullis"],
            "bound_claims": {"sub": name},
        }
        self.made.append(path)
        self.actors.call("POST", path, {**attached, **(bound if method == "jwt" else {})}, token=self.root)
        if method == "jwt":
            return lambda: self.actors.ci_login(name, {"sub": name})
        held = self.actors.secret_id(name)
        return lambda: self.actors.login(*held)


@pytest.fixture
def left(prod: Production, actors: Actors) -> Iterator[LeftBehind]:
    left = LeftBehind(actors, prod.box.openbao.root_token(), [])
    yield left
    for path in left.made:
        actors.call("DELETE", path, token=left.root)


@pytest.mark.parametrize(
    ("path", "reads"),
    [("auth/approle/role/analytics-batch", READONLY), ("auth/jwt/role/treasury-report", LEDGER)],
)
def test_what_leaked_gets_in_by_no_login_role_that_it_had_before(
    checkout: Checkout, actors: Actors, left: LeftBehind, path: str, reads: str
) -> None:
    login = left.role(path)
    assert actors.allowed(lambda: actors.read(login(), reads))
    name = path.rpartition("/")[2]
    with checkout.locked(f"METHOD-{name}", f"workload:{name}"):
        assert not actors.allowed(login)
        again = left.role(path)
        assert actors.allowed(again), "one that the lock-down never saw"
        argv = [sys.executable, "-m", "rotation", "rotate", "run", f"METHOD-{name}"]
        Production.run(argv, checkout.prod.environ(checkout.folder))
        assert not actors.allowed(again), "old-dead was proven beside it"
    assert checkout.prod.keep(checkout.folder).returncode == 0
    assert not actors.allowed(login)
    assert not actors.allowed(again)


def test_a_login_role_of_what_is_declared_nowhere_ends_whatever_leaked(
    checkout: Checkout, actors: Actors, left: LeftBehind
) -> None:
    logins = [left.role(f"auth/{method}/role/removed") for method in ("approle", "jwt")]
    assert all(actors.allowed(login) for login in logins)
    with checkout.locked("NOWHERE", "secret:partner-api-key"):
        assert not any(actors.allowed(login) for login in logins)


def test_that_of_a_workload_which_did_not_leak_is_named(checkout: Checkout, actors: Actors, left: LeftBehind) -> None:
    path = "auth/jwt/role/treasury-report"
    login = left.role(path)
    done = checkout.prod.lock("NAMED", "secret:partner-api-key", checkout.folder)
    assert done.returncode == 0, done.stdout
    words = "is declared nowhere and hands out pc-w-treasury-report, whose identity is not what leaked: bao delete"
    assert f"warning: {path} {words} {path}" in done.stdout, done.stdout
    assert actors.allowed(login)
    checkout.lift("NAMED")


def test_the_operators_token_ends_it_too(checkout: Checkout, actors: Actors, left: LeftBehind) -> None:
    """Where nobody set the containment identity's: an operator by hand, on the day."""
    login = left.role("auth/jwt/role/treasury-report")
    environ = {**checkout.prod.environ(checkout.folder), "PORTCULLIS_CONTAINMENT_TOKEN": ""}
    words = ("contain", "--incident-id", "OPERATOR", "--scope", "workload:treasury-report")
    done = Production.run([sys.executable, "-m", "rotation", *words], environ)
    assert done.returncode == 0, done.stdout
    assert not actors.allowed(login)
    assert checkout.prod.keep(checkout.folder).returncode == 0
    checkout.lift("OPERATOR")
