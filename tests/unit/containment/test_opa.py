"""What OPA says becomes a decision; what it does not clearly say is a denial."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from containment import judgement
from containment.adapters.opa import Opa, Violation
from containment.question import question
from policies.errors import InputError, Unreachable
from policies.load import ROOT as POLICIES
from policies.load import load

ROOT = POLICIES.parent

VIOLATION = {
    "file": "a.yaml",
    "line": 4,
    "rule": "ttl",
    "severity": "high",
    "name": "n",
    "field": "spec.ttl.max",
    "message": "too long",
    "remedy": "shorten",
}


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
    assert decision.violations == (Violation("a.yaml", 4, "ttl", "high", "n", "spec.ttl.max", "too long", "shorten"),)
    assert decision.reasons == ("a.yaml:4: spec.ttl.max: ttl (high): n: too long — shorten",)


def test_a_violation_is_on_the_line_of_its_field(opa: Opa, monkeypatch: pytest.MonkeyPatch) -> None:
    estate = load()
    grant = next(s for s in estate.secrets if s.name == "exchange-trading-key")
    said = {**VIOLATION, "file": grant.source.file, "field": "spec.grants[0].capabilities[0]"}
    _answers(monkeypatch, {"result": {"allow": False, "deny": [said, {**VIOLATION, "file": "elsewhere.yaml"}]}})
    decision = judgement.decide(estate, opa)
    written = (ROOT / grant.source.file).read_text().splitlines()
    line = {v.file: v.line for v in decision.violations}
    assert "capabilities: [read]" in written[line[grant.source.file] - 1]
    assert line["elsewhere.yaml"] == 4
    assert any(reason.startswith(f"{grant.source.file}:{line[grant.source.file]}: ") for reason in decision.reasons)


def test_the_lines_of_fields_stay_here() -> None:
    """They would be several times what is judged."""
    asked = question(load())
    del asked["keepers"]  # declared nowhere
    asked["granted"] = [*asked["granted"].values()]
    assert all(set(item["source"]) == {"file", "line"} for items in asked.values() for item in items)


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
