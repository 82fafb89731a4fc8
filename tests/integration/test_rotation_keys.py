"""Rotation of an upstream key whose tag, versions or stored value somebody has been at, on real servers."""

from __future__ import annotations

import time

from containment import names
from containment.adapters.vault import HvacVault
from containment.errors import GOES_ON
from containment.folder import record
from containment.incidents.incident import Incident, Scope, State
from drill.actors import Actors
from drill.stack import pulumi
from sandbox.environment import Sandbox
from tests.integration import rotating


def test_a_key_that_bears_another_tag_is_named_and_replaced_by_its_id(sandbox: Sandbox) -> None:
    """As after a declaration was renamed, and where somebody made the key by hand."""
    name, path = "exchange-market-key", "secret/data/market-data/exchange"
    leaked = rotating.root(sandbox, "GET", path)["data"]
    _retag(sandbox, name, "prices")
    jwt = Actors(sandbox).issuer_token(rotating.CI)
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-5", f"incidentScope={name},ci:cicd")
    assert not Actors(sandbox).allowed(lambda: Actors(sandbox).jwt_login("cicd", jwt))
    assert Actors(sandbox).look(leaked["api_key"], leaked["api_secret"]), "the key is dead: nothing is tried here"
    assert done.returncode != 0, "contained, it said, and the key works"
    assert f"not contained: {name} (upstream keys known: {leaked['api_key']} of account" in done.stdout
    workload = Actors(sandbox).login(*rotating.delivered(sandbox, "settlement"))
    assert Actors(sandbox).allowed(lambda: Actors(sandbox).read(workload, "database/creds/settlement-readonly"))
    _, document = rotating.rotate(sandbox, "run", "ROT-5")
    assert f"{name}: create: exchange lists no key with the tag {name}" in document["open"][0]
    rotating.exchange(sandbox).create_key(rotating.ACCOUNT, name, "by hand", ["read"])
    _, document = rotating.rotate(sandbox, "run", "ROT-5")
    assert document["open"] == ["incident: audit-quiet: the incident is not contained yet"]
    assert not Actors(sandbox).look(leaked["api_key"], leaked["api_secret"])
    again = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert again.returncode == 0, again.stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-5")
    assert code == 0, document["open"]
    new = rotating.root(sandbox, "GET", path)["data"]
    assert rotating.live_keys(sandbox, name) == [new["api_key"]]
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-5", "incidentScope=")
    assert done.returncode == 0, done.stdout
    assert Actors(sandbox).allowed(lambda: Actors(sandbox).jwt_login("cicd", jwt)), "the warning is no longer true"
    assert "a JWT of cicd from before the lock-down logs in again until " in done.stdout


def _retag(sandbox: Sandbox, old: str, new: str) -> None:
    """On the exchange's side, where nobody but its staff can."""
    service = sandbox.service("exchange")
    service.stop()
    state = service.folder / "state.json"
    state.write_text(state.read_text().replace(f'"tag": "{old}"', f'"tag": "{new}"'))
    service.start()


def test_what_was_stored_before_the_path_was_denied_is_no_replacement(sandbox: Sandbox) -> None:
    """By one who may write it, between the opening on record and the gate."""
    path, vault = "secret/data/partners/api", HvacVault.from_environment(sandbox.environ())
    leaked = rotating.root(sandbox, "GET", path)["data"]
    scope = Scope(everything=False, leaked=("secret:partner-api-key",))
    vault.write_incident(Incident("ROT-6", scope, State.OPEN, vault.now()))
    sandbox.openbao.call("POST", path, {"data": leaked}, token=sandbox.openbao.root_token())
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-6", "incidentScope=partner-api-key")
    assert done.returncode == 0, done.stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-6")
    assert code == 1, "it waits for a person's word"
    assert [line for line in document["open"] if "a person must confirm" in line]
    assert rotating.root(sandbox, "GET", path)["data"] != leaked, "the leaked value was taken for its own replacement"


def test_a_write_under_way_at_the_deny_is_not_the_new_one_and_a_persons_is_when_named(sandbox: Sandbox) -> None:
    """By a token of a workload's kind that was out, after the moment that is on record as denied."""
    path, vault = "secret/data/partners/api", HvacVault.from_environment(sandbox.environ())
    root = sandbox.openbao.root_token()
    policy = f'path "{path}" {{ capabilities = ["create", "update"] }}'
    sandbox.openbao.call("POST", "sys/policies/acl/writes-it", {"policy": policy}, token=root)
    made = sandbox.openbao.call("POST", "auth/token/create", {"policies": [names.GATE, "writes-it"]}, token=root)
    sandbox.openbao.call("POST", "sys/policies/acl/pc-gate", {"policy": policy}, token=root)
    scope = Scope(everything=False, leaked=("secret:partner-api-key",))
    vault.write_incident(Incident("ROT-8", scope, State.OPEN, vault.now(), denied_at=vault.now()))
    time.sleep(1.1)
    late = sandbox.openbao.call("POST", path, {"data": {"value": "attacker"}}, token=made["auth"]["client_token"])
    sandbox.openbao.call("DELETE", "sys/policies/acl/writes-it", token=root)
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-8", "incidentScope=partner-api-key")
    assert done.returncode == 0, done.stdout
    _, document = rotating.rotate(sandbox, "run", "ROT-8")
    assert [line for line in document["open"] if "a person must confirm the other side" in line], document["open"]
    create = next(r for c in document["credentials"] for r in c["steps"] if r["step"] == "create")
    assert f"version {late['data']['version']} of {path}, stored " in create["detail"]
    assert create["detail"].endswith("was under way when the path was denied, so it is not taken")
    assert rotating.root(sandbox, "GET", path)["data"]["value"] != "attacker", "the attacker's value is the new one"

    mine = sandbox.openbao.call("POST", path, {"data": {"value": "from the partner"}}, token=root)["data"]["version"]
    _, document = rotating.rotate(sandbox, "run", "ROT-8")
    named = ("ROT-8", "secret:partner-api-key", "--version", str(mine), "--by", "A. Roth")
    said = f"portcullis rotate confirm {' '.join(named[:4])} --by NAME"
    assert [line for line in document["open"] if f"version {mine} of {path}" in line and said in line], document["open"]
    code, word = rotating.rotate(sandbox, "confirm", *named, "--note", "the partner's")
    assert code == 0
    assert "by root from 127.0.0.1 with a token issued " in word["detail"]
    assert rotating.rotate(sandbox, "confirm", *named[:2], *named[4:], "--note", "the old one is off")[0] == 0
    rotating.rotate(sandbox, "run", "ROT-8")
    assert rotating.rotate(sandbox, "confirm", "ROT-6", *named[1:2], *named[4:], "--note", "the old one is off")[0] == 0
    for incident in ("ROT-6", "ROT-8"):
        code, document = rotating.rotate(sandbox, "run", incident)
        assert code == 0, document["open"]
    assert rotating.root(sandbox, "GET", path)["data"]["value"] == "from the partner"
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-8", "incidentScope=")
    assert done.returncode == 0, done.stdout


def test_what_a_writer_stored_kills_no_other_key_and_hides_none(sandbox: Sandbox) -> None:
    """The key that leaked bears the tag of no declaration, and whoever may write the secret has pushed it out of the
    stored versions, with ids of keys that are not in scope and with versions that are no key at all."""
    name, path, exchange = "exchange-market-key", "secret/data/market-data/exchange", rotating.exchange(sandbox)

    def store(key: object, second: object = "x") -> None:
        data = {"data": {"api_key": key, "api_secret": second}}
        sandbox.openbao.call("POST", path, data, token=sandbox.openbao.root_token())

    leaked = exchange.create_key(rotating.ACCOUNT, "legacy-name", "", ["read"])
    wider, _ = exchange.create_key(rotating.ACCOUNT, name, "long ago", ["read", "trade"])
    exchange.disable_key(rotating.ACCOUNT, wider)
    others = {tag: rotating.live_keys(sandbox, tag) for tag in ("exchange-trading-key", f"{name}-kraken")}
    assert all(others.values()), "nothing to kill"
    store(*leaked)
    for number in range(5):
        store(f"bogus-{number}")
    store(["x"], {"a": 1})
    for odd in ("\u00e9", "a\r\nX-Other: b", "k" * 100_000, *(key for live in others.values() for key in live)):
        store(odd)
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-7", f"incidentScope={name}")
    assert f"not contained: {name} (upstream keys known: {leaked[0]} of account" in done.stdout

    code, document = rotating.rotate(sandbox, "run", "ROT-7")
    assert code == 1
    assert (
        f"secret:{name}: try-old: {leaked[0]} of account {rotating.ACCOUNT} at exchange is live" in document["open"][0]
    )
    assert exchange.accepts(*leaked), "it is nobody's that we know: a person disables it"
    assert {tag: rotating.live_keys(sandbox, tag) for tag in others} == others
    new = rotating.root(sandbox, "GET", path)["data"]["api_key"]
    assert next(k.permissions for k in exchange.keys(rotating.ACCOUNT) if k.id == new) == ("read",)
    seen = {r["step"]: r["detail"] for c in document["credentials"] for r in c["steps"]}
    for tag, live in others.items():
        assert f"{live[0]} with the tag {tag}" in seen["disable-old"]

    exchange.disable_key(rotating.ACCOUNT, leaked[0])
    again = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert again.returncode == 0, again.stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-7")
    assert code == 0, document["open"]
    words = next(r["detail"] for c in document["credentials"] for r in c["steps"] if r["step"] == "try-old")
    assert "no two strings of visible ASCII" in words

    other, _ = exchange.create_key(rotating.ACCOUNT, "legacy-name", "", ["read"])
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-7", "incidentScope=")
    assert refused.returncode != 0, "lifted beside a live key that may be the one that leaked"
    assert f"{name} (upstream keys known: {other} of account" in refused.stdout
    exchange.disable_key(rotating.ACCOUNT, other)
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-7", "incidentScope=")
    assert done.returncode == 0, done.stdout


def test_a_key_that_is_made_after_the_rotation_trades_past_no_lock_down_and_no_lift(sandbox: Sandbox) -> None:
    """With the tag of what leaked, and with that of another declaration of its account."""
    name, other, exchange = "exchange-market-key", "exchange-trading-key", rotating.exchange(sandbox)
    locked = ("incident=true", "incidentId=ROT-9", f"incidentScope={name}")
    lifted = ("incident=false", "incidentId=ROT-9", "incidentScope=")
    done = pulumi(sandbox, *locked)
    assert done.returncode == 0, done.stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-9")
    assert code == 0, document["open"]
    new = rotating.root(sandbox, "GET", "secret/data/market-data/exchange")["data"]
    theirs = exchange.create_key(rotating.ACCOUNT, name, "", ["read", "trade"])
    assert exchange.accepts(*theirs)
    done = pulumi(sandbox, *locked)
    assert done.returncode != 0, "the new one may have leaked too"
    assert f"named again secret:{name}" in done.stdout
    assert GOES_ON not in done.stdout, "an update that only keeps would say contained"
    assert not exchange.accepts(*theirs), "the key works"
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-9", "incidentScope=")
    assert done.returncode == 0, done.stdout
    assert rotating.live_keys(sandbox, name) == [new["api_key"]]

    (ours,) = rotating.live_keys(sandbox, other)
    hidden = exchange.create_key(rotating.ACCOUNT, other, "", ["trade"])
    again = exchange.create_key(rotating.ACCOUNT, name, "", ["trade"])
    refused = pulumi(sandbox, *lifted)
    assert refused.returncode != 0, "lifted beside a live key that may be the leaker's"
    assert f"are live with the tag {other} (" in refused.stdout
    assert not exchange.accepts(*again)
    assert exchange.accepts(*hidden), "which of the two is in use a person knows"
    exchange.disable_key(rotating.ACCOUNT, hidden[0])

    last = exchange.create_key(rotating.ACCOUNT, name, "", ["trade"])
    done = pulumi(sandbox, *lifted)
    assert done.returncode == 0, done.stdout
    seen, wrong = record.last_seen("ROT-9")
    assert (seen and seen.state, wrong) == (State.LIFTED, ""), "with the vault away it would narrow the next lock-down"
    assert not exchange.accepts(*last)
    assert exchange.accepts(new["api_key"], new["api_secret"])
    assert rotating.live_keys(sandbox, other) == [ours]
