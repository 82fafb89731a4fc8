"""The audit log is quiet only when it is this server's, current, and holds no use of what was retired."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containment.incidents.incident import Found, Incident, Scope, State
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

    writes = 2
    """Of the incident's record."""

    def read(self, path: str) -> dict[str, Any]:
        assert path == "portcullis/data/incidents/I"
        return {"data": {}, "metadata": {"version": self.writes}}

    def incidents(self) -> tuple[Incident, ...]:
        return (self.incident,)

    def update_incident(self, _id: str, change: Callable[[Incident], Incident]) -> Incident:
        self.incident = change(self.incident)
        return self.incident

    def now(self) -> int:
        return AT

    def marker(self) -> str:
        return self._marker


def _answer(**changes: Any) -> dict[str, Any]:
    auth = {"display_name": "approle", "policies": ["pc-w-risk-engine"], "token_issue_time": AFTER}
    entry = {"time": AFTER, "type": "response", "auth": auth, "request": {"id": "x", "path": "secret/data/risk/limits"}}
    return {**entry, **{k: v for k, v in changes.items() if k != "auth"}, "auth": {**auth, **changes.get("auth", {})}}


def _write(number: int, time: str = AFTER) -> dict[str, Any]:
    """Of the incident's record, by the product."""
    request = {"id": f"w{number}", "path": "portcullis/data/incidents/I", "operation": "update"}
    auth = {"policies": ["portcullis-rotator"]}
    return _answer(time=time, request=request, response={"data": {"version": number}}, auth=auth)


OPENING = _write(1, BEFORE)


def _text(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _work(tmp_path: Path, server: Any, *entries: dict[str, Any], bare: bool = False) -> Work:
    """`bare`: without the writes of the record before the entries."""
    log = tmp_path / "audit.log"
    rows = [*(() if bare else (OPENING, _write(2))), *entries]
    ours = _answer(request={"id": "ours", "path": "auth/token/lookup-self"})
    log.write_text(_text(*rows, ours) + '{"type":"response"')
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
    assert words == "5 answers since containment, none to a token that was out before it"


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
    assert "2 to tokens that were out before it; acknowledged by A. Roth: our own monitoring" in quiet
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


_PLAIN = {"data": {"id": "hmac-sha256:ab"}, "mount_type": "token"}
_ERROR = {"data": {"error": "hmac-sha256:ab"}, "mount_type": "system"}


def _asked(path: str, operation: str = "read", response: dict[str, Any] = _PLAIN, **auth: Any) -> dict[str, Any]:
    """By a token from before the lock-down."""
    request = {"id": "b", "path": path, "operation": operation}
    old = {"token_issue_time": BEFORE, "token_type": "batch", "entity_id": "e-1", **auth}
    return _answer(request=request, response=response, auth=old)


IDLE = (
    _asked("auth/token/lookup-self"),
    _asked("auth/token/lookup-self", response={**_PLAIN, "warnings": ["an unknown parameter"]}),
    _asked("auth/token/renew-self", "update", _ERROR),
    _asked("sys/capabilities-self", "update", _ERROR),
    _asked("sys/internal/ui/mounts/secret/data/risk"),
    _asked("sys/internal/ui/namespaces", response={"mount_type": "system"}),
    _asked("sys/tools/hash/sha2-256", "update"),
    _asked("identity/entity/id/e-1"),
    _asked("secret/data/risk/limits", response={**_ERROR, "mount_type": "cubbyhole"}),
)


def test_what_reads_nothing_stands_in_no_way_of_a_batch_token_and_is_told(tmp_path: Path) -> None:
    words = _quiet(tmp_path, *IDLE)
    assert words.startswith(
        "11 answers since containment, no use by a token that was out before it; 9 requests of batch"
    )
    asked = "auth/token/lookup-self (2), auth/token/renew-self (1), cubbyhole (1), identity/entity/id of its own (1), "
    assert f"that read nothing: {asked}sys/capabilities-self (1), " in words
    assert words.endswith("sys/internal/ui/mounts/ (1), sys/internal/ui/namespaces (1), sys/tools/hash/ (1)")
    server = Server()
    with pytest.raises(InputError, match="that read nothing: auth/token/lookup-self"):
        retired.acknowledge(_work(tmp_path, server, *IDLE), "A. Roth", "monitoring")
    both = _refusal(_work(tmp_path, server, *IDLE, _used(1)))
    assert both.startswith("1 uses of what was retired: ")
    assert "9 requests of batch tokens" in both
    retired.acknowledge(_work(tmp_path, server, *IDLE, _used(1)), "A. Roth", "monitoring")
    assert "9 requests of batch tokens" in retired.quiet(_work(tmp_path, server, *IDLE, _used(1)))


@pytest.mark.parametrize(
    "use",
    [
        _asked("auth/token/lookup-self", token_type="service"),
        _asked("auth/token/lookup-self", token_type="default"),
        _asked("auth/token/lookup-self", token_type=None),
        _asked("auth/token/renew-self", "update"),
        _asked("auth/token/create", "update", {"auth": {"policies": ["x"]}}),
        _asked("auth/token/lookup-self", response={"wrap_info": {"ttl": 60}, "mount_type": "token"}),
        _asked("auth/token/lookup-self", response={**_PLAIN, "auth": {"policies": ["x"]}}),
        _asked("sys/internal/ui/mounts", response={**_PLAIN, "secret": {"lease_id": "x"}}),
        _asked("sys/wrapping/wrap", "update", {"wrap_info": {"ttl": 60}, "mount_type": "system"}),
        _asked("sys/wrapping/unwrap", "update", _ERROR),
        _asked("sys/leases/renew", "update"),
        _asked("sys/internal/ui/mounts", "update"),
        _asked("sys/tools/random", "update"),
        _asked("cubbyhole/x"),
        _asked("x", response={"data": {"a": 1}, "mount_type": "cubbyhole"}),
        _asked("identity/entity/id/e-2"),
        _asked("identity/entity/id/", entity_id=""),
        _asked("kv1/a", response={**_ERROR, "mount_type": "kv"}),
        _asked("secret/data/risk/limits", "update", _ERROR),
        _asked("secret/data/auth/token/lookup-self"),
        _asked("database/creds/risk-readonly", response={**_PLAIN, "secret": {"lease_id": "x"}}),
    ],
    ids=lambda use: use["request"]["path"],
)
def test_whatever_else_it_is_answered_is_a_use(tmp_path: Path, use: dict[str, Any]) -> None:
    words = _refusal(_work(tmp_path, Server(), use, *IDLE))
    assert words.startswith(f"1 uses of what was retired: {AFTER} {use['request']['path']} by ")
    assert "; 9 requests of batch tokens" in words


def test_what_an_earlier_version_put_on_record_as_a_use_has_not_vanished(tmp_path: Path) -> None:
    server = Server()
    server.incident = replace(OPEN, found=(Found(AT, AFTER, 9, "lookup-self"),))
    assert "9 requests of batch tokens" in retired.quiet(_work(tmp_path, server, *IDLE))


def _refusal(work: Work) -> str:
    with pytest.raises(NotProven) as refused:
        retired.quiet(work)
    return str(refused.value)


def test_a_log_that_was_rotated_since_containment_proves_nothing(tmp_path: Path) -> None:
    words = _refusal(_work(tmp_path, Server(), bare=True))
    assert "the log begins at 2030-03-17T18:00:00Z, containment was at 2030-03-17T17:45:50Z; 2 writes of" in words
    assert "Put the rotated file beside it as audit.log.1, in plain text, or restore it" in words


def test_what_was_rotated_out_is_read_beside_it(tmp_path: Path) -> None:
    work = _work(tmp_path, Server(), bare=True)
    (tmp_path / "audit.log.2").write_text(_text(OPENING, _used(1)))
    assert "1 writes of the incident's record (2)" in _refusal(work)
    (tmp_path / "audit.log.1").write_text(_text(_write(2)))
    words = _refusal(work)
    assert words.startswith("1 uses of what was retired: ")
    assert "writes of" not in words


def test_a_rotated_file_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    work = _work(tmp_path, Server())
    (tmp_path / "audit.log.1").mkdir()
    assert "audit.log.1 cannot be read" in _refusal(work)


def test_a_hole_over_a_write_of_the_record_is_seen(tmp_path: Path) -> None:
    server = Server()
    server.writes = 5
    words = _refusal(_work(tmp_path, server, _write(5, "2030-03-17T18:00:09Z")))
    assert (
        "2 writes of the incident's record (3-4), after 2030-03-17T18:00:00Z and before 2030-03-17T18:00:09Z" in words
    )
    server.writes = 6
    assert "(3-4, 6)" in _refusal(_work(tmp_path, server, _write(5)))


@pytest.mark.parametrize("change", [{"error": "permission denied", "response": {}}, {"type": "request"}])
def test_a_write_that_was_refused_or_only_asked_for_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    assert "(2)" in _refusal(_work(tmp_path, Server(), OPENING, {**_write(2), **change}, bare=True))


def test_what_was_seen_once_stands_though_the_log_is_cut(tmp_path: Path) -> None:
    server = Server()
    assert "2 uses of what was retired: " in _refusal(_work(tmp_path, server, _used(1), _used(2)))
    words = _refusal(_work(tmp_path, server))
    assert words.startswith(
        "2 uses that were seen are not in the log any more: 2030-03-17T18:00:02.5Z secret/data/risk"
    )
    assert len(server.incident.found) == 1, "the same uses are put on record once"
    words = _refusal(_work(tmp_path, server, _used(3)))
    assert "1 uses of what was retired: 2030-03-17T18:00:03.5Z" in words
    assert "2 uses that were seen are not in the log any more" in words
    words = retired.acknowledge(_work(tmp_path, server, _used(3)), "A. Roth", "ticket 4712")
    assert words.startswith("3 uses of what was retired, acknowledged by A. Roth: ticket 4712. 2030-")
    assert Incident.from_json(server.incident.to_json()) == server.incident
    words = retired.quiet(_work(tmp_path, server))
    assert "3 to tokens that were out before it; acknowledged by A. Roth: ticket 4712" in words


def test_a_log_that_is_lost_for_good_is_a_persons_word_and_a_later_hole_is_red_again(tmp_path: Path) -> None:
    server = Server()
    assert "portcullis rotate confirm I audit-quiet" in _refusal(_work(tmp_path, server, bare=True))
    words = retired.acknowledge(_work(tmp_path, server, bare=True), "A. Roth", "disk died; SIEM has none")
    assert "0 uses of what was retired, acknowledged by A. Roth: disk died; SIEM has none. the log begins" in words
    assert server.incident.acknowledged[0].lost == (1, 2)
    assert Incident.from_json(server.incident.to_json()) == server.incident
    quiet = retired.quiet(_work(tmp_path, server, bare=True))
    assert "the log begins at" in quiet
    assert "acknowledged by A. Roth: disk died" in quiet
    server.writes = 4
    assert "(1-3)" in _refusal(_work(tmp_path, server, _write(4), bare=True))
    with pytest.raises(NotProven, match="1 uses of what was retired"):
        retired.quiet(_work(tmp_path, server, _write(3), _write(4), _used(9), bare=True))
