"""An apply that was killed, or failed: what it may have granted is ended by a lock-down, and what it left is named."""

from __future__ import annotations

import json
import sys

from drill.actors import Actors
from policies import codec
from tests.integration.checkout import LEDGER, TREASURY, Checkout, batch, leased
from tests.integration.production import PARTNER, Production, contained


def test_a_grant_of_an_apply_that_was_killed_was_one_all_the_same(checkout: Checkout, actors: Actors) -> None:
    checkout.grant()
    checkout.onboard()
    checkout.kill(lambda: LEDGER in (checkout.prod.vault().read_policy("pc-w-analytics-batch") or ""))
    leaked = leased(actors, batch(actors), LEDGER)
    checkout.take_back()
    checkout.refresh()
    assert actors.can_connect(*leaked)
    with checkout.locked("KILLED", "workload:analytics-batch"):
        assert not actors.can_connect(*leaked)


def test_an_apply_that_never_ended_moves_no_secret_out_of_a_lock_down(checkout: Checkout, actors: Actors) -> None:
    """Of the two places nobody knows in which the leaked value is read."""
    token = actors.login(*actors.secret_id("partner-gateway"))
    checkout.edit("partner-api-key", "path: partners/api", "path: partners/api-v2")
    checkout.remove("workload-treasury-report")
    checkout.remove("treasury-readonly")
    vault = checkout.prod.vault()
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    assert actors.allowed(lambda: actors.read(token, PARTNER))
    scope = ("--scope", "secret:partner-api-key,workload:treasury-report")
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", "UNENDED", *scope]
    done = checkout.prod.run(argv, checkout.prod.environ())
    assert done.returncode == 0, done.stdout
    assert contained("UNENDED")
    assert not actors.allowed(lambda: actors.read(token, PARTNER))
    assert f"{PARTNER}-v2" in checkout.prod.gate()
    assert checkout.prod.keep().returncode == 0
    checkout.prod.lifted("UNENDED")


def test_what_an_apply_that_was_killed_has_written_is_not_forgotten_by_the_next(
    checkout: Checkout, actors: Actors
) -> None:
    """Where Pulumi did not come to save it: the next takes it for unchanged, and was then the last apply."""
    root, vault = checkout.prod.box.openbao.root_token(), checkout.prod.vault()
    move = ("path: partners/api", "path: partners/api-v2")
    granted = ("workload: partner-gateway", "workload: treasury-report")
    for change in (move, granted):
        checkout.edit("partner-api-key", *change)
    checkout.onboard()
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    for change in (move, granted):
        checkout.edit("partner-api-key", *reversed(change))
    checkout.onboard()
    rule = {"path": {f"{PARTNER}-v2": {"capabilities": ["read"]}}}
    actors.call("POST", f"{PARTNER}-v2", {"data": {"value": "leaked"}}, token=root)
    actors.call("POST", TREASURY[0], {"policy": json.dumps(rule)}, token=root)
    actors.call("POST", TREASURY[1], {"token_max_ttl": 86400}, token=root)
    taken_back = checkout.prod.keep(checkout.folder)
    assert taken_back.returncode != 0
    assert f"does not know: {TREASURY[1]} (token_max_ttl), {TREASURY[0]} (policy); " in taken_back.stdout
    token = actors.login(*actors.secret_id("treasury-report"))
    assert actors.allowed(lambda: actors.read(token, f"{PARTNER}-v2"))
    with checkout.locked("FORGOTTEN", "secret:partner-api-key"):
        assert not actors.allowed(lambda: actors.read(token, f"{PARTNER}-v2"))
        assert f"{PARTNER}-v2" in checkout.prod.gate()
    assert not (vault.read("portcullis/data/compiled") or {})["data"]["begun"]
    assert not actors.allowed(lambda: actors.read(token, f"{PARTNER}-v2"))


def test_what_an_apply_that_failed_has_added_goes_when_it_is_taken_back(checkout: Checkout, actors: Actors) -> None:
    """Pulumi, which knows of it, deletes when the program has ended: no run may fail because it is still there."""
    record, vault = "portcullis/data/compiled", checkout.prod.vault()
    before = (vault.read(record) or {})["data"]
    new = checkout.folder / "production" / "workload-auditor.yaml"
    new.write_text((new.parent / "workload-treasury-report.yaml").read_text().replace("treasury-report", "auditor"))
    checkout.apply()
    after = (vault.read(record) or {})["data"]
    vault.write(record, {"data": {**before, "begun": after["estate"]}})
    new.unlink()
    for _ in range(2):
        done = checkout.prod.keep(checkout.folder)
        assert done.returncode == 0, done.stdout
        told = "was to declare auth/approle/role/auditor, sys/policies/acl/pc-w-auditor; " in done.stdout
        held = actors.call("LIST", "auth/approle/role", token=checkout.prod.box.openbao.root_token())["data"]["keys"]
        assert "auditor" not in held
        kept = (vault.read(record) or {})["data"]
        assert told == bool(kept["left"])
        done_by = codec.decode(kept["estate"])
        assert done_by is not None
        assert "auditor" not in {w.name for w in done_by.workloads}
        assert not kept["begun"]
    assert not told
    actors.call("DELETE", "auth/token/roles/pc-issue-w-auditor", token=checkout.prod.box.openbao.root_token())
    checkout.onboard()


def test_an_apply_after_one_that_was_killed_is_what_an_incident_works_by(checkout: Checkout, actors: Actors) -> None:
    """What it has renamed or removed Pulumi deletes at its very end: until another looked, it counted as declared."""
    vault = checkout.prod.vault()
    checkout.edit("settlement-readonly", "max: 8h", "max: 7h")
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    checkout.edit("settlement-readonly", "role: settlement-readonly", "role: settlement-ro")
    checkout.onboard()
    for name in ("workload-treasury-report", "treasury-readonly"):
        checkout.remove(name)
    (checkout.folder / "staging" / "ci-cicd-staging.yaml").unlink()
    token = actors.login(*actors.secret_id("treasury-report"))
    done = checkout.prod.keep(checkout.folder)
    assert done.returncode == 0, done.stdout
    assert "an update that was cut short was to declare " in done.stdout
    assert "database/roles/settlement-readonly" in done.stdout
    checkout.onboard()
    with checkout.locked("AFTER", "workload:settlement"):
        assert not actors.allowed(lambda: actors.read(token, LEDGER))
        assert not vault.read(TREASURY[1])
    settlement = actors.login(*actors.secret_id("settlement"))
    assert actors.allowed(lambda: actors.read(settlement, "database/creds/settlement-ro"))


def test_rotation_goes_by_what_the_lock_down_went_by(checkout: Checkout, actors: Actors) -> None:
    """By what a killed apply was to grant, the secret was given back to nobody, and recovery read it nowhere."""
    vault = checkout.prod.vault()
    moved = ("workload: treasury-report", "workload: settlement")
    checkout.edit("settlement-readonly", "max: 8h", "max: 7h")
    checkout.edit("treasury-readonly", *moved)
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    checkout.edit("treasury-readonly", *reversed(moved))
    checkout.edit("settlement-readonly", "role: settlement-readonly", "role: settlement-ro")
    checkout.apply()
    assert len(vault.left()) > 1, "something was to go at the end of that apply"
    contain = ("contain", "--incident-id", "DIRECT", "--scope", "secret:treasury-readonly")
    for words in (contain, ("rotate", "run", "DIRECT")):
        done = Production.run([sys.executable, "-m", "rotation", *words], checkout.prod.environ(checkout.folder))
        assert done.returncode == 0, done.stdout
    token = actors.login(*actors.secret_id("treasury-report"))
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    assert checkout.prod.keep(checkout.folder).returncode == 0
    checkout.lift("DIRECT")
