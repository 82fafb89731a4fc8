"""The production stack on the embedded environment: in peace, contained, kept and lifted, two incidents at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from containment import names
from sandbox.environment import REPOSITORY
from sandbox.estate import prepare
from tests.integration.production import PARTNER, TRADING, Production, changed, contained, copied


def test_the_second_run_in_peace_changes_nothing(prod: Production) -> None:
    assert prod.reads("execution-engine", TRADING)
    done = prod.keep()
    assert done.returncode == 0, done.stdout
    assert changed(done) == []
    assert "unchanged" in done.stdout
    assert "done:" not in done.stdout


def test_another_environment_takes_nothing_away(prod: Production) -> None:
    """Typed for a leak in staging, or left over: by itself it would delete every production role and policy."""
    words = "config environment: staging is not what this stack declares, which is all"
    refused = prod.up("incident=keep", "incidentId=", "incidentScope=", "environment=staging")
    assert refused.returncode != 0
    assert f"nothing was changed: {words}" in refused.stdout
    assert changed(refused) == []
    scope = "incidentScope=exchange-trading-key-staging"
    runs = [prod.up("incident=true", "incidentId=PROD-0", scope, "environment=staging"), prod.keep()]
    for done in runs:
        assert done.returncode == 0, done.stdout
        assert words in done.stdout
        assert not [line for line in changed(done) if "deleted" in line]
    assert contained("PROD-0")
    assert prod.reads("order-router", "secret/data/trading/fix-session")
    prod.lifted("PROD-0")
    assert prod.output("environment") == "all"
    done = prod.up("incident=keep", "environment=all")
    assert (done.returncode, changed(done)) == (0, [])


def test_production_is_contained_kept_and_lifted(prod: Production) -> None:
    locked = prod.lock("PROD-1", "exchange-trading-key")
    assert locked.returncode == 0, locked.stdout
    assert contained("PROD-1")
    assert changed(locked) != [], "the summary is not read: nothing would ever be seen to change"
    assert not prod.reads("execution-engine", TRADING)
    still = "still contained: nothing new was out"
    assert still not in locked.stdout
    kept = prod.keep()
    assert kept.returncode == 0, kept.stdout
    assert changed(kept) == []
    assert still in kept.stdout
    assert not prod.reads("execution-engine", TRADING)
    assert still in prod.lock("PROD-1", "").stdout
    prod.vault().write_policy(names.GATE, '{"path":{}}')
    again = prod.lock("PROD-1", "").stdout
    assert f"done: gate {names.GATE}" in again
    assert still not in again, "it was open meanwhile"
    refused = prod.lift("PROD-1")
    assert refused.returncode != 0, "nothing was proven yet"
    assert "to go on without lifting: pulumi up --config incident=keep" in refused.stdout
    assert prod.up("incident=keep").returncode == 0, "the remedy does not work"
    assert prod.open() == ["PROD-1"]
    prod.lifted("PROD-1")
    assert prod.reads("execution-engine", TRADING)


def test_a_left_over_lift_lifts_no_later_incident(prod: Production) -> None:
    """`incident=false` and `incidentId=PROD-1` still stand in the stack's file."""
    text = prod.config_file.read_text()
    assert "PROD-1" in text, "nothing was left over"
    locked = prod.lock("PROD-2", "exchange-trading-key")
    assert locked.returncode == 0, locked.stdout
    told, warned = "incident PROD-2: in scope: secret:exchange-trading-key", "incidentScope is what PROD-1 had"
    assert locked.stdout.count(told) == 2, "once as it is said, once among Pulumi's diagnostics"
    assert warned in locked.stdout
    assert locked.stdout.index(told) < locked.stdout.index("done:")
    left_over = prod.lift("PROD-1")
    assert left_over.returncode == 0, left_over.stdout
    assert prod.open() == ["PROD-2"]
    assert not prod.reads("execution-engine", TRADING)


def test_an_open_incidents_id_alone_is_that_incident_again(prod: Production) -> None:
    """PROD-2 is open."""
    again = prod.lock("PROD-2", "")
    assert again.returncode == 0, again.stdout
    assert prod.open() == ["PROD-2"]
    refused = prod.lock("PROD-2", "partner-api-key")
    assert refused.returncode != 0
    assert "open with another scope, secret:exchange-trading-key" in refused.stdout
    assert prod.reads("partner-gateway", PARTNER)


def test_a_scope_that_names_nothing_changes_nothing(prod: Production) -> None:
    before = prod.gate(), prod.vault().incidents()
    refused = prod.lock("PROD-9", ", ,")
    assert refused.returncode != 0
    assert "names nothing" in refused.stdout, refused.stdout
    assert (prod.gate(), prod.vault().incidents()) == before


def test_a_key_misspelt_once_stands_in_no_lock_downs_way(prod: Production) -> None:
    """PROD-2 is open. Pulumi writes each key into the stack's file, whatever becomes of the run."""
    misspelt = prod.up("inciden=true")
    assert misspelt.returncode != 0
    assert "portcullis:inciden:" in prod.config_file.read_text(), "nothing was left over"
    locked = prod.lock("PROD-2", "")
    assert locked.returncode == 0, locked.stdout
    assert "pulumi config rm inciden; the lock-down goes on without it" in locked.stdout
    kept = prod.keep()
    assert kept.returncode != 0
    assert "pulumi config rm inciden; nothing was changed" in kept.stdout
    unclear = prod.up("incident=true", "incidentId=PROD-9", "incidentScop=partner-api-key")
    assert unclear.returncode != 0
    assert "incidentScop may say what leaked, so nothing was changed" in unclear.stdout
    assert prod.open() == ["PROD-2"]
    for key in ("inciden", "incidentScop"):
        argv = ["pulumi", "config", "rm", key, "--stack", "prod", "--config-file", str(prod.config_file)]
        assert prod.run(argv, prod.environ()).returncode == 0
    assert prod.keep().returncode == 0, "the remedy does not work"


def test_two_incidents_are_a_union_and_each_lift_takes_its_own_part(prod: Production) -> None:
    """PROD-2 is open."""
    locked = prod.lock("PROD-3", "partner-api-key")
    assert locked.returncode == 0, locked.stdout
    assert prod.open() == ["PROD-2", "PROD-3"]
    for workload, path in (("execution-engine", TRADING), ("partner-gateway", PARTNER)):
        assert not prod.reads(workload, path)
    assert "still open and locked down: PROD-3" in prod.lifted("PROD-2")
    assert prod.open() == ["PROD-3"]
    assert prod.reads("execution-engine", TRADING)
    assert not prod.reads("partner-gateway", PARTNER)
    prod.lifted("PROD-3")
    assert prod.reads("partner-gateway", PARTNER)


def test_of_two_who_open_one_id_at_once_the_second_changes_nothing(prod: Production) -> None:
    """Straight over the APIs, in peace: two processes, two scopes."""
    scopes = {"exchange-trading-key": ("execution-engine", TRADING), "partner-api-key": ("partner-gateway", PARTNER)}
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", "PROD-5", "--scope"]
    running = {
        scope: subprocess.Popen(
            [*argv, scope],
            cwd=REPOSITORY,
            env=prod.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for scope in scopes
    }
    said = {scope: process.communicate()[0] for scope, process in running.items()}
    codes = {scope: process.returncode for scope, process in running.items()}
    assert sorted(codes.values()) == [0, 2], said
    won, lost = sorted(scopes, key=codes.__getitem__)
    assert f"with another scope, secret:{won}, which does not change; nothing was changed" in said[lost]
    assert "done:" not in said[lost]
    assert not prod.reads(*scopes[won])
    assert prod.reads(*scopes[lost])
    assert prod.keep().returncode == 0
    prod.lifted("PROD-5")


def test_a_role_that_changes_in_an_incident_stays_capped(
    prod: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi writes a changed role whole, with the TTLs that its state knows: those of peace."""
    path = "auth/jwt/role/analytics-batch"
    vault, checkout = prod.vault(), copied(tmp_path)
    file = checkout / "production" / "workload-analytics-batch.yaml"
    text = file.read_text()
    file.write_text(text.replace("{default: 15m, max: 30m}", "{default: 40m, max: 50m}"))
    done = prod.keep(checkout)
    assert done.returncode == 0, done.stdout

    def held() -> tuple[int, int, str]:
        role = vault.read(path) or {}
        return role["token_ttl"], role["token_max_ttl"], str(role["bound_claims"])

    peace, database = held(), vault.read("database/roles/analytics-readonly")
    assert peace[:2] == (2400, 3000)
    assert prod.lock("PROD-4", "analytics-readonly", checkout).returncode == 0
    assert held()[:2] == (1800, 1800)
    file.write_text(file.read_text().replace("sub: analytics-batch", "sub: analytics-other"))
    with monkeypatch.context() as administrator:  # who may log in is nobody else's to change
        administrator.setenv("PORTCULLIS_DECLARATIONS", str(checkout))
        prepare(prod.box, print)
    done = prod.keep(checkout)
    assert done.returncode == 0, done.stdout
    assert held()[:2] == (1800, 1800)
    assert "analytics-other" in held()[2]
    prod.prove("PROD-4")
    done = prod.up("incident=false", "incidentId=PROD-4", "incidentScope=", declarations=checkout)
    assert done.returncode == 0, done.stdout
    assert held()[:2] == peace[:2]
    assert vault.read("database/roles/analytics-readonly") == database, "its TTLs are those of peace again"
    prepare(prod.box, print)
    assert prod.keep().returncode == 0
    assert held()[:2] == (900, 1800)
