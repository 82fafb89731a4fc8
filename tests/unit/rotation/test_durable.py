"""Which workflow a credential goes on with."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbos import DBOS

from policies.errors import Unreachable
from rotation.durable import Durable, succeeded
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
    assert durable._workflow_id("secret:a", frozenset()) == expected


_RUN = """
import resource, sys
from types import SimpleNamespace
from policies.errors import Unreachable
from rotation.durable import Durable, succeeded
from rotation.work import Outcome, Result

def perform(item, step):
    print("tried")
    return Result(step, Outcome.DONE, "")

try:
    before = frozenset() if "joining" in sys.argv else succeeded(sys.argv[1], "INC-1")
    with Durable(sys.argv[1], "INC-1", 7, perform) as engine:
        if "full" in sys.argv:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        print(engine.rotate((SimpleNamespace(item=sys.argv[2], steps=["create"]),), before))
except Unreachable as error:
    sys.exit(str(error))
"""


def test_what_had_ended_before_is_tried_again_whatever_the_clock_of_the_store(tmp_path: Path) -> None:
    """Minutes ahead of ours: what it wrote before this run began seemed to have ended since."""
    file = tmp_path / "rotation.sqlite"
    url = f"sqlite:///{file}"
    assert succeeded(url, "INC-1") == frozenset()
    assert not file.exists()
    file.touch(0o600)
    assert succeeded(url, "INC-1") == frozenset(), "whoever is about to make its tables"

    def run(*words: str) -> bool:
        argv = [sys.executable, "-c", _RUN, url, "secret:a", *words]
        done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
        assert "Outcome.DONE" in done.stdout, done.stderr
        with closing(sqlite3.connect(file)) as store, store:
            store.execute("UPDATE workflow_status SET updated_at = updated_at + 180000")
        return "tried" in done.stdout

    assert run()
    assert run()
    assert not run("joining"), "what the one that it waited for has ended meanwhile"
    assert succeeded(url, "INC-1") == {"INC-1@7/secret:a/1", "INC-1@7/secret:a/2"}
    assert succeeded(url, "inc-1") == frozenset()
    file.write_text("no store")
    with pytest.raises(Unreachable, match=r"cannot be used .*move it aside"):
        succeeded(url, "INC-1")


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
