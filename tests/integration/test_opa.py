"""The real OPA server with the product's bundle: the example estate holds, each wrong turn is denied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containment.adapters.opa import Opa
from policies.load import ACCESS
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
    "requester": {"name": "deployer", "roles": ["cicd"]},
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
        env={**os.environ, "OPA_URL": url},
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


def test_every_violation_has_file_line_rule_and_remedy(url: str, tmp_path: Path) -> None:
    file = "production/exchange-trading-key.yaml"
    folder = _changed(tmp_path, file, "max: 4h", "max: 5h")
    text = (folder / file).read_text().replace("period: 14d", "period: 31d")
    (folder / file).write_text(text)
    done = _check(url, "--folder", str(folder), "--json")
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


def test_a_critical_credential_is_not_shared(url: str, tmp_path: Path) -> None:
    extra = "  grants:\n    - workload: order-router\n      capabilities: [read]"
    folder = _changed(tmp_path, "production/exchange-trading-key.yaml", "  grants:", extra)
    done = _check(url, "--folder", str(folder))
    assert done.returncode == 1, done.stderr
    assert "exchange-trading-key.yaml:13: spec.grants: sharing" in done.stdout


def test_bad_input_is_2_and_no_server_is_3(url: str, tmp_path: Path) -> None:
    assert _check(url, "--folder", str(tmp_path / "none")).returncode == 2
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
    assert opa.decide("portcullis.issue", ISSUE).allow
    paused = {**ISSUE, "incidents": [{"id": "I", "state": "open", "paused_roles": ["cicd"]}]}
    assert opa.decide("portcullis.issue", paused).reasons == ("role cicd is paused by incident I",)
    assert not opa.decide("portcullis.issue", {**ISSUE, "ttl": 1801}).allow
    assert not opa.decide("portcullis.issue", {}).allow
