"""What nobody used on a real server is what the patch takes out, and the patch narrows and does nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from access.acl import Acl
from access.difference import differences
from access.policy import parse
from containment import names
from containment.adapters.minter import HvacProber
from containment.adapters.vault import HvacVault
from containment.compiled import gate
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from drill.actors import Actors
from drill.stack import pulumi
from policies.load import ACCESS, load
from policies.model import CiRole, Estate, Workload
from sandbox.environment import REPOSITORY, Sandbox

ID = "INC-7"
KEY = "staging/secret/data/trading/exchange"
INGEST = "database/creds/market-data-ingest"
MORE = """  grants:
    # places orders
    - workload: execution-engine-staging
      capabilities: [read, update]  # rotates it itself?
    - workload: ingest-staging
      capabilities: [read]
"""


@pytest.fixture(scope="module", autouse=True)
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository of its own, with more granted than is used; the sandbox is prepared from it."""
    repository = tmp_path_factory.mktemp("repository")
    folder = repository / "access"
    shutil.copytree(ACCESS, folder)
    file = folder / "staging" / "exchange-trading-key-staging.yaml"
    granted = "  grants:\n    - workload: execution-engine-staging\n      capabilities: [read]\n"
    assert granted in file.read_text()
    file.write_text(file.read_text().replace(granted, MORE))
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_DECLARATIONS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def since(sandbox: Sandbox) -> str:
    """From here on the log is whole; what is used and tried after that."""
    begun = (datetime.now(UTC) - timedelta(seconds=3)).isoformat()  # the server's clock tells whole seconds
    vault = HvacVault.from_environment(sandbox.environ())
    vault.write_incident(Incident(ID, Scope(False, ("secret:partner-api-key",)), State.LIFTED, vault.now()))
    actors = Actors(sandbox)
    for workload, path in (
        ("execution-engine-staging", KEY),
        ("market-data-writer", INGEST),
        ("kraken-ingest", INGEST),
        ("settlement", "database/creds/settlement-readonly"),
    ):
        actors.read(actors.login(*actors.secret_id(workload)), path)
    claims = next(dict(r.bound_claims) for r in load().ci_roles if r.name == "cicd-staging")
    actors.read(actors.ci_login("cicd-staging", claims), KEY)
    prober = HvacProber.from_environment(sandbox.environ())
    for own in ("pc-w-binance-ingest", "pc-ci-cicd"):
        path = INGEST if own == "pc-w-binance-ingest" else "secret/data/partners/api"
        assert prober.try_read([*names.SHARED, own], path) == 200
    actors.read(actors.root_issue("pc-issue-w-treasury-report"), "database/creds/treasury-readonly")
    return begun


def _tighten(sandbox: Sandbox, *words: str) -> tuple[int, dict[str, Any]]:
    argv = [sys.executable, "-m", "rotation", "tighten", ID, "--json", *words]
    env = {**os.environ, **sandbox.environ()}
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_server_younger_than_the_window_proposes_nothing(sandbox: Sandbox, since: str, tmp_path: Path) -> None:
    del since
    older = tmp_path / "tighter.patch"
    older.write_text("of last week")
    code, said = _tighten(sandbox, "--output", str(older))
    assert (code, said["patch"], said["proposed"], older.read_text()) == (3, "", [], "")
    assert "it begins" in said["log"]["missing"][0]


def test_another_servers_log_and_none_propose_nothing(sandbox: Sandbox, since: str, tmp_path: Path) -> None:
    other = tmp_path / "audit.log"
    at = datetime.fromisoformat(since) - timedelta(hours=1)
    other.write_text(json.dumps({"time": at.isoformat(), "type": "request", "request": {"path": "sys/health"}}) + "\n")
    code, said = _tighten(sandbox, "--since", since, "--audit", str(other))
    assert (code, said["patch"]) == (3, "")
    assert any("not this server's current log" in why for why in said["log"]["missing"])
    code, said = _tighten(sandbox, "--since", since, "--audit", str(tmp_path / "none"))
    assert (code, "No such file" in said["error"]) == (3, True)


def test_the_patch_takes_out_exactly_what_was_not_used(
    sandbox: Sandbox, since: str, declarations: Path, tmp_path: Path
) -> None:
    before = load(declarations)
    patch = tmp_path / "tighter.patch"
    code, said = _tighten(sandbox, "--since", since, "--output", str(patch))
    assert code == 1, said
    found = {(g["identity"], g["path"], g["capability"]): g for g in said["grants"]}
    verdicts = {who: g["verdict"] for who, g in found.items()}
    assert verdicts[("execution-engine-staging", KEY, "read")] == "used"
    assert verdicts[("cicd-staging", KEY, "read")] == "used"
    assert verdicts[("treasury-report", "database/creds/treasury-readonly", "read")] == "unclear"
    assert found[("binance-ingest", INGEST, "read")]["probes"] == 1
    assert [(r["file"], r["field"]) for r in said["proposed"]] == [
        ("production/market-data-ingest.yaml", "spec.grants[1]"),
        ("staging/exchange-trading-key-staging.yaml", "spec.grants[0].capabilities[1]"),
        ("staging/exchange-trading-key-staging.yaml", "spec.grants[1]"),
        ("production/ci-cicd.yaml", "spec.secrets[0]"),
    ]
    assert all("never used in" in e and "log covers" in e for r in said["proposed"] for e in r["evidence"])
    used = [g for g in found if verdicts[g] != "unseen"]
    assert not [r for r in said["left"] if any(g[1] in e and g[0] in e for g in used for e in r["evidence"])]
    assert load(declarations) == before, "applied by itself"
    subprocess.run(["git", "apply", str(patch)], cwd=said["root"], check=True)
    after = load(declarations)
    assert "# places orders\n" in (declarations / "staging" / "exchange-trading-key-staging.yaml").read_text()
    lost = {(d.witness, c.value) for a, b in _identities(before, after) for d in _narrower(a, b) for c in d.lost}
    assert lost == {(INGEST, "read"), (KEY, "update"), (KEY, "read"), ("secret/data/partners/api", "read")}


def test_what_is_used_works_on_and_the_rest_is_refused(sandbox: Sandbox, since: str) -> None:
    del since
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert done.returncode == 0, done.stdout[-2000:]
    actors = Actors(sandbox)

    def may(workload: str, path: str) -> bool:
        token = actors.login(*actors.secret_id(workload))
        return actors.allowed(lambda: actors.read(token, path))

    assert may("execution-engine-staging", KEY)
    assert may("market-data-writer", INGEST)
    assert not may("ingest-staging", KEY)
    assert not may("binance-ingest", INGEST)


def _identities(before: Estate, after: Estate) -> Iterator[tuple[Acl, Acl]]:
    identities: list[Workload | CiRole] = [*before.workloads, *before.ci_roles]
    changed: list[Workload | CiRole] = [*after.workloads, *after.ci_roles]
    for then, now in zip(identities, changed, strict=True):
        yield _acl(then, before), _acl(now, after)


def _acl(identity: Workload | CiRole, estate: Estate) -> Acl:
    return Acl([parse(gate.own_policy(identity, estate, affected(estate, ())), "own", name="own")])


def _narrower(before: Acl, after: Acl) -> Any:
    found = differences(before, after)
    assert not [d for d in found if d.widens]
    return found
