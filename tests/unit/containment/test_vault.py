"""The adapter against answers that a server gives now and then only."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hvac.exceptions
import pytest
import requests

from containment import way_out
from containment.adapters import client, congestion, vault
from containment.adapters.accessors import Accessors
from containment.adapters.minter import HvacProber
from policies.errors import Congested, InputError, Unanswered, Unreachable

CONFLICT = hvac.exceptions.InternalServerError(errors=["1 error occurred: transaction commit failed"])
LEADERLESS = hvac.exceptions.InternalServerError(errors=["local node not active"])


class Server:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "written"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES", (0, 0, 0))


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_write_that_another_came_before_is_made_again(times: int) -> None:
    assert client._committed(Server(*[CONFLICT] * times)) == "written"


@pytest.mark.parametrize(("error", "times", "left"), [(CONFLICT, 9, 5), (LEADERLESS, 2, 1)])
def test_but_not_without_end_and_no_other(error: Exception, times: int, left: int) -> None:
    server = Server(*[error] * times)
    with pytest.raises(hvac.exceptions.InternalServerError):
        client._committed(server)
    assert len(server.errors) == left


def test_what_the_server_says_is_one_line() -> None:
    refused = hvac.exceptions.Forbidden(errors=["1 error occurred:\n\t* permission denied\n\n"])
    server = vault.HvacVault.from_environment({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "t"})
    with pytest.raises(Unreachable, match=r"^vault: read x: Forbidden: 1 error occurred: \* permission denied$"):
        server._call("read x", Server(refused))


@pytest.mark.parametrize("of", [vault.HvacVault, HvacProber])
def test_a_namespace_that_only_pulumi_would_follow_is_refused(of: type[vault.HvacVault], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("t")
    environ = {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "t", HvacProber.VARIABLE: str(file)}
    of.from_environment({**environ, "VAULT_NAMESPACE": ""})
    with pytest.raises(InputError, match="namespaces are not supported: unset VAULT_NAMESPACE"):
        of.from_environment({**environ, "VAULT_NAMESPACE": "team"})


NOT_FOUND = hvac.exceptions.InvalidRequest(errors=["token not found"])
NO_ACCESSOR = hvac.exceptions.Forbidden(errors=["invalid accessor"])
ALIVE = {"path": "a/login", "creation_time": 1, "policies": [], "orphan": True, "type": "service", "num_uses": 0}


class Client:
    """Refuses to revoke; the look-up answers with `found`, or raises it."""

    def __init__(self, refusal: Exception, found: Any) -> None:
        self.refusal, self.found = refusal, found
        self.auth = self.token = self

    def write_data(self, _path: str, **_: Any) -> None:
        raise self.refusal

    def lookup_accessor(self, _accessor: str) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return {"data": self.found}


def _revoke(refusal: Exception, found: Any) -> bool:
    server = vault.HvacVault.from_environment({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "t"})
    server._client = Client(refusal, found)
    server._accessors = Accessors(server._client, lambda: True)
    return server.revoke_token("a")


def test_a_token_that_another_run_revoked_meanwhile_is_gone() -> None:
    assert _revoke(NOT_FOUND, NO_ACCESSOR)
    assert _revoke(NOT_FOUND, {**ALIVE, "num_uses": -1}), "or about to be"


def test_one_that_is_refused_and_there_is_not() -> None:
    with pytest.raises(Unreachable, match="token not found"):
        _revoke(NOT_FOUND, ALIVE)


def test_one_that_another_run_has_half_revoked_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [False, False, True]
    monkeypatch.setattr(vault, "PAUSES", (0.0, 0.0))
    assert vault._settled(lambda: left.pop(0))
    assert not vault._settled(lambda: False)


def test_nor_one_of_which_nobody_said_anything() -> None:
    with pytest.raises(Unanswered, match="VaultDown"):
        _revoke(hvac.exceptions.VaultDown(errors=["sealed"]), NO_ACCESSOR)


class _Session:
    """Answers `health` by that status, 0 not at all, and nothing else in time."""

    def __init__(self, health: int) -> None:
        self._health = health

    def get(self, url: str, params: object, timeout: float) -> requests.Response:
        assert (url, timeout) == ("http://127.0.0.1:1/v1/sys/health", 5.0)
        assert params
        if not self._health:
            raise requests.ConnectionError
        answer = requests.Response()
        answer.status_code = self._health
        return answer

    def request(self, *_: object, **__: object) -> requests.Response:
        raise requests.exceptions.ReadTimeout


@pytest.mark.parametrize(("health", "congested"), [(200, True), (503, False), (0, False)])
def test_a_server_that_is_up_and_whose_storage_does_not_answer_is_told_with_the_remedy(
    health: int, congested: bool
) -> None:
    server = vault.HvacVault.from_environment({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "t"})
    server._client.adapter.session = _Session(health)
    with pytest.raises(Unanswered, match=r"^vault: .*: ReadTimeout") as told:
        server.compiled()
    assert isinstance(told.value, Congested) is congested
    assert ("bao write sys/quotas/rate-limit/incident path='MOUNT/creds/*' rate=1" in str(told.value)) is congested


Answers = dict[str, tuple[int, str]]


@pytest.fixture
def serving() -> Iterator[Callable[[Answers], str]]:
    """An HTTP server's address: it answers each path by its beginning, whatever the method."""
    answers: Answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = next(answers[start] for start in answers if self.path.startswith(start))
            if status in (429, 473):
                asked = {429: "standbyok=", 473: "performancestandbycode=200"}[status]
                status = 200 if asked in self.path else status
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_PUT = do_DELETE = do_LIST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def serve(given: Answers) -> str:
        answers.update(given)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    server.shutdown()
    server.server_close()


HEALTH = json.dumps({"standby": True, "server_time_utc": 7})


@pytest.mark.parametrize("status", [200, 429, 473])
def test_a_standby_node_answers(serving: Callable[[Answers], str], status: int) -> None:
    server = vault.HvacVault(serving({"/v1/sys/health": (status, HEALTH)}), "t", None)
    assert server.now() == 7
    assert isinstance(congestion.timed_out(server._client, "x"), Congested)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({"version": "1.17.2+ent", "replication_performance_mode": "primary"}, "primary"),
        ({"version": "1.17.2+ent", "replication_performance_mode": "disabled"}, ""),
        ({"version": "2.7.2", "replication_performance_mode": "primary"}, ""),  # an OpenBao standby's answer
        ({}, ""),
    ],
)
def test_only_vault_enterprise_is_replicated(
    serving: Callable[[Answers], str], said: dict[str, str], mode: str
) -> None:
    health = json.dumps({"server_time_utc": 7, **said})
    assert vault.HvacVault(serving({"/v1/sys/health": (200, health)}), "t", None).replicated() == mode


@pytest.mark.parametrize("status", [472, 501, 503])
def test_a_node_that_serves_nobody_does_not(serving: Callable[[Answers], str], status: int) -> None:
    server = vault.HvacVault(serving({"/v1/sys/health": (status, HEALTH)}), "t", None)
    with pytest.raises(Unanswered, match=f"health: {status}"):
        server.now()
    assert not isinstance(congestion.timed_out(server._client, "x"), Congested)


PAGES = ["<html>Log in</html>", "", "[]", json.dumps({"data": None, "error": "log in"})]
CALLS: list[Callable[[HvacProber], object]] = [
    way_out.require,
    lambda v: v.now(),
    lambda v: v.whoami(),
    lambda v: v.read("x"),
    lambda v: v.keys("x"),
    lambda v: v.write("x", {}),
    lambda v: v.tokens(),
    lambda v: v.incidents(),
    lambda v: v.compiled(),
    lambda v: v.lease("x"),
    lambda v: v.entity_of("x", "y"),
    lambda v: v.create_token("x", 1),
    lambda v: v._status("GET", "x", "t"),
    lambda v: v._accessors.look_up("x"),
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("call", CALLS)
def test_a_page_in_the_vaults_place_is_no_answer(
    serving: Callable[[Answers], str], call: Callable[[HvacProber], object], page: str
) -> None:
    with pytest.raises(Unanswered, match=r"VAULT_ADDR.* proxy"):
        call(HvacProber(serving({"/": (200, page)}), "t", None))


def test_what_a_vault_answers_without_a_body_stays_one(serving: Callable[[Answers], str]) -> None:
    server = vault.HvacVault(serving({"/": (204, "")}), "t", None)
    assert server.write("x", {}) == {}
    server.delete("x")
