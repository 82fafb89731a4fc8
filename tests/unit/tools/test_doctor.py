"""`portcullis doctor` names what is missing and its remedy, and exits 1 for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rotation.commands.doctor import command


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
