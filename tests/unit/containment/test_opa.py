"""What OPA says becomes a decision; what it does not clearly say is a denial."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from containment.adapters.opa import Opa, Violation
from policies.errors import InputError, Unreachable

VIOLATION = {"file": "a.yaml", "line": 4, "rule": "ttl", "name": "n", "message": "too long", "remedy": "shorten"}


class _Answer(BaseHTTPRequestHandler):
    body: bytes = b""
    status: int = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def opa() -> Iterator[Opa]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Opa(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def _answers(monkeypatch: pytest.MonkeyPatch, body: object, status: int = 200) -> None:
    monkeypatch.setattr(_Answer, "body", body if isinstance(body, bytes) else json.dumps(body).encode())
    monkeypatch.setattr(_Answer, "status", status)


@pytest.mark.parametrize("key", ["reasons", "missing", "deny"])
def test_each_package_says_why(opa: Opa, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    _answers(monkeypatch, {"result": {"allow": False, key: ["b", "a"]}})
    assert opa.decide("p", {}).reasons == ("a", "b")
    _answers(monkeypatch, {"result": {"allow": True, key: []}})
    assert opa.decide("p", {}).allow


def test_violations_keep_their_place(opa: Opa, monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, {"result": {"allow": False, "deny": [VIOLATION]}})
    decision = opa.decide("p", {})
    assert decision.violations == (Violation("a.yaml", 4, "ttl", "n", "too long", "shorten"),)
    assert decision.reasons == ("a.yaml:4: ttl: n: too long — shorten",)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"result": None},
        {"result": {}},
        {"result": {"allow": "true", "reasons": []}},
        {"result": {"allow": True}},
        {"result": {"allow": True, "reasons": {}}},
        {"result": {"allow": True, "reasons": ["no"]}},
        {"result": {"allow": True, "reasons": [], "missing": []}},
        {"result": {"allow": False, "deny": [{"rule": "ttl"}]}},
        {"result": {"allow": True, "deny": [1]}},
        b"not json",
    ],
)
def test_anything_else_is_a_denial(opa: Opa, monkeypatch: pytest.MonkeyPatch, body: object) -> None:
    _answers(monkeypatch, body)
    decision = opa.decide("p", {})
    assert not decision.allow
    assert decision.reasons[0].startswith("undefined")


def test_a_refusing_server_is_unreachable(opa: Opa, monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, {}, status=401)
    with pytest.raises(Unreachable, match="HTTPError"):
        opa.decide("p", {})


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        Opa("http://127.0.0.1:1").decide("p", {})


@pytest.mark.parametrize("url", ["", "localhost:8181", "ftp://h:1", "http://", "http://h:port"])
def test_what_is_no_url_is_wrong_use(url: str) -> None:
    with pytest.raises(InputError):
        Opa(url)
