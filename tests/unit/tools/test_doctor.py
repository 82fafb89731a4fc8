"""`portcullis doctor` names what is missing and its remedy, and exits 1 for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rotation.commands.doctor import command
from tools.catalogue import CATALOGUE


def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(command, ["--json"])
    assert done.exit_code == 1
    rows = {row["name"]: row for row in json.loads(done.stdout)["tools"]}
    assert rows["opa"]["found"] is None
    assert rows["opa"]["remedy"] == "portcullis tools install"
    assert rows["postgres"]["remedy"] == ""
    assert rows["dbos"]["version"]
    assert (rows["regal"]["found"], rows["regal"]["needed"]) == (None, False)


def test_the_version_is_that_of_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    opa = tmp_path / "opa"
    major, minor, _ = next(t.version for t in CATALOGUE if t.name == "opa").split(".")
    opa.write_text(f"#!/bin/sh\necho Version: {major}.{minor}.99\n")
    opa.chmod(0o755)
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(command, ["--json"]).stdout)["tools"]}
    assert (rows["opa"]["found"], rows["opa"]["version"]) == (str(opa), f"{major}.{minor}.99")
