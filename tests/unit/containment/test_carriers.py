"""Who is handed which policy, of a server that holds one of each kind."""

from __future__ import annotations

from typing import Any, cast

from containment.ports import Vault
from containment.undeclared.carriers import carriers
from policies.errors import Unreachable

HELD: dict[str, dict[str, Any]] = {
    "sys/auth": {
        "approle/": {"type": "approle"},
        "people/": {"type": "userpass"},
        "token/": {"type": "token"},
        "jwt/": {"type": "jwt"},
        "ad/": {"type": "ldap"},
        "radius/": {"type": "radius"},
        "x/": {"type": "own"},
    },
    "auth/approle/role/legacy": {"token_policies": ["legacy", "pc-gate"]},
    "auth/approle/role/old": {"token_policies": None, "policies": "legacy,other"},
    "auth/people/users/ada": {"token_policies": ["legacy"]},
    "auth/jwt/cel/role/helper": {"cel_program": {"expression": "pb.Auth{}"}},
    "auth/ad/config": {"token_policies": ["legacy"]},
    "auth/radius/config": {"unregistered_user_policies": ["legacy"]},
    "auth/token/roles/some": {"allowed_policies_glob": ["leg*"]},
    "auth/token/roles/none": {"allowed_policies": ["other"], "allowed_policies_glob": ["l?gacy"]},
    "identity/entity/id/1": {"id": "1", "name": "ada", "policies": ["legacy"]},
    "identity/entity/id/2": {"id": "2", "name": "bob", "policies": None},
    "identity/group/id/3": {"id": "3", "name": "ops", "policies": ["legacy"]},
}
UNKNOWN = "auth/x: where a method of type own keeps its roles is not known"
ALL = [
    "auth/approle/role/legacy, beside pc-gate",
    "auth/approle/role/old",
    "auth/people/users/ada",
    "auth/jwt/cel/role/helper, perhaps: a program says what it gives",
    "auth/ad/config",
    "auth/radius/config",
    "auth/token/roles/some",
    "entity ada",
    "group ops",
]


class Server:
    def __init__(self, refused: str = "nothing") -> None:
        self._refused = refused

    def read(self, path: str) -> dict[str, Any] | None:
        return HELD.get(path)

    def keys(self, path: str) -> list[str]:
        if path == self._refused:
            raise Unreachable(f"vault: list {path}: Forbidden")
        return [held.rpartition("/")[2] for held in HELD if held.rpartition("/")[0] == path]


def _given(server: Server) -> tuple[list[str], list[str]]:
    found, unread = carriers(cast(Vault, server))
    return [str(c) for c in found if c.hands_out("legacy")], unread


def test_each_kind_is_found() -> None:
    assert _given(Server()) == (ALL, [UNKNOWN])


def test_what_is_refused_is_said_and_the_rest_is_found() -> None:
    given, unread = _given(Server("auth/people/users"))
    assert [g for g in ALL if g not in given] == ["auth/people/users/ada"]
    assert unread == ["vault: list auth/people/users: Forbidden", UNKNOWN]


def test_without_the_methods_the_rest_is_found() -> None:
    class Without(Server):
        def read(self, path: str) -> dict[str, Any] | None:
            if path == "sys/auth":
                raise Unreachable("vault: read sys/auth: Forbidden")
            return super().read(path)

    assert _given(Without()) == (ALL[6:], ["vault: read sys/auth: Forbidden"])
