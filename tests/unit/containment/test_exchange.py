"""Answers that an exchange gives in place of those that it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from containment.adapters.exchange import HttpExchange
from policies.errors import Unreachable


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
    file = tmp_path / "key.json"
    file.write_text('{"id": "x", "secret": "y"}')
    file.chmod(0o600)
    exchange = HttpExchange("https://127.0.0.1:1", file, None)
    exchange._http = httpx.Client(
        base_url="https://exchange", transport=httpx.MockTransport(lambda _: httpx.Response(200, **answer))
    )
    for call in (lambda: exchange.keys("a"), lambda: exchange.create_key("a", "t", "l", ["read"])):
        with pytest.raises(Unreachable, match=r"^exchange: (GET|POST) /v1/accounts/a/keys: the answer is not what"):
            call()
