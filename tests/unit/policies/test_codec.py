"""The kept estate comes back as it was, and one that another version kept is no reason to fail on the day."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from policies import codec
from policies.load import load


def test_kept_estate_comes_back() -> None:
    estate = load()
    assert codec.decode(codec.encode(estate)) == estate
    assert codec.encode(load()) == codec.encode(estate)


def test_what_has_no_case_at_github_is_equal_in_an_estate_that_was_kept_with_it() -> None:
    held = json.loads(zlib.decompress(base64.b64decode(codec.encode(load()))))
    held["repositories"][0]["protection"]["pushers"] = ["SIC-Lead"]
    kept = codec.decode(base64.b64encode(zlib.compress(json.dumps(held).encode())).decode())
    assert kept is not None
    assert kept.repositories[0].protection.pushers == ("sic-lead",)


def _without_a_field(text: str) -> str:
    data = json.loads(zlib.decompress(base64.b64decode(text)))
    del data["workloads"][0]["auth"]
    return base64.b64encode(zlib.compress(json.dumps(data).encode())).decode()


@pytest.mark.parametrize("damage", [_without_a_field, lambda text: text[: len(text) // 2], lambda _: "no text of ours"])
def test_another_versions_estate_is_none(damage: object) -> None:
    assert callable(damage)
    assert codec.decode(damage(codec.encode(load()))) is None
