"""Which workflow a credential goes on with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbos import DBOS

from rotation.durable import Durable
from sandbox.environment import REPOSITORY


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ([], "inc-7@9/secret:a/1"),
        (["INC-7@9/secret:a/1"], "inc-7@9/secret:a/1"),
        (["INC-7@9/secret:a/4", "inc-7@9/secret:a/1"], "inc-7@9/secret:a/2"),
        ([f"inc-7@9/secret:a/{n}" for n in range(1, 11)], "inc-7@9/secret:a/11"),
        (["inc-7@8/secret:a/3"], "inc-7@9/secret:a/1"),
    ],
    ids=["first", "another-case", "both", "tenth", "before the last deny"],
)
def test_a_workflow_of_an_id_in_another_case_is_another_incidents(
    monkeypatch: pytest.MonkeyPatch, past: list[str], expected: str
) -> None:
    """As the store answers, which compares without regard to case."""

    def answer(**_: Any) -> list[Any]:
        return [SimpleNamespace(workflow_id=name, status="ERROR", updated_at=0) for name in past]

    monkeypatch.setattr(DBOS, "list_workflows", answer)
    durable = object.__new__(Durable)
    durable._run = "inc-7@9"
    assert durable._workflow_id("secret:a", 0.0) == expected


_RUN = """
import resource, sys
from types import SimpleNamespace
from policies.errors import Unreachable
from rotation.durable import Durable
from rotation.work import Outcome, Result

try:
    with Durable(sys.argv[1], "INC-1", 7, lambda item, step: Result(step, Outcome.DONE, "")) as engine:
        if "full" in sys.argv:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        print(engine.rotate((SimpleNamespace(item=sys.argv[2], steps=["create"]),), 0.0))
except Unreachable as error:
    sys.exit(str(error))
"""


def test_a_disk_that_is_full_by_then_is_named(tmp_path: Path) -> None:
    """The store is there, and takes nothing more."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", _RUN, f"sqlite:///{tmp_path}/rotation.sqlite", *words]
        return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)

    good = run("secret:a")
    assert "Outcome.DONE" in good.stdout, good.stderr
    full = run("secret:b", "full")
    assert full.stdout == ""
    assert full.returncode == 1
    assert full.stderr.startswith("rotation's database sqlite:///"), full.stderr
    assert "cannot be used (OperationalError): make room where its disk is full" in full.stderr
    assert "Traceback" not in full.stderr
