"""The flow is one way: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "access": {"containment", "stacks", "rotation", "sandbox", "drill", "tools"},
    "policies": {"access", "containment", "stacks", "rotation", "sandbox", "drill", "tools"},
    "containment": {"stacks", "rotation", "sandbox", "drill", "tools"},
    "stacks": {"rotation", "sandbox", "drill"},
    "rotation": {"stacks"},
    "tools": {"containment", "stacks", "rotation", "sandbox", "drill"},
}
FOREIGN = {"hvac", "githubkit", "opa_client", "pagerduty", "psycopg"}


def _imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_import_against_the_flow(package: str) -> None:
    for file in (ROOT / package).rglob("*.py"):
        allowed = {"containment"} if file.parent == ROOT / "access" / "sources" else set()
        assert not _imports(file) & (FORBIDDEN[package] - allowed), file


@pytest.mark.parametrize("package", ["policies", "containment", "stacks", "rotation"])
def test_foreign_systems_are_imported_in_their_adapters_only(package: str) -> None:
    for file in (ROOT / package).rglob("*.py"):
        if file.parent.name != "adapters":
            assert not _imports(file) & FOREIGN, file


@pytest.mark.parametrize(
    ("package", "others"),
    [("evidence", ("issuing", "drift", "steps", "commands")), ("issuing", ("drift", "steps", "commands"))],
)
def test_parts_of_rotation_stand_side_by_side(package: str, others: tuple[str, ...]) -> None:
    for file in (ROOT / "rotation" / package).rglob("*.py"):
        for other in others:
            assert f"rotation.{other}" not in file.read_text(), file


def test_program_is_short() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 50
