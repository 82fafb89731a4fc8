"""The real OPA server with the product's bundle: the example estate holds, each wrong turn is denied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.declarations import generate
from containment.adapters.opa import Opa
from containment.compiled import operators
from containment.compiled.resources import ANY, resources
from policies.load import ACCESS, load
from policies.rules import LOCKOUT, rules
from rotation.checking.declarations import check
from rotation.checking.plan import check_plan
from rotation.checking.sarif import sarif
from sandbox.doubles.github import free_port
from sandbox.services.opa import OpaServer

ROOT = Path(__file__).resolve().parents[2]
PROOF = {"item": "a", "kind": "old-dead", "proven_at": 200, "ok": True}
LIFT: dict[str, Any] = {
    "incident": {"id": "I", "state": "open", "opened_at": 100},
    "requested_id": "I",
    "required": ["a"],
    "proofs": [PROOF],
    "now": 300,
}
ISSUE: dict[str, Any] = {
    "requester": {"name": "deployer", "roles": ["cicd"], "login": "auth/jwt/login"},
    "role": "cicd",
    "ttl": 1800,
    "incidents": [{"id": "I", "state": "open", "paused_roles": []}],
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    service = OpaServer(tmp_path_factory.mktemp("opa"), free_port())
    service.start()
    yield service.url
    service.stop()


def _check(url: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rotation", "check", *argv],
        cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if k != "VAULT_ADDR"}, "OPA_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def _changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = tmp_path / "access"
    shutil.copytree(ACCESS, folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    return folder


def test_the_example_estate_holds(url: str) -> None:
    done = _check(url, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {"allow": True, "reasons": [], "violations": []}


def test_what_the_benchmark_declares_holds(url: str, tmp_path: Path) -> None:
    generate(tmp_path, 2)
    done = _check(url, str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_violation_has_file_line_rule_and_remedy(url: str, tmp_path: Path) -> None:
    file = "production/exchange-trading-key.yaml"
    folder = _changed(tmp_path, file, "max: 4h", "max: 5h")
    text = (folder / file).read_text().replace("period: 14d", "period: 31d")
    (folder / file).write_text(text)
    done = _check(url, str(folder), "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["violations"]
    written = text.splitlines()
    for violation, (rule, field, on, number) in zip(
        found,
        [("ttl", "spec.ttl.max", "ttl:", "18000 s"), ("rotation", "spec.rotation.period", "rotation:", "2678400 s")],
        strict=True,
    ):
        assert (violation["file"], violation["rule"], violation["field"]) == (file, rule, field)
        assert on in written[violation["line"] - 1]
        assert number in violation["message"]
        assert violation["remedy"]
        assert violation["severity"] == "high"


def test_a_secret_that_is_kept_apart_keeps_its_name(url: str, tmp_path: Path) -> None:
    """Under another one no rule would know it, and one workload might hold it beside what checks it."""
    file = "production/exchange-trading-key.yaml"
    done = _check(url, str(_changed(tmp_path, file, "name: exchange-trading-key", "name: exchange-order-key")))
    assert done.returncode == 1, done.stderr
    assert "no secret is called exchange-trading-key: nothing is kept apart from it" in done.stdout
    assert "thresholds/data.yaml:0: separated_secrets: separation (critical)" in done.stdout


def test_what_does_not_load_is_not_taken_for_missing(url: str, tmp_path: Path) -> None:
    file = "production/exchange-trading-key.yaml"
    done = _check(url, str(_changed(tmp_path, file, "  tier:", "  tear:")))
    assert done.returncode == 2, done.stderr
    assert "no secret is called" not in done.stdout
    assert f"{file}:" in done.stdout


def test_a_critical_credential_is_not_shared(url: str, tmp_path: Path) -> None:
    extra = "  grants:\n    - workload: order-router\n      capabilities: [read]"
    folder = _changed(tmp_path, "production/exchange-trading-key.yaml", "  grants:", extra)
    done = _check(url, str(folder))
    assert done.returncode == 1, done.stderr
    assert "exchange-trading-key.yaml:13: spec.grants: sharing (critical)" in done.stdout


def test_bad_input_is_2_and_no_server_is_3(url: str, tmp_path: Path) -> None:
    assert _check(url, str(tmp_path / "none")).returncode == 2
    assert _check("").returncode == 2
    assert _check("http://127.0.0.1:1").returncode == 3


def test_an_unknown_package_is_a_denial(url: str) -> None:
    decision = Opa(url).decide("portcullis.nothing", {})
    assert not decision.allow
    assert decision.reasons[0].startswith("undefined")


def test_lift(url: str) -> None:
    opa = Opa(url)
    assert opa.decide("portcullis.lift", LIFT).allow
    assert opa.decide("portcullis.lift", {**LIFT, "proofs": []}).reasons == ("a",)
    assert not opa.decide("portcullis.lift", {**LIFT, "required": "a"}).allow
    assert not opa.decide("portcullis.lift", {}).allow


def test_issue(url: str) -> None:
    opa = Opa(url)
    asked = {**ISSUE, "now": time.time()}
    assert opa.decide("portcullis.issue", asked).allow
    assert not opa.decide("portcullis.issue", {**asked, "now": time.time() - 3600}).allow
    paused = {**asked, "incidents": [{"id": "I", "state": "open", "paused_roles": ["cicd"]}]}
    assert opa.decide("portcullis.issue", paused).reasons == ("role cicd is paused by incident I",)
    assert not opa.decide("portcullis.issue", {**asked, "ttl": 1801}).allow
    assert not opa.decide("portcullis.issue", {}).allow


def test_sarif_explain_and_chosen_files(url: str, tmp_path: Path) -> None:
    file = "production/exchange-trading-key.yaml"
    folder = _changed(tmp_path, file, "max: 4h", "max: 5h")
    other = folder / "production" / "risk-limits-token.yaml"
    done = _check(url, "--sarif", str(folder))
    assert done.returncode == 1, done.stderr
    results = json.loads(done.stdout)["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == ["ttl"]
    assert results[0]["locations"][0]["physicalLocation"]["region"]["startLine"] > 4
    assert _check(url, str(folder / file)).returncode == 1
    assert _check(url, str(other)).returncode == 0
    assert _check(url, str(other), str(ACCESS / file)).returncode == 2
    explained = _check("", "--explain", "ttl")
    assert explained.returncode == 0, explained.stderr
    assert "remedy     shorten it to the limit of the tier" in explained.stdout
    assert _check("", "--explain", "nothing").returncode == 2


def test_what_does_not_load_and_what_a_rule_objects_to_are_told_together(url: str, tmp_path: Path) -> None:
    folder = _changed(tmp_path, "production/exchange-trading-key.yaml", "max: 4h", "max: 5h")
    bad = folder / "production" / "partner-api-key.yaml"
    bad.write_text(bad.read_text().replace("tier: high", "tier: precious"))
    done = _check(url, "--json", str(folder))
    assert done.returncode == 2, done.stderr
    assert {v["rule"] for v in json.loads(done.stdout)["violations"]} == {"load", "ttl"}


HOSTILE = {
    "an HCL quote": ("path: trading/exchange", 'path: \'a" { capabilities = ["sudo"] }\''),
    "a newline": ("path: trading/exchange", 'path: "trading\\nexchange"'),
    "traversal": ("path: trading/exchange", "path: ../../sys/policies"),
    "a wildcard": ("path: trading/exchange", "path: trading/*"),
    "a reserved mount": ("mount: secret", "mount: sys"),
    "a homoglyph": ("name: exchange-trading-key", "name: exch\u0430nge-trading-key"),
    "a homoglyph in a description": ("places orders", "pl\u0430ces orders"),
    "a direction change": ("places orders", "places \u202eorders"),
    "an escape of the terminal": ("description: The key that", 'description: "\\e[31mThe key that'),
    "an alias bomb": ("owner: team-trading", "owner: &a team-trading"),
    "a tag": ("owner: team-trading", "owner: !!python/object/apply:os.system [id]"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_declaration_is_refused_and_shown_harmlessly(url: str, tmp_path: Path, what: str) -> None:
    folder = _changed(tmp_path, "production/exchange-trading-key.yaml", *HOSTILE[what])
    for argv in ((), ("--json",), ("--sarif",)):
        done = _check(url, *argv, str(folder))
        assert done.returncode in (1, 2), done.stdout
        assert "exchange-trading-key.yaml" in done.stdout
        assert all(c.isprintable() or c == "\n" for c in done.stdout + done.stderr)


def test_a_hostile_file_name_is_shown_harmlessly(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "access"
    shutil.copytree(ACCESS, folder)
    (folder / "production" / "a\x1b[2J\u202e\n.yaml").write_text("kind: Nothing\n")
    for argv in ((), ("--json",), ("--sarif",)):
        done = _check(url, *argv, str(folder))
        assert done.returncode == 2
        assert all(c.isprintable() or c == "\n" for c in done.stdout + done.stderr)
        assert "\n.yaml" not in done.stdout


def test_a_lock_down_that_nobody_could_take_back_is_a_finding(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check([], url).exit_code == 0
    held = operators.keepers(load())
    less = {**held[operators.BREAK_GLASS], "sys/leases/revoke": {"capabilities": ["deny"]}}
    monkeypatch.setattr(operators, "keepers", lambda _: {**held, operators.BREAK_GLASS: less})
    found = check([], url)
    assert found.exit_code == 1
    assert [(v.rule, v.file) for v in found.violations] == [(LOCKOUT.name, "")]
    assert (
        "(all declarations): lockout (critical): portcullis-break-glass could not update sys/leases/revoke"
        in (found.reasons[0])
    )
    assert sarif(found.violations, rules())["runs"][0]["results"][0]["locations"] == []


def _plan(tmp_path: Path, *steps: dict[str, Any], **more: Any) -> str:
    """As `pulumi preview --json` prints it (3.259): what stays the same is left out, except for the stack itself."""
    stack = {"op": "same", "urn": "urn:pulumi:local::portcullis::pulumi:pulumi:Stack::portcullis-local"}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"config": {}, "steps": [stack, *steps], "diagnostics": [], **more}))
    return str(file)


def _step(op: str, kind: str, name: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    urn = f"urn:pulumi:local::portcullis::portcullis:x:Component${kind}::{name}"
    states = {"oldState": {"inputs": old}} if old is not None else {}
    return {"op": op, "urn": urn, **states, **({"newState": {"inputs": new}} if new is not None else {})}


def _policy(name: str, paths: dict[str, list[str]]) -> dict[str, Any]:
    rules = {path: {"capabilities": capabilities} for path, capabilities in paths.items()}
    return _step("update", "vault:index/policy:Policy", name, {}, {"name": name, "policy": json.dumps({"path": rules})})


def _inputs(kind: str, name: str, **changed: Any) -> dict[str, Any]:
    """As the program registers it in peace."""
    found: dict[str, Any] = {}
    for place, wanted in resources(load(), os.environ, incident=False)[kind][name].items():
        value = [] if wanted == ANY else wanted["all"] if isinstance(wanted, dict) else wanted[0]
        first, _, rest = place.partition("/")
        if rest and value:
            found.setdefault(first, [{}])[0][rest.removeprefix("0/")] = value
        elif value not in (None, []):
            found[first] = value
    return {**found, **changed}


def _changed_to(kind: str, name: str, **changed: Any) -> dict[str, Any]:
    return _step("update", kind, name, _inputs(kind, name), _inputs(kind, name, **changed))


MOUNT, PROTECTION = "vault:index/mount:Mount", "github:index/branchProtection:BranchProtection"
POLICY, APPROLE = "vault:index/policy:Policy", "vault:appRole/authBackendRole:AuthBackendRole"
DATABASE, CORE = "vault:database/secretBackendRole:SecretBackendRole", "tradepulse-core-main"
REVIEWS = [{"requiredApprovingReviewCount": 1, "dismissStaleReviews": True}]
UNLOCKED = _step("update", PROTECTION, CORE, _inputs(PROTECTION, CORE, lockBranch=True), _inputs(PROTECTION, CORE))
REFUSED = {
    "mount_removal": _step("delete", MOUNT, "gone", {"path": "gone"}, None),
    "repository_protection": _step("delete", PROTECTION, "core-main", {"pattern": "main"}, None),
    "audit_removal": _step("delete", "vault:index/audit:Audit", "file", {"type": "file"}, None),
    "undeclared_policy": _policy("pc-w-order-router", {"secret/data/*": ["read"]}),
    "incident_weakening": UNLOCKED,
}
UNDECLARED = {
    "a request to any path": _step(
        "create", "vault:generic/endpoint:Endpoint", "x", None, {"path": "sys/policies/acl/x"}
    ),
    "policies of a group": _step(
        "create", "vault:identity/groupPolicies:GroupPolicies", "x", None, {"policies": ["root"]}
    ),
    "policies of an entity": _step(
        "create", "vault:identity/entityPolicies:EntityPolicies", "x", None, {"policies": ["a"]}
    ),
    "a login without the gate": _changed_to(APPROLE, "execution-engine", tokenPolicies=["pc-w-execution-engine"]),
    "other SQL": _changed_to(DATABASE, "database/settlement-readonly", creationStatements=["CREATE ROLE x SUPERUSER"]),
    "a mount elsewhere": _changed_to(MOUNT, "secret", path="elsewhere"),
    "a new repository": _step("create", "github:index/repository:Repository", "x", None, {"name": "x"}),
    "force pushes": _changed_to(PROTECTION, CORE, allowsForcePushes=True),
    "deletions": _changed_to(PROTECTION, CORE, allowsDeletions=True),
    "a bypasser": _changed_to(
        PROTECTION, CORE, requiredPullRequestReviews=[{**REVIEWS[0], "pullRequestBypassers": ["/me"]}]
    ),
    "other branches": _changed_to(PROTECTION, CORE, pattern="never/**"),
    "administrators": _changed_to(PROTECTION, "tradepulse-infra-incident/*", enforceAdmins=False),
    "the gate gone": _step("delete", POLICY, "pc-gate", {"name": "pc-gate", "policy": "{}"}, None),
}


@pytest.mark.parametrize("what", UNDECLARED)
def test_a_plan_writes_and_deletes_nothing_but_as_it_is_declared(url: str, tmp_path: Path, what: str) -> None:
    step = UNDECLARED[what]
    for incidents in ([], ["INC-7"]):
        refused = check_plan(_plan(tmp_path, step), url, incidents)
        rules = {v.rule for v in refused.violations}
        assert rules & {"undeclared_resource", "declared_removal"}, refused.reasons
    if step["op"] == "update":
        kept = {**step, "newState": step["oldState"]}
        assert check_plan(_plan(tmp_path, kept), url, []).allow


def test_what_goes_with_its_declaration_is_no_removal(url: str, tmp_path: Path) -> None:
    """Policies of batch tokens of a workload that has others by now, a component, and what an import brought."""
    steps = [
        _step("delete", POLICY, "pc-b-order-router-0", {"name": "pc-b-order-router-0", "policy": "{}"}, None),
        _step("delete", POLICY, "pc-w-gone", {"name": "pc-w-gone", "policy": "{}"}, None),
        _step("delete", "portcullis:access:Workload", "gone", {}, None),
    ]
    assert check_plan(_plan(tmp_path, *steps), url, []).allow
    theirs = _inputs(PROTECTION, CORE, repositoryId="R_kgDO")
    assert check_plan(_plan(tmp_path, _step("update", PROTECTION, CORE, theirs, theirs)), url, []).allow
    moved = check_plan(_plan(tmp_path, _changed_to(PROTECTION, CORE, repositoryId="R_kgDO")), url, [])
    assert [v.field for v in moved.violations] == ["repositoryId"]


@pytest.mark.parametrize("rule", REFUSED)
def test_a_plan_is_refused_by_the_rule_that_it_breaks(url: str, tmp_path: Path, rule: str) -> None:
    sound = _policy("pc-w-order-router", {"secret/data/trading/fix-session": ["read"]})
    held = check_plan(_plan(tmp_path, sound), url, [])
    assert held.allow, held.reasons
    step = REFUSED[rule]
    if rule == "incident_weakening":
        assert check_plan(_plan(tmp_path, step), url, []).allow
        assert check_plan(_plan(tmp_path, step, config={"portcullis:incident": "false"}), url, ["INC-7"]).allow
    broken = check_plan(_plan(tmp_path, sound, step), url, ["INC-7"])
    assert [v.rule for v in broken.violations] == [rule]
    assert broken.exit_code == 1


def test_a_plan_that_cannot_be_judged_is_refused(url: str, tmp_path: Path) -> None:
    """A preview that failed lists no change, and looks like one that changes nothing."""
    failed = _plan(tmp_path, diagnostics=[{"severity": "error", "message": "no repository"}])
    assert [v.rule for v in check_plan(failed, url, []).violations] == ["plan_shape"]
    assert not check_plan(_plan(tmp_path), url, None).allow
    assert not check_plan(_plan(tmp_path, {"op": "create"}), url, []).allow
    for text in ("", "[]", "{}", '{"steps": {}}'):
        (tmp_path / "plan.json").write_text(text)
        assert _check(url, "--plan", str(tmp_path / "plan.json")).returncode == 2
    assert _check(url, "--plan", str(tmp_path / "none.json")).returncode == 2
