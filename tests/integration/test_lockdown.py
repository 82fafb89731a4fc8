"""The drill on real servers: one estate, one leak, one lock-down; what is refused then, and what must not change."""

from __future__ import annotations

import json
import math
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from containment.adapters.vault import HvacVault
from containment.folder.record import folder as report_folder
from containment.systems import from_environment
from drill.actors import Actors
from drill.background import attackers, services
from drill.run import Drill, attack_again, attack_first, lock, started
from drill.stack import pulumi
from policies.errors import Unreachable
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration.audited import written

FORMER = "risk-engine-before"
PREVIEWED = (
    *("exchange-trading-key", "partner-api-key", "analytics-readonly"),
    *("risk-engine", "workload:analytics-batch", "repository:tradepulse-connectors"),
)


@pytest.fixture(scope="module")
def preview(sandbox: Sandbox) -> str:
    """A preview of a lock-down, before anything is locked."""
    log = sandbox.openbao.audit_log
    risk = {"bind_secret_id": True, "token_policies": ["pc-w-risk-engine"]}
    root = sandbox.openbao.root_token()
    sandbox.openbao.call("POST", f"auth/approle/role/{FORMER}", risk, token=root)
    before = log.stat().st_size
    exchange = from_environment(_vault(sandbox), load(), sandbox.environ()).upstream("exchange")
    keys = exchange.keys("tradepulse-prod")
    done = pulumi(sandbox, "incident=true", f"incidentScope={','.join(PREVIEWED)}", preview=True)
    assert done.returncode == 0, done.stdout
    assert written(log, before) == set()
    sandbox.openbao.call("DELETE", f"auth/approle/role/{FORMER}", token=root)
    assert exchange.keys("tradepulse-prod") == keys
    return done.stdout


@pytest.fixture(scope="module")
def drilled(sandbox: Sandbox, preview: str) -> Drill:
    """Leaked, attacked and locked; nothing rotated, nothing lifted."""
    del preview  # it comes first
    with started(sandbox, print, time.monotonic()) as drill:
        attack_first(drill)
        lock(drill)
        attack_again(drill, "after")
    return drill


def _vault(sandbox: Sandbox) -> HvacVault:
    return HvacVault.from_environment(sandbox.environ())


def test_private_state(sandbox: Sandbox) -> None:
    assert stat.S_IMODE(sandbox.root.stat().st_mode) == 0o700
    for file in (sandbox.root / "secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_preview_shows_and_touches_nothing(preview: str) -> None:
    assert "nothing is touched by a preview" in preview
    assert ": in scope: repository:tradepulse-connectors, secret:analytics-readonly, " in preview
    assert ": deny 3 secrets, quarantine 4 while tokens and leases of " in preview
    assert "switch off 2 CI roles" in preview


@pytest.mark.parametrize(
    "words",
    [
        "would deny: deploy-exchange-key, exchange-trading-key, partner-api-key",
        "would disable keys: deploy-exchange-key (account tradepulse-prod at exchange), exchange-trading-key (account",
        "by hand, since nothing here disables it: partner-api-key (account tradepulse at clearing-partner)",
        "would disable the entity and destroy the secret_ids: risk-engine",
        "would switch off the login: analytics-batch",
        "would switch off the CI role: cicd, cicd-staging",
        f"would end a login that is declared nowhere: auth/approle/role/{FORMER}",
        "would end database sessions, leases and users: analytics-readonly",
        "would lock branches and tags: tradepulse-connectors, tradepulse-core, tradepulse-infra (beside refs/heads/",
        "would switch off Actions: tradepulse-connectors, tradepulse-core, the organization",
        "would cancel workflow runs: tradepulse-connectors, tradepulse-core",
        "would remove deploy keys: tradepulse-connectors",
    ],
)
def test_preview_names_whatever_the_lock_down_does(preview: str, words: str) -> None:
    assert words in preview


def test_unknown_scope_is_refused_before_anything_changes(sandbox: Sandbox, preview: str) -> None:
    del preview
    done = pulumi(sandbox, "incident=true", "incidentId=", "incidentScope=no-such-secret")
    assert done.returncode != 0
    assert "'no-such-secret' is declared nowhere" in done.stdout
    assert not _vault(sandbox).incidents()


def test_every_leaked_credential_is_refused(drilled: Drill) -> None:
    assert drilled.not_contained == []
    assert len(drilled.probes) == 10
    assert {p.observed for p in drilled.probes} == {"refused"}


def test_attackers_in_their_own_processes_are_refused_for_good(drilled: Drill) -> None:
    rows = attackers(drilled.background, drilled.leak, math.inf)
    assert len(rows) == 8
    assert all(row["last_success"] < row["first_refused"] for row in rows), rows


def test_services_out_of_scope_are_not_interrupted(drilled: Drill) -> None:
    rows = {row["workload"]: row for row in services(drilled.background, drilled.locked_at)}
    assert rows["order-router"]["interrupted_seconds"] == 0
    assert rows["execution-engine"]["interrupted_seconds"] is None, "its key leaked: it is out until it is rotated"


def test_containment_is_written_down_without_values(drilled: Drill, sandbox: Sandbox) -> None:
    folder = report_folder(drilled.incident)
    contained = json.loads((folder / "containment.json").read_text())
    assert contained["contained"] is True
    assert contained["not_contained"] == []
    written = "".join(f.read_text() for f in folder.iterdir())
    for secret in (sandbox.root / "secrets").iterdir():
        for line in secret.read_text().split():
            assert line not in written, f"a value of {secret.name} is in the report"


def test_the_timeline_has_the_milestones_where_they_belong(drilled: Drill, sandbox: Sandbox) -> None:
    argv = [sys.executable, "-m", "rotation", "evidence", "collect", drilled.incident]
    subprocess.run(argv, cwd=REPOSITORY, env={**os.environ, **sandbox.environ()}, check=True)
    line = json.loads((report_folder(drilled.incident) / "timeline.json").read_text())
    assert not [event["what"] for event in line if event["at"] == int(event["at"])], (
        "by another clock, in whole seconds"
    )
    whats = [event["what"] for event in line if event["what"] != "paged"]
    opened, denied = whats.index("incident opened"), whats.index("leaked paths denied")
    assert all(what.startswith("gitleaks") for what in whats[:opened]), "acted before it was opened"
    assert opened < whats.index("gate") < denied < whats.index("token revoked")
    assert whats[-1] == "contained", "what it took came later"


def test_plain_up_keeps_the_lock_down(drilled: Drill, sandbox: Sandbox) -> None:
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert done.returncode == 0, done.stdout
    assert drilled.incident in done.stdout
    assert "done:" not in done.stdout, "the second run found something to write"
    assert "deny" in (_vault(sandbox).read_policy("pc-gate") or "")


def test_lift_without_an_id_is_refused(drilled: Drill, sandbox: Sandbox) -> None:
    done = pulumi(sandbox, "incident=false", "incidentId=")
    assert done.returncode != 0
    assert f"needs the incidentId that it lifts; open: {drilled.incident}" in done.stdout


def test_lift_names_the_missing_proofs(drilled: Drill, sandbox: Sandbox) -> None:
    done = pulumi(sandbox, "incident=false", f"incidentId={drilled.incident}")
    assert done.returncode != 0
    for name in ("secret:exchange-trading-key/old-dead", "workload:risk-engine/new-alive"):
        assert name in done.stdout
    assert [i.state.value for i in _vault(sandbox).incidents()] == ["open"]


def test_operator_cannot_change_itself_nor_make_other_tokens(sandbox: Sandbox) -> None:
    vault = _vault(sandbox)
    for path, body in (
        ("sys/policies/acl/portcullis-operator", {"policy": "{}"}),
        ("auth/token/create", {"policies": ["pc-gate"]}),
        ("auth/approle/role/settlement", {"token_policies": ["portcullis-operator"]}),
        ("auth/approle/role/settlement", {"policies": ["portcullis-operator"]}),
    ):
        with pytest.raises(Unreachable, match="Forbidden"):
            vault.write(path, body)


@pytest.mark.parametrize("path", ["auth/token/create", "auth/token/create-orphan", "auth/token/create/pc-probe"])
def test_no_workload_can_make_a_token_without_the_gate(sandbox: Sandbox, path: str) -> None:
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("settlement"))
    for body in ({}, {"policies": ["pc-w-settlement"]}, {"policies": ["default"], "no_parent": True}):
        with pytest.raises(Unreachable, match=r" 40[03] "):
            sandbox.openbao.call("POST", path, body, token=token)


def test_pulumi_state_holds_no_secret(drilled: Drill, sandbox: Sandbox) -> None:
    del drilled
    state = "".join(p.read_text() for p in (sandbox.root / "pulumi" / "state").rglob("*.json*") if p.is_file())
    assert "pc-gate" in state, "the state was not found"
    for name in ("root.token", "operator.token", "postgres.vault_manager", "pulumi.passphrase"):
        assert Path(sandbox.root / "secrets" / name).read_text() not in state, name


def test_database_down_is_not_contained_and_the_rerun_is(drilled: Drill, sandbox: Sandbox) -> None:
    del drilled
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("analytics-api"))
    leaked = actors.read(token, "database/creds/analytics-readonly")
    sandbox.service("postgres").kill()
    config = ("incident=true", "incidentId=", "incidentScope=secret:analytics-readonly")
    environ = {**sandbox.environ_unchecked()}
    done = pulumi(sandbox, *config, environ=environ)
    assert done.returncode != 0
    assert "not contained" in done.stdout
    assert "analytics-readonly" in done.stdout
    sandbox.service("postgres").start()
    assert actors.can_connect(leaked["username"], leaked["password"]), "nothing had been revoked: the drill is void"
    again = pulumi(sandbox, *config, environ=environ)
    assert again.returncode == 0, again.stdout
    assert not actors.can_connect(leaked["username"], leaked["password"])


def test_what_a_leaked_role_issued_since_is_not_contained_and_by_the_printed_command_it_is(
    drilled: Drill, sandbox: Sandbox
) -> None:
    del drilled
    actors = Actors(sandbox)
    fresh = actors.read(actors.login(*actors.secret_id("analytics-api")), "database/creds/analytics-readonly")
    env = {**os.environ, **sandbox.environ()}

    def contain(*words: str) -> tuple[int, str]:
        argv = [sys.executable, "-m", "rotation", "contain", *words]
        done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, told = contain("--scope", "analytics-readonly")
    assert code == 1, told
    assert actors.can_connect(fresh["username"], fresh["password"])
    printed = re.search(r"not contained: secret:analytics-readonly \(named again: .*portcullis contain ([^)]*)\)", told)
    assert printed, told
    code, told = contain(*printed[1].split())
    assert code == 0, told
    assert not actors.can_connect(fresh["username"], fresh["password"])


def test_contain_without_pulumi_and_the_next_up_agrees(drilled: Drill, sandbox: Sandbox) -> None:
    del drilled
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("partner-gateway"))
    path = "secret/data/partners/api"
    assert actors.allowed(lambda: actors.read(token, path))
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", "partner-api-key", "--json"]
    env = {**os.environ, **sandbox.environ()}
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["contained"] is True
    assert found["scope"] == {"everything": False, "leaked": ["secret:partner-api-key"]}
    assert done.stderr.startswith(f"incident {found['incident']}: in scope: secret:"), done.stderr
    assert not actors.allowed(lambda: actors.read(token, path))
    again = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert {e["outcome"] for e in json.loads(again.stdout)["effects"]} == {"already"}
    by_id = [*argv[:4], "--incident-id", found["incident"], "--json"]
    joined = subprocess.run(by_id, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert joined.returncode == 0, joined.stderr
    assert {e["outcome"] for e in json.loads(joined.stdout)["effects"]} == {"already"}
    up = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert up.returncode == 0, up.stdout
    assert "done:" not in up.stdout
    fresh = actors.login(*actors.secret_id("partner-gateway"))
    assert not actors.allowed(lambda: actors.read(fresh, path)), "the gate must hold for new tokens too"
    unknown = subprocess.run(
        [*argv[:-2], "nobody"], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False
    )
    assert unknown.returncode == 2
    assert "is declared nowhere; nothing was changed" in unknown.stderr
    blank = subprocess.run([*argv[:-2], ", ,"], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert blank.returncode == 2
    assert "names nothing" in blank.stderr
