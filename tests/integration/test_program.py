"""The production stack on the embedded environment, and what it does on a bad day: OPA down, declarations that do not
load, a vault that dies in the middle, two incidents at once, an old checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containment import names
from containment.adapters.vault import HvacVault
from containment.incident import Incident, Proof, State
from containment.proofs import CONTAINED, DECLARED, required
from containment.record import folder
from drill.actors import Actors
from policies.load import ACCESS, load
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import deliver, prepare, seed

TRADING = "secret/data/trading/exchange"
PARTNER = "secret/data/partners/api"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Servers up, stack `prod` created, Pulumi.prod.yaml as it is; addresses and tokens come from the environment."""
    box = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    os.environ["PORTCULLIS_INCIDENTS"] = str(box.root.parent / "incidents")
    box.up(print)
    project = box.root / "pulumi" / "project"
    project.mkdir(parents=True, mode=0o700)
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
        shutil.copyfile(REPOSITORY / name, project / name)
    argv = ["pulumi", "stack", "select", "--create", "prod", "--non-interactive"]
    subprocess.run(argv, cwd=project, env={**os.environ, **box.environ()}, check=True)
    yield box
    del os.environ["PORTCULLIS_INCIDENTS"]
    box.reset(print)


@pytest.fixture(scope="module")
def applied(sandbox: Sandbox) -> Sandbox:
    done = _up(sandbox, "incident=keep")
    assert done.returncode == 0, done.stdout
    seed(sandbox, print)
    deliver(sandbox)
    return sandbox


def _argv(sandbox: Sandbox, *config: str) -> list[str]:
    file = sandbox.root / "pulumi" / "project" / "Pulumi.prod.yaml"
    argv = ["pulumi", "up", "--non-interactive", "--yes", "--skip-preview", "--stack", "prod"]
    argv += ["--config-file", str(file)]
    for item in config:
        argv += ["--config", item]
    return argv


def _environ(sandbox: Sandbox, declarations: Path | None = None) -> dict[str, str]:
    chosen = {"PORTCULLIS_DECLARATIONS": str(declarations)} if declarations else {}
    return {**os.environ, **sandbox.environ_unchecked(), "PULUMI_STACK": "prod", **chosen}


def _up(sandbox: Sandbox, *config: str, declarations: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _argv(sandbox, *config),
        cwd=REPOSITORY,
        env=_environ(sandbox, declarations),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _lock(
    sandbox: Sandbox, incident: str, scope: str, declarations: Path | None = None
) -> subprocess.CompletedProcess[str]:
    config = ("incident=true", f"incidentId={incident}", f"incidentScope={scope}")
    return _up(sandbox, *config, declarations=declarations)


def _keep(sandbox: Sandbox, declarations: Path | None = None) -> subprocess.CompletedProcess[str]:
    return _up(sandbox, "incident=keep", "incidentId=", "incidentScope=", declarations=declarations)


def _lift(sandbox: Sandbox, incident: str) -> subprocess.CompletedProcess[str]:
    return _up(sandbox, "incident=false", f"incidentId={incident}", "incidentScope=")


def _vault(sandbox: Sandbox) -> HvacVault:
    return HvacVault.from_environment(sandbox.environ_unchecked())


def _open(sandbox: Sandbox) -> list[str]:
    return [i.id for i in _vault(sandbox).incidents() if i.state is State.OPEN]


def _gate(sandbox: Sandbox) -> str:
    return _vault(sandbox).read_policy(names.GATE) or ""


def _prove(sandbox: Sandbox, incident: str) -> None:
    """Every proof that rotation would write, by whoever may: what is tried here is the lift, not the rotation."""
    vault, estate = _vault(sandbox), load()
    now = vault.now()

    def proven(held: Incident) -> Incident:
        for item in required(held, estate):
            if item not in (CONTAINED, DECLARED):
                name, _, kind = item.rpartition("/")
                held = held.with_proof(Proof(name, kind, now, True))
        return held

    vault.update_incident(incident, proven)


def _lifted(sandbox: Sandbox, incident: str) -> None:
    _prove(sandbox, incident)
    done = _lift(sandbox, incident)
    assert done.returncode == 0, done.stdout
    assert incident not in _open(sandbox)


def _contained(incident: str) -> bool:
    report = json.loads((folder(incident) / "containment.json").read_text())
    return bool(report["contained"]) and report["not_contained"] == []


def _reads(sandbox: Sandbox, workload: str, path: str) -> bool:
    actors = Actors(sandbox)
    return actors.allowed(lambda: actors.read(actors.login(*actors.secret_id(workload)), path))


def _changed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines of the summary that speak of a change."""
    lines = [line.split() for line in done.stdout.splitlines()]
    words = ("created", "updated", "deleted", "replaced")
    return [" ".join(x) for x in lines if len(x) == 3 and x[0] in "+-~" and x[2] in words]


def _checkout(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ACCESS, tmp_path / "access"))


def test_the_second_run_in_peace_changes_nothing(applied: Sandbox) -> None:
    assert _reads(applied, "execution-engine", TRADING)
    done = _keep(applied)
    assert done.returncode == 0, done.stdout
    assert _changed(done) == []
    assert "unchanged" in done.stdout
    assert "done:" not in done.stdout


def test_production_is_contained_kept_and_lifted(applied: Sandbox) -> None:
    locked = _lock(applied, "PROD-1", "exchange-trading-key")
    assert locked.returncode == 0, locked.stdout
    assert _contained("PROD-1")
    assert _changed(locked) != [], "the summary is not read: nothing would ever be seen to change"
    assert not _reads(applied, "execution-engine", TRADING)
    kept = _keep(applied)
    assert kept.returncode == 0, kept.stdout
    assert _changed(kept) == []
    assert not _reads(applied, "execution-engine", TRADING)
    refused = _lift(applied, "PROD-1")
    assert refused.returncode != 0, "nothing was proven yet"
    assert "to go on without lifting: pulumi up --config incident=keep" in refused.stdout
    assert _up(applied, "incident=keep").returncode == 0, "the remedy does not work"
    assert _open(applied) == ["PROD-1"]
    _lifted(applied, "PROD-1")
    assert _reads(applied, "execution-engine", TRADING)


def test_a_left_over_lift_lifts_no_later_incident(applied: Sandbox) -> None:
    """`incident=false` and `incidentId=PROD-1` still stand in the stack's file."""
    text = (applied.root / "pulumi" / "project" / "Pulumi.prod.yaml").read_text()
    assert "PROD-1" in text, "nothing was left over"
    locked = _lock(applied, "PROD-2", "exchange-trading-key")
    assert locked.returncode == 0, locked.stdout
    told, warned = "incident PROD-2: in scope: secret:exchange-trading-key", "incidentScope is what PROD-1 had"
    assert locked.stdout.count(told) == 2, "once as it is said, once among Pulumi's diagnostics"
    assert warned in locked.stdout
    assert locked.stdout.index(told) < locked.stdout.index("done:")
    left_over = _lift(applied, "PROD-1")
    assert left_over.returncode == 0, left_over.stdout
    assert _open(applied) == ["PROD-2"]
    assert not _reads(applied, "execution-engine", TRADING)


def test_an_open_incidents_id_alone_is_that_incident_again(applied: Sandbox) -> None:
    """PROD-2 is open."""
    again = _lock(applied, "PROD-2", "")
    assert again.returncode == 0, again.stdout
    assert _open(applied) == ["PROD-2"]
    refused = _lock(applied, "PROD-2", "partner-api-key")
    assert refused.returncode != 0
    assert "open with another scope, secret:exchange-trading-key" in refused.stdout
    assert _reads(applied, "partner-gateway", PARTNER)


def test_a_scope_that_names_nothing_changes_nothing(applied: Sandbox) -> None:
    before = _gate(applied), _vault(applied).incidents()
    refused = _lock(applied, "PROD-9", ", ,")
    assert refused.returncode != 0
    assert "names nothing" in refused.stdout, refused.stdout
    assert (_gate(applied), _vault(applied).incidents()) == before


def test_two_incidents_are_a_union_and_each_lift_takes_its_own_part(applied: Sandbox) -> None:
    """PROD-2 is open."""
    locked = _lock(applied, "PROD-3", "partner-api-key")
    assert locked.returncode == 0, locked.stdout
    assert _open(applied) == ["PROD-2", "PROD-3"]
    for workload, path in (("execution-engine", TRADING), ("partner-gateway", PARTNER)):
        assert not _reads(applied, workload, path)
    _lifted(applied, "PROD-2")
    assert _open(applied) == ["PROD-3"]
    assert _reads(applied, "execution-engine", TRADING)
    assert not _reads(applied, "partner-gateway", PARTNER)
    _lifted(applied, "PROD-3")
    assert _reads(applied, "partner-gateway", PARTNER)


def test_a_role_that_changes_in_an_incident_stays_capped(
    applied: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi writes a changed role whole, with the TTLs that its state knows: those of peace."""
    path = "auth/jwt/role/analytics-batch"
    vault, checkout = _vault(applied), _checkout(tmp_path)
    file = checkout / "production" / "workload-analytics-batch.yaml"
    text = file.read_text()
    file.write_text(text.replace("{default: 15m, max: 30m}", "{default: 40m, max: 50m}"))
    done = _keep(applied, checkout)
    assert done.returncode == 0, done.stdout

    def held() -> tuple[int, int, str]:
        role = vault.read(path) or {}
        return role["token_ttl"], role["token_max_ttl"], str(role["bound_claims"])

    peace, database = held(), vault.read("database/roles/analytics-readonly")
    assert peace[:2] == (2400, 3000)
    assert _lock(applied, "PROD-4", "analytics-readonly", checkout).returncode == 0
    assert held()[:2] == (1800, 1800)
    file.write_text(file.read_text().replace("sub: analytics-batch", "sub: analytics-other"))
    with monkeypatch.context() as administrator:  # who may log in is nobody else's to change
        administrator.setenv("PORTCULLIS_DECLARATIONS", str(checkout))
        prepare(applied, print)
    done = _keep(applied, checkout)
    assert done.returncode == 0, done.stdout
    assert held()[:2] == (1800, 1800)
    assert "analytics-other" in held()[2]
    _prove(applied, "PROD-4")
    done = _up(applied, "incident=false", "incidentId=PROD-4", "incidentScope=", declarations=checkout)
    assert done.returncode == 0, done.stdout
    assert held()[:2] == peace[:2]
    assert vault.read("database/roles/analytics-readonly") == database, "its TTLs are those of peace again"
    prepare(applied, print)
    assert _keep(applied).returncode == 0
    assert held()[:2] == (900, 1800)


def test_opa_down(applied: Sandbox, tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    file = checkout / "production" / "analytics-readonly.yaml"
    before = _vault(applied).read("database/roles/analytics-readonly")
    assert before is not None
    text = file.read_text()
    ttl = next(line for line in text.splitlines() if line.startswith("  ttl:"))
    file.write_text(text.replace(ttl, "  ttl: {default: 11m, max: 22m}"))
    applied.service("opa").stop()
    try:
        refused = _keep(applied, checkout)
        assert refused.returncode != 0
        assert "opa at" in refused.stdout
        assert _vault(applied).read("database/roles/analytics-readonly") == before
        locked = _lock(applied, "OPA-1", "partner-api-key")
        assert locked.returncode != 0
        assert "opa at" in locked.stdout
        assert _contained("OPA-1")
        assert not _reads(applied, "partner-gateway", PARTNER)
        _prove(applied, "OPA-1")
        lift = _lift(applied, "OPA-1")
        assert lift.returncode != 0
        assert "opa at" in lift.stdout
        assert _open(applied) == ["OPA-1"]
        assert not _reads(applied, "partner-gateway", PARTNER)
    finally:
        applied.service("opa").start()
    assert "declared" in _lift(applied, "OPA-1").stdout, "a run that fell back has not declared the lock-down"
    assert _keep(applied).returncode == 0
    _lifted(applied, "OPA-1")
    done = _keep(applied, checkout)
    assert done.returncode == 0, done.stdout
    after = _vault(applied).read("database/roles/analytics-readonly")
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
    applied: Sandbox, tmp_path: Path, incident: str, old: str, new: str, named: str
) -> None:
    checkout = _checkout(tmp_path)
    file = checkout / "production" / "risk-limits-token.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    refused = _keep(applied, checkout)
    assert refused.returncode != 0
    locked = _lock(applied, incident, "partner-api-key", checkout)
    assert locked.returncode != 0
    assert named in locked.stdout, locked.stdout
    assert "the estate of the last apply was used" in locked.stdout
    assert _contained(incident)
    assert not _reads(applied, "partner-gateway", PARTNER)
    assert _keep(applied).returncode == 0, "with good declarations it is declared"
    _lifted(applied, incident)


def test_an_old_checkout_opens_no_gate(applied: Sandbox, tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    (checkout / "production" / "partner-api-key.yaml").unlink()
    role = checkout / "production" / "ci-cicd.yaml"
    role.write_text(role.read_text().replace("partner-api-key", "order-router-fix"))
    moved = checkout / "production" / "exchange-trading-key.yaml"
    moved.write_text(moved.read_text().replace("trading/exchange", "trading/older"))
    estate = load(checkout)
    assert all(s.name != "partner-api-key" for s in estate.secrets)
    assert _lock(applied, "OLD-1", "partner-api-key,exchange-trading-key").returncode == 0
    gate = _gate(applied)
    assert PARTNER in gate
    assert TRADING in gate
    for done in (
        _keep(applied, checkout),
        _lock(applied, "OLD-1", "partner-api-key,exchange-trading-key", checkout),
        _up(applied, "incident=false", "incidentId=OLD-1", "incidentScope=", declarations=checkout),
    ):
        assert _gate(applied) == gate, done.stdout
        assert _open(applied) == ["OLD-1"]
        assert not _reads(applied, "partner-gateway", PARTNER)
        assert not _reads(applied, "execution-engine", TRADING)
    _lifted(applied, "OLD-1")
    assert _reads(applied, "partner-gateway", PARTNER)


def _gate_written(log: Path, start: int) -> bool:
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


def _output(sandbox: Sandbox, name: str) -> str:
    argv = ["pulumi", "stack", "output", name, "--stack", "prod"]
    done = subprocess.run(argv, cwd=REPOSITORY, env=_environ(sandbox), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_openbao_killed_in_the_middle_is_not_contained_and_the_rerun_is(applied: Sandbox) -> None:
    config = ("incident=true", "incidentId=KILL-1", "incidentScope=exchange-trading-key")
    log = applied.openbao.audit_log
    start, killed = log.stat().st_size, False
    with subprocess.Popen(
        _argv(applied, *config),
        cwd=REPOSITORY,
        env=_environ(applied),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and child.poll() is None:
            if _gate_written(log, start):
                applied.service("openbao").kill()
                killed = True
                break
            time.sleep(0.005)
        output, _ = child.communicate()
    assert killed, "the gate was never written: nothing was killed in the middle"
    assert child.returncode != 0
    assert "not contained" in output, output
    assert _output(applied, "mode") == "not contained"
    applied.service("openbao").start()
    assert TRADING in _gate(applied), "the gate was not written: nothing was killed in the middle"
    assert [i.contained_at for i in _vault(applied).incidents() if i.id == "KILL-1"] == [0]
    again = _up(applied, *config)
    assert again.returncode == 0, again.stdout
    assert _output(applied, "mode") == "locked"
    assert _contained("KILL-1")
    assert not _reads(applied, "execution-engine", TRADING)


def test_destroy_leaves_the_gate(applied: Sandbox) -> None:
    """The last test: everything else that Pulumi declared goes."""
    assert _lock(applied, "GONE-1", "exchange-trading-key").returncode == 0
    gate, argv = _gate(applied), _argv(applied)
    assert TRADING in gate
    argv[argv.index("up")] = "destroy"
    done = subprocess.run(argv, cwd=REPOSITORY, env=_environ(applied), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "protected" in done.stdout + done.stderr, done.stdout
    assert _gate(applied) == gate
