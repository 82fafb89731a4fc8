"""What `portcullis check` ends with when OPA is away: a system that could not be asked outranks what was found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from policies.errors import Unreachable
from policies.load import ACCESS
from rotation.checking.declarations import check
from rotation.commands.check import command

AWAY = "http://127.0.0.1:1"


def test_beside_what_does_not_load_it_is_a_system_that_was_away(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ACCESS, tmp_path / "access"))
    file = folder / "production" / "risk-limits-token.yaml"
    file.write_text(file.read_text().replace("tier: critical", "tier: precious"))
    with pytest.raises(Unreachable):
        check([ACCESS], AWAY)
    found = check([folder], AWAY)
    assert [(v.rule, v.line) for v in found.violations] == [("load", 8)]
    assert any("opa at" in reason for reason in found.reasons)
    assert found.exit_code == 3
    assert not found.allow
    done = CliRunner().invoke(command, ["--opa-url", AWAY, str(folder)])
    assert done.exit_code == 3
    assert "risk-limits-token.yaml:8" in done.stdout
