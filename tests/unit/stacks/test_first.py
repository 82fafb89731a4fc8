"""The deny waits for nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
LATE = {"pulumi_vault", "pulumi_github", "githubkit", "psycopg", "jsonschema", "opa_client", "httpx"}
"""Slow to import, and needed by the rest of the run only."""


def _imported(program: str) -> set[str]:
    argv = [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_nothing_slow_is_imported_before_the_deny() -> None:
    assert not _imported("import stacks.first, hvac, policies.codec") & LATE
    assert "pulumi_vault" in _imported("import stacks.program"), "a test that cannot fail"


def test_program_denies_before_it_imports_the_rest() -> None:
    lines = (REPOSITORY / "__main__.py").read_text().splitlines()
    assert lines.index("begun = first.deny()") < next(n for n, line in enumerate(lines) if "stacks.program" in line)
