"""The audit log is quiet only when it is this server's, current, and holds no use of what was retired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from containment.incident import Incident, Scope, State
from policies.load import load
from rotation import retired
from rotation.plan import plan
from rotation.work import NotProven, Work

ESTATE = load()
AT = 1_900_000_000
BEFORE, AFTER = "2030-03-17T17:00:00Z", "2030-03-17T18:00:00Z"
LEAKED = Scope(everything=False, leaked=("workload:risk-engine",))
OPEN = Incident("I", LEAKED, State.OPEN, AT - 90, denied_at=AT - 80, revoked_before=AT - 60, contained_at=AT - 50)


class Server:
    def __init__(self, marker: str = "ours") -> None:
        self._marker = marker

    def incidents(self) -> tuple[Incident, ...]:
        return (OPEN,)

    def marker(self) -> str:
        return self._marker


def _answer(**changes: Any) -> dict[str, Any]:
    auth = {"display_name": "approle", "policies": ["pc-w-risk-engine"], "token_issue_time": AFTER}
    entry = {"time": AFTER, "type": "response", "auth": auth, "request": {"id": "x", "path": "secret/data/risk/limits"}}
    return {**entry, **{k: v for k, v in changes.items() if k != "auth"}, "auth": {**auth, **changes.get("auth", {})}}


def _quiet(tmp_path: Path, *entries: dict[str, Any], marker: str = "ours") -> str:
    log = tmp_path / "audit.log"
    rows = [*entries, _answer(request={"id": "ours", "path": "auth/token/lookup-self"})]
    log.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows) + '{"type":"response"')
    server: Any = Server(marker)
    no: Any = None
    return retired.quiet(Work(server, no, no, no, ESTATE, "I", plan(OPEN, ESTATE).waves[-1][0], None, log))


def test_new_tokens_and_refusals_are_no_use_of_what_was_retired(tmp_path: Path) -> None:
    old = {"token_issue_time": BEFORE}
    words = _quiet(
        tmp_path,
        _answer(),
        _answer(auth=old, error="permission denied"),
        _answer(auth=old, time=BEFORE),
        _answer(auth={**old, "policies": ["pc-w-settlement"]}),
    )
    assert words == "4 answers since containment, none to a token that was out before it"


def test_a_use_of_what_was_retired_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotProven, match=r"1 uses of what was retired, the last by approle at .* on secret/data/risk"):
        _quiet(tmp_path, _answer(auth={"token_issue_time": BEFORE}))


def test_the_log_of_another_server_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retired, "_PATIENCE", 0.0)
    with pytest.raises(NotProven, match="not this server's current log"):
        _quiet(tmp_path, marker="theirs")


def test_a_log_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    no: Any = None
    server: Any = Server()
    work = Work(server, no, no, no, ESTATE, "I", plan(OPEN, ESTATE).waves[-1][0], None, tmp_path / "none")
    with pytest.raises(NotProven, match="cannot be read"):
        retired.quiet(work)
