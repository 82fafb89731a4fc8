"""Answers that an exchange gives in place of those that it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from containment.adapters.exchange import HttpExchange
from policies.errors import Unreachable


def _exchange(folder: Path, status: int, **answer: Any) -> HttpExchange:
    file = folder / "key.json"
    file.write_text('{"id": "x", "secret": "y"}')
    file.chmod(0o600)
    exchange = HttpExchange("https://127.0.0.1:1", file, None)
    exchange._http = httpx.Client(
        base_url="https://exchange", transport=httpx.MockTransport(lambda _: httpx.Response(status, **answer))
    )
    return exchange


@pytest.mark.parametrize(
    "answer",
    [
        {"html": "<h1>Back soon</h1>"},
        {"json": []},
        {"json": {"keys": None}},
        {"json": {"keys": ["K1"]}},
        {"json": {"keys": [{"id": "K1"}]}},
        {"content": b"\xff\xfe"},
        {"content": b""},
    ],
)
def test_what_is_no_answer_is_none(tmp_path: Path, answer: dict[str, Any]) -> None:
    exchange = _exchange(tmp_path, 200, **answer)
    for call in (lambda: exchange.keys("a"), lambda: exchange.create_key("a", "t", "l", ["read"])):
        with pytest.raises(Unreachable, match=r"^exchange: (GET|POST) /v1/accounts/a/keys: the answer is not what"):
            call()


WHOSE = {"account": "tradepulse-prod", "permissions": ["read"]}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"html": "<h1>Back soon</h1>"}),
        (200, {"content": b""}),
        (200, {"json": []}),
        (200, {"json": {}}),
        (200, {"json": {"account": "tradepulse-prod"}}),
        (200, {"json": {"account": None, "permissions": ["read"]}}),
        (200, {"json": {"account": "tradepulse-prod", "permissions": "read"}}),
        (302, {"headers": {"Location": "https://status.exchange"}}),
        (302, {"json": WHOSE}),
        (204, {}),
        (500, {"json": WHOSE}),
    ],
)
def test_a_key_is_not_accepted_by_what_is_no_answer(tmp_path: Path, status: int, answer: dict[str, Any]) -> None:
    """Nor refused: the new one would be proven alive by a page, and the old one told to work still."""
    words = r"^exchange: GET /v1/account: (\d+$|the answer is not what its description says)"
    with pytest.raises(Unreachable, match=words):
        _exchange(tmp_path, status, **answer).accepts("k", "s")


def test_a_key_is_accepted_or_refused_by_the_described_answers(tmp_path: Path) -> None:
    assert _exchange(tmp_path, 200, json=WHOSE).accepts("k", "s")
    for status in (401, 403):
        assert not _exchange(tmp_path, status, json={"code": "KEY_DISABLED"}).accepts("k", "s")


def test_a_redirect_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"^exchange: PATCH /v1/accounts/a/keys/K1: 302$"):
        _exchange(tmp_path, 302).disable_key("a", "K1")
