"""The bundle by OPA's own tools: strict, formatted, every rule tested, every line covered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from shutil import copytree
from typing import Any

from policies.rules import AREAS, BUNDLE, IN_CODE, rules
from tools.bootstrap import ensure
from tools.catalogue import LINTERS

REPOSITORY = Path(__file__).resolve().parents[2]
REGO = str(REPOSITORY / "policies" / "rego")


def _opa(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ensure().path("opa")), *argv], capture_output=True, text=True, check=False)


def test_strict_and_formatted() -> None:
    checked = _opa("check", "--strict", REGO)
    assert checked.returncode == 0, checked.stderr
    assert _opa("fmt", "--diff", REGO).stdout == ""


def _regal(folder: str) -> subprocess.CompletedProcess[str]:
    regal = str(ensure(catalogue=LINTERS).path("regal"))
    argv = [regal, "lint", "--no-color", "--config-file", str(REPOSITORY / ".regal" / "config.yaml"), folder]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_regal_finds_nothing_and_would_find_something(tmp_path: Path) -> None:
    linted = _regal(REGO)
    assert linted.returncode == 0, linted.stdout
    (tmp_path / "bad.rego").write_text("package bad\n\nallow := true == true\n")
    assert "boolean-assignment" in _regal(str(tmp_path)).stdout


def test_all_pass_and_every_line_is_covered() -> None:
    passed = _opa("test", REGO)
    assert passed.returncode == 0, passed.stdout
    covered = json.loads(_opa("test", "--coverage", REGO).stdout)
    assert covered["coverage"] == 100, covered


def _inspected(folder: Path) -> dict[str, Any]:
    """What the rules about rules are asked: OPA's own word on the bundle."""
    said = _opa("inspect", "-a", "--format", "json", str(folder))
    assert said.returncode == 0, said.stderr
    heard = {area: _heard(folder, area) for area in AREAS}
    whole: dict[str, Any] = json.loads(said.stdout)
    return {"namespaces": whole["namespaces"], "annotations": whole["annotations"], "heard": heard}


def _heard(folder: Path, area: str) -> list[str]:
    said = _opa("deps", "-b", str(folder), "--format", "json", f"data.portcullis.{area}.allow")
    documents = json.loads(said.stdout).get("virtual", [])
    return sorted({".".join(part["value"] for part in document[:4]) for document in documents})


def _judged(folder: Path) -> dict[str, Any]:
    asked = json.dumps(_inspected(folder))
    argv = [str(ensure().path("opa")), "eval", "-b", REGO, "--stdin-input", "--format", "json", "data.portcullis.meta"]
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, check=True)
    value: dict[str, Any] = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    return value


def test_every_rule_is_documented_tested_and_heard(tmp_path: Path) -> None:
    judged = _judged(BUNDLE)
    assert judged["allow"], judged["deny"]
    assert len(judged["rules"]) == len(rules()) - len(IN_CODE), "the rest is the bundle's"

    bundle = tmp_path / "rego"
    copytree(BUNDLE, bundle)
    planted = bundle / "portcullis" / "declaration" / "planted"
    planted.mkdir()
    (planted / "planted.rego").write_text("package portcullis.declaration.planted\n\ndeny := set()\n")
    found = _judged(bundle)
    assert not found["allow"]
    words = {said.partition(": ")[2] for said in found["deny"]}
    assert {"METADATA has no title", "no test beside it", "its area does not hear it"} <= words


def test_what_is_explained_is_what_opa_reads() -> None:
    annotated = {
        ".".join(part["value"] for part in one["path"]): one["annotations"]
        for one in _inspected(BUNDLE)["annotations"]
        if one["annotations"]["scope"] == "package"
    }
    for rule in rules():
        if rule not in IN_CODE:
            told = annotated[f"data.portcullis.{rule.area}.{rule.name}"]
            custom = told["custom"]
            assert rule.title == told["title"]
            assert rule.description == told["description"].strip()
            assert (rule.severity, rule.remedy, rule.reference) == tuple(
                custom[key] for key in ("severity", "remedy", "reference")
            )
