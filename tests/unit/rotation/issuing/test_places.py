"""What lives at a path, and what to do where nothing can be revoked."""

from __future__ import annotations

import pytest

from policies.errors import InputError
from policies.load import load
from rotation.issuing import places
from rotation.issuing.places import Holds

MOUNTS = {
    "secret/": {"type": "kv"},
    "database/": {"type": "database"},
    "staging/database/": {"type": "database"},
    "sys/": {"type": "system"},
    "pki/": {"type": "pki"},
}
METHODS = {"approle/": {"type": "approle"}, "token/": {"type": "token"}}
ESTATE = load()


@pytest.mark.parametrize(
    ("path", "holds", "mount", "rest"),
    [
        ("secret/data/trading/exchange", Holds.KV, "secret", "data/trading/exchange"),
        ("/v1/secret/data/x/", Holds.KV, "secret", "data/x"),
        ("secret", Holds.KV, "secret", ""),
        ("staging/database/creds/x", Holds.DATABASE, "staging/database", "creds/x"),
        ("auth/approle/login", Holds.TOKENS, "auth/approle", "login"),
        ("auth", Holds.TOKENS, "auth", ""),
        ("pki/issue/x", Holds.LEASES, "pki", "issue/x"),
    ],
)
def test_what_lives_there(path: str, holds: Holds, mount: str, rest: str) -> None:
    place = places.find(path, MOUNTS, METHODS)
    assert (place.holds, place.mount, place.rest) == (holds, mount, rest)


@pytest.mark.parametrize(
    "path", ["", "/", "*", "secret/*", "../sys", "secret/../sys", "a\nb", "secretx/y", "auth/no/login", "sys/policies"]
)
def test_what_nothing_serves_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        places.find(path, MOUNTS, METHODS)


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("secret/data/trading/exchange", ["exchange-trading-key"]),
        ("secret/trading/exchange", ["exchange-trading-key"]),
        ("secret/metadata/trading", ["exchange-trading-key"]),
        ("secret/data/nothing", []),
        ("secret/data/trading/exch", []),
    ],
)
def test_whose_value_lies_there(path: str, first: list[str]) -> None:
    found = places.declared(places.find(path, MOUNTS, METHODS), ESTATE)
    assert [s.name for s in found][:1] == first


def test_database_roles() -> None:
    def named(path: str) -> list[str]:
        return places.roles(places.find(path, MOUNTS, METHODS), ["a", "b"])

    assert named("database/creds/a") == ["a"]
    assert named("database/creds/a/lease") == ["a"]
    assert named("database/creds") == named("database") == ["a", "b"]
    for path in ("database/creds/c", "database/roles/a", "database/config"):
        with pytest.raises(InputError, match="nothing was changed"):
            named(path)
