"""The audit log is quiet only when it is this server's, current, and holds no use of what was retired."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containment.incident import Incident, Scope, State
from policies.errors import InputError
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
        self._marker, self.incident = marker, OPEN

    def incidents(self) -> tuple[Incident, ...]:
        return (self.incident,)

    def update_incident(self, _id: str, change: Callable[[Incident], Incident]) -> None:
        self.incident = change(self.incident)

    def now(self) -> int:
        return AT

    def marker(self) -> str:
        return self._marker


def _answer(**changes: Any) -> dict[str, Any]:
    auth = {"display_name": "approle", "policies": ["pc-w-risk-engine"], "token_issue_time": AFTER}
    entry = {"time": AFTER, "type": "response", "auth": auth, "request": {"id": "x", "path": "secret/data/risk/limits"}}
    return {**entry, **{k: v for k, v in changes.items() if k != "auth"}, "auth": {**auth, **changes.get("auth", {})}}


def _work(tmp_path: Path, server: Any, *entries: dict[str, Any]) -> Work:
    log = tmp_path / "audit.log"
    rows = [*entries, _answer(request={"id": "ours", "path": "auth/token/lookup-self"})]
    log.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows) + '{"type":"response"')
    no: Any = None
    return Work(server, no, no, no, no, ESTATE, "I", plan(OPEN, ESTATE).waves[-1][0], None, log)


def _quiet(tmp_path: Path, *entries: dict[str, Any], marker: str = "ours") -> str:
    return retired.quiet(_work(tmp_path, Server(marker), *entries))


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


def _used(second: int) -> dict[str, Any]:
    request = {"id": f"u{second}", "path": "secret/data/risk/limits", "remote_address": "192.0.2.7"}
    return _answer(
        time=f"2030-03-17T18:00:{second:02}.5Z",
        request=request,
        auth={"token_issue_time": BEFORE, "accessor": "hmac-sha256:ab"},
    )


def test_each_use_of_what_was_retired_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NotProven) as refused:
        _quiet(tmp_path, _used(1), _used(2))
    words = str(refused.value)
    assert words.startswith("2 uses of what was retired: 2030-03-17T18:00:02.5Z secret/data/risk/limits by approle, ")
    assert words.count("accessor hmac-sha256:ab, from 192.0.2.7") == 2
    assert "portcullis rotate confirm I audit-quiet --by NAME --note WHAT" in words


def test_an_acknowledged_use_is_told_and_a_later_one_is_red_again(tmp_path: Path) -> None:
    server = Server()
    words = retired.acknowledge(_work(tmp_path, server, _used(1), _used(2)), "A. Roth", "our own monitoring")
    assert words.startswith("2 uses of what was retired, acknowledged by A. Roth: our own monitoring. 2030-")
    (said,) = server.incident.acknowledged
    assert (said.uses, said.by, said.up_to) == (2, "A. Roth", "2030-03-17T18:00:02.5Z")
    assert Incident.from_json(server.incident.to_json()) == server.incident
    quiet = retired.quiet(_work(tmp_path, server, _used(1), _used(2)))
    assert "2 to tokens that were out before it, acknowledged by A. Roth: our own monitoring" in quiet
    with pytest.raises(NotProven, match=r"^1 uses of what was retired: 2030-03-17T18:00:03"):
        retired.quiet(_work(tmp_path, server, _used(1), _used(2), _used(3)))


def test_nothing_is_acknowledged_before_it_happens(tmp_path: Path) -> None:
    server = Server()
    with pytest.raises(InputError, match="no use of what was retired was seen"):
        retired.acknowledge(_work(tmp_path, server, _answer()), "A. Roth", "in advance")
    assert server.incident == OPEN


def test_of_many_uses_the_newest_are_listed(tmp_path: Path) -> None:
    with pytest.raises(NotProven, match=r"^30 uses .* and 10 earlier ones"):
        _quiet(tmp_path, *(_used(second) for second in range(30)))


def test_the_log_of_another_server_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retired, "_PATIENCE", 0.0)
    with pytest.raises(NotProven, match="not this server's current log"):
        _quiet(tmp_path, marker="theirs")


def test_a_log_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    no: Any = None
    server: Any = Server()
    work = Work(server, no, no, no, no, ESTATE, "I", plan(OPEN, ESTATE).waves[-1][0], None, tmp_path / "none")
    with pytest.raises(NotProven, match="cannot be read"):
        retired.quiet(work)


@pytest.mark.parametrize(("policies", "used"), [(["legacy"], True), (["pc-gate", "x"], False), (["root"], False)])
def test_what_leaked_is_read_past_the_gate(tmp_path: Path, policies: list[str], used: bool) -> None:
    """Whenever the token was issued: a role that is declared nowhere hands out new ones."""
    server = Server()
    server.incident = replace(OPEN, scope=Scope(everything=False, leaked=("secret:risk-limits-token",)))
    work = _work(tmp_path, server, _answer(auth={"policies": policies}))
    if used:
        with pytest.raises(NotProven, match=r"1 uses of what was retired: .*secret/data/risk/limits"):
            retired.quiet(work)
    else:
        assert "none" in retired.quiet(work)


def test_another_incidents_identities_are_not_measured_by_this_ones_cut(tmp_path: Path) -> None:
    server = Server()
    server.incident = replace(OPEN, scope=Scope(everything=False, leaked=("secret:partner-api-key",)))
    server.incidents = lambda: (server.incident, replace(OPEN, id="II"))  # type: ignore[method-assign]
    old = _answer(auth={"token_issue_time": BEFORE, "policies": ["pc-w-risk-engine", "pc-gate"]})
    assert "none" in retired.quiet(_work(tmp_path, server, old))
