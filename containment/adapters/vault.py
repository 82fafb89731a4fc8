"""Vault or OpenBao over `hvac`: tokens, leases, policies, and the product's own records."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from containment import names
from containment.adapters.accessors import Accessors
from containment.adapters.applies import Applies
from containment.adapters.client import PAUSES, WORKERS
from containment.adapters.records import Records
from containment.compiled import gate
from containment.ports import Issued, Lease, Token
from policies.errors import Unanswered, Unreachable

_CHECKED = ("check-and-set parameter required", "did not match the current version")
_OVER = 10
"""Tries over what others write meanwhile."""


class HvacVault(Records, Applies):
    """Implements `containment.ports.Vault`."""

    def __init__(self, address: str, token: str, ca: str | None) -> None:
        super().__init__(address, token, ca)
        self._operator: HvacVault | None = None
        self._accessors = Accessors(self._client, self._may_look_up)

    @classmethod
    def for_containment(cls, environ: Mapping[str, str] = os.environ) -> HvacVault:
        """With PORTCULLIS_CONTAINMENT_TOKEN, whose few rules the server compiles in no time, else with VAULT_TOKEN.
        Raises InputError as `from_environment` does."""
        token = environ.get("PORTCULLIS_CONTAINMENT_TOKEN")
        vault = cls.from_environment({**environ, "VAULT_TOKEN": token} if token else environ)
        vault._operator = cls.from_environment(environ) if token and environ.get("VAULT_TOKEN") else None
        return vault

    def whoami(self) -> str:
        return str(self._own()["accessor"])

    def login_path(self) -> str:
        """By which this token came about, as the server has it: `auth/jwt/login`."""
        return str(self._own()["path"])

    def _own(self) -> dict[str, Any]:
        answer = self._call("token lookup-self", lambda: self._client.auth.token.lookup_self())
        return dict(answer["data"])

    def beside(self) -> str:
        """Accessor of the token by which Pulumi declares beside this one, "" when there is none or it is refused."""
        try:
            return self._operator.whoami() if self._operator else ""
        except Unanswered:
            raise
        except Unreachable:
            return ""

    def metadata(self) -> Mapping[str, str]:
        """What whoever made this token wrote on it; its holder cannot change it."""
        return {str(key): str(value) for key, value in (self._own()["meta"] or {}).items()}

    def capabilities(self, paths: list[str]) -> Mapping[str, frozenset[str]]:
        answer = self.write("sys/capabilities-self", {"paths": paths})
        return {path: frozenset(answer[path]) for path in paths}

    def capabilities_of(self, accessor: str, paths: list[str]) -> Mapping[str, frozenset[str]] | None:
        """Of another token, its entity's and groups' policies included. None when it is gone."""
        try:
            answer = self.write("sys/capabilities-accessor", {"accessor": accessor, "paths": paths})
        except Unreachable:
            if self._accessors.look_up(accessor) is None:
                return None
            raise
        return {path: frozenset(answer[path]) for path in paths}

    def read_policy(self, name: str) -> str | None:
        data = self.read(names.policy_path(name))
        return None if data is None else str(data["policy"])

    def holds_policy(self, name: str, text: str) -> bool:
        """Whether it is there as `write_policy` leaves it, whole: the text, for good, and open to the next write."""
        held = self.read(names.policy_path(name))
        return held is not None and held["policy"] == text and not gate.conditions(held)

    def write_policy(self, name: str, text: str) -> None:
        """The text and nothing beside it, over whatever is there: one that asks for a check-and-set gets it."""
        path, body = names.policy_path(name), {"policy": text}
        for _ in range(_OVER):
            try:
                self.write(path, body)
            except Unreachable as error:
                if not any(words in str(error) for words in _CHECKED):
                    raise
                body = {"policy": text, "cas": (self.read(path) or {"version": 0})["version"]}
            else:
                return
        raise Unreachable(f"vault: write {path}: others write it all the time")

    def tokens(self) -> list[Token]:
        return self._accessors.look_up_all(self.keys("auth/token/accessors"))

    def _may_look_up(self) -> bool:
        path = "auth/token/lookup-accessor"
        return names.may(self.capabilities([path])[path])

    def revoke_token(self, accessor: str) -> bool:
        """True when the token is proven gone by looking it up: the server answers 200 for one it never knew, and says
        "token not found" of one that another run is revoking."""
        refused: Unreachable | None = None
        try:
            self.write("auth/token/revoke-accessor", {"accessor": accessor})
        except Unanswered:
            raise
        except Unreachable as error:
            refused = error
        gone = _settled(lambda: self._accessors.look_up(accessor) is None)
        if refused and not gone:
            raise refused
        return gone

    def leases(self, prefix: str) -> list[Lease]:
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(self.leased, [f"{prefix}/{name}" for name in self.keys(f"sys/leases/lookup/{prefix}")])
            return [lease for lease in found if lease is not None]

    def leased(self, lease: str) -> Lease | None:
        """None when it is gone: the server calls the look-up of an unknown lease invalid."""
        try:
            data = self.write("sys/leases/lookup", {"lease_id": lease})
        except Unreachable as error:
            if "invalid lease" in str(error):
                return None
            raise
        return Lease(lease, str(data["issue_time"]), int(data["ttl"]))

    def revoke_lease(self, lease: str) -> bool:
        """Synchronously, one lease. True when a later look-up no longer finds it."""
        self.write("sys/leases/revoke", {"lease_id": lease, "sync": True})
        return _settled(lambda: self.leased(lease) is None)

    def lease(self, path: str) -> Issued:
        """A new dynamic credential, as the engine at `path` makes it."""
        answer = self._call(f"read {path}", lambda: self._client.read(path))
        if answer is None or not answer["lease_id"]:
            raise Unreachable(f"vault: read {path}: no lease came of it")
        values = {**{key: str(value) for key, value in answer["data"].items()}, "lease_id": str(answer["lease_id"])}
        return Issued(str(answer["lease_id"]), int(answer["lease_duration"]), (), values)

    def renew(self, lease: str, ttl: int) -> int:
        """Ask for `ttl` seconds from now, which may be fewer than are left. Returns what the look-up shows then."""
        self.write("sys/leases/renew", {"lease_id": lease, "increment": ttl})
        renewed = self.leased(lease)
        if renewed is None:
            raise Unreachable(f"vault: renew a lease: {lease.rpartition('/')[0]}: it is gone")
        return renewed.ttl

    def entity_of(self, alias: str, mount: str) -> str | None:
        accessors = self._call("list auth methods", lambda: self._client.sys.list_auth_methods())["data"]
        data = self.write(
            "identity/lookup/entity", {"alias_name": alias, "alias_mount_accessor": accessors[f"{mount}/"]["accessor"]}
        )
        return data.get("id")


def _settled(gone: Callable[[], bool]) -> bool:
    """Looked up again where it is still there: another run that revokes the same has it half done."""
    for pause in PAUSES:
        if gone():
            return True
        time.sleep(pause)
    return gone()
