"""Which workflow a credential goes on with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from dbos import DBOS

from rotation.durable import Durable


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ([], "inc-7/secret:a/1"),
        (["INC-7/secret:a/1"], "inc-7/secret:a/1"),
        (["INC-7/secret:a/4", "inc-7/secret:a/1"], "inc-7/secret:a/2"),
        ([f"inc-7/secret:a/{n}" for n in range(1, 11)], "inc-7/secret:a/11"),
    ],
    ids=["first", "another-case", "both", "tenth"],
)
def test_a_workflow_of_an_id_in_another_case_is_another_incidents(
    monkeypatch: pytest.MonkeyPatch, past: list[str], expected: str
) -> None:
    """As the store answers, which compares without regard to case."""

    def answer(**_: Any) -> list[Any]:
        return [SimpleNamespace(workflow_id=name, status="ERROR", updated_at=0) for name in past]

    monkeypatch.setattr(DBOS, "list_workflows", answer)
    durable = object.__new__(Durable)
    durable._incident_id = "inc-7"
    assert durable._workflow_id("secret:a", 0.0) == expected
