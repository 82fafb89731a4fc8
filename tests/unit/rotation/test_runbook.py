"""The runbook says what the product does: every kind with its steps, and no command that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotation.commands.rotate import command
from rotation.plan import STEPS, Kind

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "runbook_secret_rotation.md").read_text()


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_told_with_its_steps(kind: Kind) -> None:
    assert f"| `{kind.value}` | {', '.join(STEPS[kind])} |" in TEXT


def test_each_command_of_it_is_there_and_none_is_left_out() -> None:
    assert set(re.findall(r"(?:portcullis |`)rotate (\w+)", TEXT)) == set(command.commands)


def test_readme_leads_to_it() -> None:
    assert "docs/runbook_secret_rotation.md" in (ROOT / "README.md").read_text()
