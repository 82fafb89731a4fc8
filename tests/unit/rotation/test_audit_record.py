"""A caller's request cannot make its own record unreadable."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation import audit_log
from rotation.audit_record import decoded

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def _line(sent: str) -> bytes:
    start = '{"time":"2026-01-31T12:00:00Z","type":"response","request":{"path":"auth/approle/login","data":'
    return f'{start}{sent}}},"response":{{}}}}\n'.encode()


@pytest.mark.parametrize(
    "sent",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + '"\\"]}"' + "}" * 50_000,
        '[1,{"x":[' * 30_000 + "2" + "]},3]" * 30_000,
        "9" * (sys.get_int_max_str_digits() + 1),
        "-" + "9" * 100_000,
        "1e999999",
    ],
    ids=["lists", "objects", "mixed", "digits", "negative", "exponent"],
)
def test_what_the_server_takes_is_read(sent: str) -> None:
    entry = audit_log.response(_line(sent))
    assert entry is not None
    assert entry["request"]["path"] == "auth/approle/login"


@given(_JSON)
def test_what_is_not_too_deep_is_read_as_it_is(sent: object) -> None:
    assert decoded(json.dumps({"sent": sent}).encode()) == {"sent": sent}


@pytest.mark.parametrize("line", [b"", b"[]", b'{"time":"2026', b"[" * 100_000, b"\xff"])
def test_a_torn_line_is_none(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever the decoder raises
        decoded(line)
