"""The production stack on a bad day: OPA down, declarations that do not load, an old checkout, a vault that dies in
the middle, `pulumi destroy`."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from containment import names, way_out
from containment.adapters.vault import HvacVault
from containment.compiled import gate, operators
from containment.lockout import largest
from policies.errors import InputError
from policies.load import load
from sandbox.environment import REPOSITORY
from tests.integration.production import PARTNER, TRADING, Production, changed, contained, copied


def test_opa_down(prod: Production, tmp_path: Path) -> None:
    checkout = copied(tmp_path)
    file = checkout / "production" / "analytics-readonly.yaml"
    before = prod.vault().read("database/roles/analytics-readonly")
    assert before is not None
    text = file.read_text()
    ttl = next(line for line in text.splitlines() if line.startswith("  ttl:"))
    file.write_text(text.replace(ttl, "  ttl: {default: 11m, max: 22m}"))
    prod.box.service("opa").stop()
    try:
        refused = prod.keep(checkout)
        assert refused.returncode != 0
        assert "opa at" in refused.stdout
        assert prod.vault().read("database/roles/analytics-readonly") == before
        locked = prod.lock("OPA-1", "partner-api-key")
        assert locked.returncode != 0
        assert "opa at" in locked.stdout
        assert contained("OPA-1")
        assert not prod.reads("partner-gateway", PARTNER)
        prod.prove("OPA-1")
        lift = prod.lift("OPA-1")
        assert lift.returncode != 0
        assert "nothing was lifted: opa at" in lift.stdout
        assert prod.open() == ["OPA-1"]
        assert not prod.reads("partner-gateway", PARTNER)
    finally:
        prod.box.service("opa").start()
    refused = prod.lift("OPA-1")
    assert "declared: no `pulumi up` has declared this lock-down" in refused.stdout, (
        "a run that fell back has not declared it"
    )
    assert prod.keep().returncode == 0
    prod.lifted("OPA-1")
    done = prod.keep(checkout)
    assert done.returncode == 0, done.stdout
    after = prod.vault().read("database/roles/analytics-readonly")
    assert after is not None
    assert after["default_ttl"] == 660, "the change that OPA down refused is one: now it is applied"


@pytest.mark.parametrize(
    ("incident", "old", "new", "named"),
    [
        ("LOAD-1", "tier: critical", "tier: precious", "risk-limits-token.yaml:8: spec.tier"),
        ("LOAD-2", "max: 4h", "max: 12h", "risk-limits-token.yaml:16: spec.ttl.max: ttl (high)"),
    ],
    ids=["does-not-load", "opa-objects"],
)
def test_a_bad_declaration_stands_in_no_lock_downs_way(
    prod: Production, tmp_path: Path, incident: str, old: str, new: str, named: str
) -> None:
    checkout = copied(tmp_path)
    file = checkout / "production" / "risk-limits-token.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    refused = prod.keep(checkout)
    assert refused.returncode != 0
    locked = prod.lock(incident, "partner-api-key", checkout)
    assert locked.returncode != 0
    assert named in locked.stdout, locked.stdout
    assert "the estate of the last apply was used" in locked.stdout
    assert "once the declarations serve again: pulumi up --config incident=keep" in " ".join(locked.stdout.split())
    assert contained(incident)
    assert not prod.reads("partner-gateway", PARTNER)
    assert prod.keep().returncode == 0, "with good declarations it is declared"
    prod.lifted(incident)


def test_an_old_checkout_opens_no_gate(prod: Production, tmp_path: Path) -> None:
    checkout = copied(tmp_path)
    (checkout / "production" / "partner-api-key.yaml").unlink()
    role = checkout / "production" / "ci-cicd.yaml"
    role.write_text(role.read_text().replace("partner-api-key", "order-router-fix"))
    moved = checkout / "production" / "exchange-trading-key.yaml"
    moved.write_text(moved.read_text().replace("trading/exchange", "trading/older"))
    estate = load(checkout)
    assert all(s.name != "partner-api-key" for s in estate.secrets)
    assert prod.lock("OLD-1", "partner-api-key,exchange-trading-key").returncode == 0
    gate = prod.gate()
    assert PARTNER in gate
    assert TRADING in gate
    for done in (
        prod.keep(checkout),
        prod.lock("OLD-1", "partner-api-key,exchange-trading-key", checkout),
        prod.up("incident=false", "incidentId=OLD-1", "incidentScope=", declarations=checkout),
    ):
        assert prod.gate() == gate, done.stdout
        assert prod.open() == ["OLD-1"]
        assert not prod.reads("partner-gateway", PARTNER)
        assert not prod.reads("execution-engine", TRADING)
    prod.lifted("OLD-1")
    assert prod.reads("partner-gateway", PARTNER)


def gate_written(log: Path, start: int) -> bool:
    """Whether the audit log, from byte `start` on, holds the answer to a write of the gate."""
    with log.open("rb") as audit:
        audit.seek(start)
        text = audit.read()
    for line in text[: text.rfind(b"\n") + 1].splitlines():
        record = json.loads(line)
        asked = record["request"]
        if (record["type"], asked["operation"], asked["path"]) == (
            "response",
            "update",
            f"sys/policies/acl/{names.GATE}",
        ):
            return True
    return False


def test_a_lock_downs_own_policies_on_whoever_works_it_leave_the_way_out(prod: Production) -> None:
    """As a group can attach them behind everybody's back; what `containment.lockout` says, the server does."""
    vault, worst = prod.vault(), largest(load())
    peace = {name: vault.read_policy(name) or "" for name in names.SHARED}
    vault.write_policy(names.GATE, gate.gate(worst))
    vault.write_policy(names.QUARANTINE, gate.quarantine(worst))
    try:
        for name in (operators.OPERATOR, operators.CONTAINMENT, operators.BREAK_GLASS):
            way_out.require(_with(prod, [name, *names.SHARED]))
        with pytest.raises(InputError, match=r"it lacks sys/policies/acl/pc-.*auth/token/revoke-accessor"):
            way_out.require(_with(prod, [operators.DRIFT, *names.SHARED]))
    finally:
        for name, text in peace.items():
            vault.write_policy(name, text)


def _with(prod: Production, policies: list[str]) -> HvacVault:
    bao = prod.box.openbao
    made = bao.call("POST", "auth/token/create", {"policies": policies}, token=bao.root_token())
    return HvacVault.from_environment({**prod.box.environ_unchecked(), "VAULT_TOKEN": made["auth"]["client_token"]})


def test_openbao_killed_in_the_middle_is_not_contained_and_the_rerun_is(prod: Production) -> None:
    config = ("incident=true", "incidentId=KILL-1", "incidentScope=exchange-trading-key")
    log = prod.box.openbao.audit_log
    start, killed = log.stat().st_size, False
    with subprocess.Popen(
        prod.argv(*config),
        cwd=REPOSITORY,
        env=prod.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and child.poll() is None:
            if gate_written(log, start):
                prod.box.service("openbao").kill()
                killed = True
                break
            time.sleep(0.005)
        output, _ = child.communicate()
    assert killed, "the gate was never written: nothing was killed in the middle"
    assert child.returncode != 0
    assert "not contained" in output, output
    assert prod.output("mode") == "not contained"
    prod.box.service("openbao").start()
    assert TRADING in prod.gate(), "the gate was not written: nothing was killed in the middle"
    assert [i.contained_at for i in prod.vault().incidents() if i.id == "KILL-1"] == [0]
    again = prod.up(*config)
    assert again.returncode == 0, again.stdout
    assert prod.output("mode") == "locked"
    assert contained("KILL-1")
    assert not prod.reads("execution-engine", TRADING)
    prod.lifted("KILL-1")


def test_a_vault_restored_from_before_the_incident_opens_nothing(prod: Production, tmp_path: Path) -> None:
    """What the update before left open is in the stack's outputs, whatever fails in between."""
    bao = prod.box.openbao
    assert prod.open() == []
    bao.stop()
    backup = tmp_path / "backup"
    shutil.copytree(bao.folder, backup)
    bao.start()
    assert prod.lock("LOST-1", "partner-api-key").returncode == 0
    bao.stop()
    failed = prod.keep()
    assert failed.returncode != 0
    shutil.rmtree(bao.folder)
    shutil.copytree(backup, bao.folder)
    bao.start()
    assert prod.open() == []
    for _ in range(2):
        refused = prod.keep()
        assert refused.returncode != 0
        assert "the last update left LOST-1 open, and the vault has no record of it" in refused.stdout
        assert changed(refused) == []
        assert prod.output("openIncidents") == '["LOST-1"]'
    other = prod.lock("LOST-2", "risk-limits-token")
    assert other.returncode == 0, other.stdout
    assert "the last update left LOST-1 open" in other.stdout
    again = prod.lock("LOST-1", "partner-api-key")
    assert again.returncode == 0, again.stdout
    assert "the last update left" not in again.stdout
    assert not prod.reads("partner-gateway", PARTNER)
    prod.lifted("LOST-2")
    prod.lifted("LOST-1")
    assert prod.output("openIncidents") == "[]"
    assert prod.keep().returncode == 0


def test_destroy_leaves_the_gate(prod: Production) -> None:
    """The last test: everything else that Pulumi declared goes."""
    assert prod.lock("GONE-1", "exchange-trading-key").returncode == 0
    gate, argv = prod.gate(), prod.argv()
    assert TRADING in gate
    argv[argv.index("up")] = "destroy"
    done = subprocess.run(argv, cwd=REPOSITORY, env=prod.environ(), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "protected" in done.stdout + done.stderr, done.stdout
    assert prod.gate() == gate
