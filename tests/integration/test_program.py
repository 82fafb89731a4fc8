"""The production stack on the embedded environment: in peace, contained, kept and lifted, two incidents at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from containment import names
from containment.adapters.github import GithubHost
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


def _program_of(pulumi: int) -> int:
    """The process that runs the program, below this one."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    below = {pulumi}
    while more := {int(pid) for pid, parent, _ in rows if int(parent) in below} - below:
        below |= more
    return next(int(pid) for pid, _, args in rows if int(pid) in below and "pulumi-language-python-exec" in args)


def test_a_lock_down_during_a_lift_holds(prod: Production) -> None:
    """The lift's program is stopped when it has written the gate down, and goes on when another has locked down."""
    locked = prod.lock("PROD-R", "exchange-trading-key")
    assert locked.returncode == 0, locked.stdout
    prod.prove("PROD-R")
    argv, environ = prod.argv("incident=false", "incidentId=PROD-R", "incidentScope="), prod.environ()
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=REPOSITORY, env=environ, stdout=pipe, text=True, process_group=0) as lift:
        while "PROD-R" in prod.open():
            assert lift.poll() is None
            time.sleep(0.02)
        program = _program_of(lift.pid)
        os.kill(program, signal.SIGSTOP)
        contain = [sys.executable, "-m", "rotation", "contain", "--incident-id", "PROD-S", "--scope", "ci:cicd"]
        try:
            other = Production.run(contain, environ)
        finally:
            os.kill(program, signal.SIGCONT)
        said, _ = lift.communicate()
    assert other.returncode == 0, other.stdout
    assert lift.returncode == 1
    assert "incident PROD-S was opened while this run went on, which undid part of it, and is locked down again" in said
    host = GithubHost.from_environment(environ)
    assert all(rule.lock for rule in host.branch_rules("tradepulse-core"))
    assert host.organization_actions() == "none"
    assert prod.output("mode") == "locked"
    again = prod.keep()
    assert again.returncode == 0, again.stdout
    prod.lifted("PROD-S")
    assert not any(rule.lock for rule in host.branch_rules("tradepulse-core"))


def test_what_a_target_leaves_out_is_declared_by_nobody(prod: Production) -> None:
    """A lift goes by Pulumi's state, which would leave all of that locked."""
    urn = "urn:pulumi:prod::portcullis::vault:index/policy:Policy::pc-gate"
    config = ("incident=true", "incidentId=PROD-T", "incidentScope=exchange-trading-key")
    done = prod.run([*prod.argv(*config), "--target", urn], prod.environ())
    assert done.returncode == 1
    assert "incident PROD-T cannot be lifted yet: Pulumi's state does not have as declared: " in done.stdout
    assert "Traceback" not in done.stdout
    assert "Without --target and --exclude: pulumi up --config incident=keep" in done.stdout
    assert contained("PROD-T")
    prod.prove("PROD-T")
    refused = prod.lift("PROD-T")
    assert refused.returncode != 0
    assert "declared: no `pulumi up` has declared this lock-down to its end" in refused.stdout
    actions = "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions::tradepulse-core"
    urn = f"urn:pulumi:prod::portcullis::portcullis:github:Repository${actions}"
    done = prod.run([*prod.argv("incident=keep"), "--exclude", urn], prod.environ())
    assert "Pulumi's state does not have as declared: tradepulse-core. Without" in done.stdout, done.stdout
    again = prod.keep()
    assert again.returncode == 0, again.stdout
    prod.lifted("PROD-T")
    assert not any(rule.lock for rule in GithubHost.from_environment(prod.environ()).branch_rules("tradepulse-core"))


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


def test_a_scope_typed_beside_the_id_that_its_lift_left_in_the_file_is_of_what_leaked(prod: Production) -> None:
    """Or it was left there too: everything is locked down beside it."""
    locked = prod.up("incident=true", "incidentScope=partner-api-key")
    assert locked.returncode == 0, locked.stdout
    assert "which is lifted. So everything is locked down, as INC-" in locked.stdout
    (opened,) = prod.open()
    assert contained(opened)
    assert not prod.reads("partner-gateway", PARTNER)
    assert prod.up("incident=true").returncode == 0
    assert prod.open() == [opened], "the same question joins it"
    prod.lifted(opened)
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
