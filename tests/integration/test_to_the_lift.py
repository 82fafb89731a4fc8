"""An incident that names nothing, from lock-down to lift: what the responder is told, a retired credential that is
still in use, and the alert."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import hvac
import pytest

from containment.adapters.github import GithubHost
from containment.adapters.github_api import GithubApi, Settings
from containment.folder import record
from drill.stack import pulumi
from policies.errors import Unreachable
from policies.load import load
from sandbox.environment import REPOSITORY, SETTINGS, Sandbox
from sandbox.services.pagerduty import PagerdutyDouble

ID = "ALL-1"
_DELETE = """mutation($input: DeleteBranchProtectionRuleInput!) { deleteBranchProtectionRule(input: $input) {
 clientMutationId } }"""
PATH = "secret/data/partners/api"
NOTICE = "Nothing is named as leaked: nothing will be rotated."
WORD = ("confirm", ID, "incident/audit-quiet", "--by", "A. Roth", "--note", "our own monitoring")


@pytest.fixture(scope="module")
def retired(sandbox: Sandbox) -> str:
    """A batch token with a workload's own policy, made by an administrator by hand: no accessor to revoke it by, and
    neither the gate nor a generation on it."""
    body = {"policies": ["pc-w-partner-gateway"], "type": "batch", "ttl": "1h"}
    made = sandbox.openbao.call("POST", "auth/token/create-orphan", body, token=sandbox.openbao.root_token())
    return str(made["auth"]["client_token"])


@pytest.fixture(scope="module")
def locked(sandbox: Sandbox, retired: str) -> str:
    """What the lock-down said."""
    del retired
    preview = pulumi(sandbox, "incident=true", f"incidentId={ID}", "incidentScope=", preview=True)
    assert NOTICE in preview.stdout, preview.stdout
    done = pulumi(sandbox, "incident=true", f"incidentId={ID}", "incidentScope=")
    assert done.returncode == 0, done.stdout
    return done.stdout


def _rotate(sandbox: Sandbox, *words: str) -> subprocess.CompletedProcess[str]:
    argv, env = [sys.executable, "-m", "rotation", "rotate", *words], {**os.environ, **sandbox.environ()}
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def _use(sandbox: Sandbox, token: str) -> None:
    time.sleep(1.1)  # containment is on record in whole seconds
    sandbox.openbao.call("GET", PATH, token=token)


def _ask_about_itself(sandbox: Sandbox, token: str) -> None:
    """What the `default` policy grants, and what the server refuses with an error of the request."""
    time.sleep(1.1)
    sandbox.openbao.call("GET", "auth/token/lookup-self", token=token)
    sandbox.openbao.call("POST", "sys/tools/hash", {"input": "aGk="}, token=token)
    sandbox.openbao.call("GET", "sys/internal/ui/mounts", token=token)
    sandbox.openbao.call("POST", "sys/capabilities-self", {"paths": [PATH]}, token=token)
    for method, path in (
        ("POST", "auth/token/renew-self"),
        ("POST", "sys/capabilities-self"),
        ("GET", f"cubbyhole/{PATH}"),
    ):
        with pytest.raises(Unreachable, match=f"{path}: 400"):
            sandbox.openbao.call(method, path, {} if method == "POST" else None, token=token)


def _wrap(sandbox: Sandbox, token: str) -> None:
    """The answer stays with the server, under a token of its own."""
    client = hvac.Client(sandbox.openbao.url, token, verify=str(sandbox.root / "ca.pem"))
    held = client.adapter.get("/v1/auth/token/lookup-self", wrap_ttl="60s")
    assert held["wrap_info"]["token"]


def _alert(sandbox: Sandbox) -> str:
    double = sandbox.service("pagerduty")
    assert isinstance(double, PagerdutyDouble)
    return str(double.alerts()[ID]["status"])


def test_the_responder_is_told_that_nothing_will_be_rotated(sandbox: Sandbox, locked: str) -> None:
    assert NOTICE in locked
    assert _alert(sandbox) == "triggered"
    plan = _rotate(sandbox, "plan", ID)
    assert plan.stdout.startswith(NOTICE)
    status = json.loads(_rotate(sandbox, "status", ID, "--json").stdout)
    assert status["notice"].startswith(NOTICE)


def test_what_a_batch_token_asks_about_itself_stands_in_no_way_and_is_told(
    sandbox: Sandbox, locked: str, retired: str
) -> None:
    del locked
    _ask_about_itself(sandbox, retired)
    done = _rotate(sandbox, "run", ID)
    assert done.returncode == 0, done.stdout
    status = _rotate(sandbox, "status", ID).stdout
    assert (
        "7 requests of batch tokens, which nobody can revoke, that read nothing: auth/token/lookup-self (1), " in status
    )
    assert "cubbyhole (1)" in status


def test_a_use_of_what_was_retired_stands_in_the_way_until_it_is_acknowledged(
    sandbox: Sandbox, locked: str, retired: str
) -> None:
    del locked
    nothing = _rotate(sandbox, *WORD)
    assert nothing.returncode == 2
    assert "no use of what was retired was seen" in nothing.stderr
    _use(sandbox, retired)
    done = _rotate(sandbox, "run", ID)
    assert done.returncode == 1
    assert NOTICE in done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("not proven: ")]
    assert "audit-quiet: 1 uses of what was retired: 20" in line
    assert f"{PATH} by token, accessor none, from 127.0.0.1" in line
    assert retired not in done.stdout + done.stderr
    refused = pulumi(sandbox, "incident=false", f"incidentId={ID}").stdout
    assert f"incident/audit-quiet: did not hold when it was last tried: `portcullis rotate status {ID}`" in refused
    _a_rotated_log_makes_nothing_quiet(sandbox)
    word = _rotate(sandbox, *WORD)
    assert word.returncode == 0, word.stderr
    assert word.stdout.startswith("1 uses of what was retired, acknowledged by A. Roth: our own monitoring. 20")
    again = _rotate(sandbox, "run", ID)
    assert again.returncode == 0, again.stdout


def _a_rotated_log_makes_nothing_quiet(sandbox: Sandbox) -> None:
    """As logrotate does it: the server writes on into a new file."""
    log = sandbox.openbao.audit_log
    aside = log.with_name("audit.log-elsewhere")
    log.rename(aside)
    pid = sandbox.openbao.process.running()
    assert pid is not None
    os.kill(pid, signal.SIGHUP)
    sandbox.openbao.call("GET", "sys/mounts", token=sandbox.openbao.root_token())
    done = _rotate(sandbox, "run", ID)
    assert done.returncode == 1, done.stdout
    assert "1 uses that were seen are not in the log any more: 20" in done.stdout
    assert "the log begins at 20" in done.stdout
    assert "beside it as audit.log.1" in done.stdout
    aside.rename(log.with_name("audit.log.1"))
    done = _rotate(sandbox, "run", ID)
    assert done.returncode == 1, done.stdout
    assert "audit-quiet: 1 uses of what was retired: 20" in done.stdout
    assert "writes of the incident's record" not in done.stdout


def test_a_later_use_is_red_again(sandbox: Sandbox, locked: str, retired: str) -> None:
    del locked
    _use(sandbox, retired)
    _wrap(sandbox, retired)
    done = _rotate(sandbox, "run", ID)
    assert done.returncode == 1
    assert "2 uses of what was retired: 20" in done.stdout
    assert " auth/token/lookup-self by token" in done.stdout
    assert _rotate(sandbox, *WORD).returncode == 0
    assert _rotate(sandbox, "run", ID).returncode == 0


def test_who_acknowledged_what_and_why_is_in_the_evidence(sandbox: Sandbox, locked: str) -> None:
    del locked
    events = (Path(os.environ["PORTCULLIS_INCIDENTS"]) / ID / "events.jsonl").read_text().splitlines()
    said = [e["detail"] for e in map(json.loads, events) if e["what"] == "use acknowledged"]
    assert len(said) == 2
    assert all("acknowledged by A. Roth: our own monitoring" in detail and PATH in detail for detail in said)
    held = sandbox.openbao.call("GET", f"portcullis/data/incidents/{ID}", token=sandbox.openbao.root_token())
    assert [a["by"] for a in held["data"]["data"]["acknowledged"]] == ["A. Roth", "A. Roth"]


def test_the_lift_says_it_again_and_resolves_the_alert(sandbox: Sandbox, locked: str) -> None:
    del locked
    assert _alert(sandbox) == "triggered"
    done = pulumi(sandbox, "incident=false", f"incidentId={ID}")
    assert done.returncode == 0, done.stdout
    assert NOTICE in done.stdout
    assert _alert(sandbox) == "resolved"
    assert _rotate(sandbox, "status", ID).stdout.startswith(f"incident {ID} is lifted, 20")


def test_a_protection_that_was_deleted_behind_pulumis_back_is_told_with_the_remedy(
    sandbox: Sandbox, locked: str
) -> None:
    del locked
    environ = {**os.environ, **sandbox.environ()}
    host, found = GithubHost.from_environment(environ), Settings.from_environment(environ)
    api = GithubApi(found.url, found.token, found.ca)

    def delete() -> None:
        rule = next(rule for rule in host.branch_rules("tradepulse-core") if rule.pattern == "main")
        api.graphql("delete", _DELETE, {"input": {"branchProtectionRuleId": rule.id}})

    delete()
    done = pulumi(sandbox, "incident=true", "incidentId=BEHIND-1", "incidentScope=treasury-readonly")
    assert done.returncode != 0
    assert "Could not resolve to a node" in done.stdout
    assert "not declared on GitHub: tradepulse-core-main. Where GitHub says above" in done.stdout, done.stdout
    assert _rotate(sandbox, "run", "BEHIND-1").returncode == 0
    done = pulumi(sandbox, "incident=false", "incidentId=BEHIND-1", "incidentScope=")
    assert "incident BEHIND-1 is lifted" in done.stdout, done.stdout
    assert "In peace, first delete on GitHub what a lock-down has made anew" in done.stdout
    assert "then run `pulumi up --refresh --config incident=keep`" in done.stdout
    delete()
    refreshed = {**sandbox.environ(), "PULUMI_OPTION_REFRESH": "true"}
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=", environ=refreshed)
    assert done.returncode == 0, done.stdout


def _lift_cut_short(sandbox: Sandbox, incident: str, at: str) -> str:
    """A lift in which the vault is killed when the run says `at`; it is up again. Returns what the run said."""
    lifting = ["pulumi", "up", "--non-interactive", "--stack", "local", "--yes", "--skip-preview"]
    lifting += ["--config-file", str(sandbox.root / "pulumi" / "project" / SETTINGS)]
    lifting += ["--config", "incident=false", "--config", f"incidentId={incident}", "--config", "incidentScope="]
    env, lines, killed = {**os.environ, **sandbox.environ()}, list[str](), list[bool]()
    with subprocess.Popen(
        lifting, cwd=REPOSITORY, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if at in line:
                killed.append(sandbox.openbao.kill())
    assert killed[0]
    assert child.returncode
    sandbox.openbao.start()
    return "".join(lines)


def test_a_lift_that_the_vault_cuts_short_leaves_ci_as_declared(sandbox: Sandbox, locked: str) -> None:
    """Pulumi takes what it failed to write then for written: only the TTLs that it takes for changed are sent later."""
    del locked
    assert pulumi(sandbox, "incident=true", "incidentId=CUT-1", "incidentScope=cicd").returncode == 0
    assert _rotate(sandbox, "run", "CUT-1").returncode == 0
    _lift_cut_short(sandbox, "CUT-1", "incident CUT-1 is lifted")
    assert pulumi(sandbox, "incident=false", "incidentId=CUT-1", "incidentScope=").returncode == 0
    role = sandbox.openbao.call("GET", "auth/jwt/role/cicd", token=sandbox.openbao.root_token())["data"]
    declared = next(c for c in load().ci_roles if c.name == "cicd")
    assert (role["token_ttl"], role["token_max_ttl"]) == (declared.ttl.default, declared.ttl.max)
    assert role["bound_claims"] == {name: [claim] for name, claim in declared.bound_claims}


def test_a_lift_that_is_cut_short_after_the_gate_rose_is_contained_nowhere(sandbox: Sandbox, locked: str) -> None:
    """Of a workload that logs in by a JWT too, which no login method of ours issues anything for."""
    del locked
    scope = "workload:analytics-batch,ci:cicd"
    assert pulumi(sandbox, "incident=true", "incidentId=CUT-2", f"incidentScope={scope}").returncode == 0
    _rotate(sandbox, "run", "CUT-2")
    said = _rotate(sandbox, "confirm", "CUT-2", "workload:analytics-batch", "--by", "A. Roth", "--note", "issuer")
    assert said.returncode == 0, said.stderr
    off = _rotate(sandbox, "run", "CUT-2")
    assert off.returncode == 1, "nobody can log in"
    assert "auth/jwt/role/analytics-batch is off still" in off.stdout + off.stderr
    assert pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=").returncode == 0
    assert _rotate(sandbox, "run", "CUT-2").returncode == 0
    told = _lift_cut_short(sandbox, "CUT-2", "the gate rises")
    assert "incident CUT-2 is half lifted" in told
    assert "is lifted" not in told

    status = _rotate(sandbox, "status", "CUT-2", "--json")
    (contained,) = [p for p in json.loads(status.stdout)["proofs"] if p["item"] == "contained"]
    assert (status.returncode, contained["proven"]) == (1, False)
    assert "a lift has begun and is not at its end" in contained["detail"]
    environ = {**os.environ, **sandbox.environ()}
    for verb in ("report", "collect"):
        argv = [sys.executable, "-m", "rotation", "evidence", verb, "CUT-2"]
        subprocess.run(argv, cwd=REPOSITORY, env=environ, capture_output=True, check=False)
        page = (record.place("CUT-2") / "report.html").read_text()
        assert "lift begun: it was not seen to its end" in page, verb
        assert "Not contained" in page

    kept = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert kept.returncode == 0, kept.stdout
    status = _rotate(sandbox, "status", "CUT-2", "--json")
    (contained,) = [p for p in json.loads(status.stdout)["proofs"] if p["item"] == "contained"]
    assert contained["proven"], status.stdout
    lifted = pulumi(sandbox, "incident=false", "incidentId=CUT-2", "incidentScope=")
    assert lifted.returncode == 0, lifted.stdout
    assert "incident CUT-2 is lifted" in lifted.stdout


def test_what_the_last_apply_declared_is_contained_though_it_is_declared_no_longer(
    sandbox: Sandbox, locked: str, tmp_path: Path
) -> None:
    """The name has become another kind's meanwhile: what was denied first is what the run goes on with."""
    del locked
    access = tmp_path / "access"
    shutil.copytree(REPOSITORY / "policies" / "access", access)
    production = access / "production"
    (production / "partner-api-key.yaml").unlink()
    cicd = production / "ci-cicd.yaml"
    cicd.write_text(cicd.read_text().replace("secrets: [partner-api-key]", "secrets: []"))
    workload = (production / "workload-treasury-report.yaml").read_text()
    (production / "workload-partner-api-key.yaml").write_text(workload.replace("treasury-report", "partner-api-key"))
    argv = [sys.executable, "-m", "rotation", "contain", "--incident-id", "GONE-1", "--scope", "partner-api-key"]
    env = {**os.environ, **sandbox.environ(), "PORTCULLIS_DECLARATIONS": str(access)}
    done = subprocess.run([*argv, "--json"], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["contained"] is True
    gate = sandbox.openbao.call("GET", "sys/policies/acl/pc-gate", token=sandbox.openbao.root_token())
    assert PATH in gate["data"]["policy"]


def test_a_scope_named_beside_a_lifted_id_is_no_left_over(sandbox: Sandbox, locked: str) -> None:
    """The lifted one had everything in scope."""
    del locked
    done = pulumi(sandbox, "incident=true", f"incidentId={ID}", "incidentScope=partner-api-key")
    assert done.returncode == 0, done.stdout
    assert f"incident {ID} is lifted: this goes on with GONE-1, with the scope named" in done.stdout
    assert "everything is locked down" not in done.stdout
