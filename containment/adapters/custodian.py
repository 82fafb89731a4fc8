"""Vault as the rotator sees it: the one identity that reads and writes values. Its token is a 0600 file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from containment import names
from containment.adapters.accessors import shown
from containment.adapters.minter import HvacMinter
from containment.ports import Token, Version
from policies.errors import Unreachable


class HvacCustodian(HvacMinter):
    """Implements `containment.ports.Custodian`."""

    VARIABLE = "PORTCULLIS_ROTATOR_TOKEN_FILE"

    def __init__(self, address: str, token: str, ca: str | None) -> None:
        super().__init__(address, token, ca)
        self._address, self._ca = address, ca

    def value(self, mount: str, path: str, version: int = 0) -> dict[str, Any] | None:
        """The fields of a version (0: the newest), None when there is none or it is deleted or destroyed."""
        answer = self.read(f"{mount}/data/{path}" + (f"?version={version}" if version else ""))
        return None if answer is None or answer["data"] is None else dict(answer["data"])

    def put(self, mount: str, path: str, data: Mapping[str, Any], current: int) -> None:
        """A new version over `current` (0: none). Raises Unreachable when somebody else wrote meanwhile."""
        self.write(f"{mount}/data/{path}", {"data": dict(data), "options": {"cas": current}})

    def versions(self, mount: str, path: str) -> list[Version]:
        """Oldest first; empty when there is no such secret."""
        held = (self.read(f"{mount}/metadata/{path}") or {"versions": {}})["versions"]
        return [
            Version(int(n), int(datetime.fromisoformat(v["created_time"]).timestamp()), bool(v["destroyed"]))
            for n, v in sorted(held.items(), key=lambda item: int(item[0]))
        ]

    def destroy(self, mount: str, path: str, versions: Sequence[int]) -> None:
        self.write(f"{mount}/destroy/{path}", {"versions": list(versions)})

    def forget(self, mount: str, path: str) -> None:
        """Every version and the metadata."""
        self.delete(f"{mount}/metadata/{path}")

    @contextmanager
    def session(self, policies: Sequence[str]) -> Iterator[HvacCustodian]:
        """As a token with these policies, two minutes at most and revoked at the end; after a crash the server ends it,
        and every lease made with it."""
        made = self.create_token(names.PROBE_ROLE, 110, policies)
        try:
            yield HvacCustodian(self._address, made.values["token"], self._ca)
        finally:
            self._gone(made.handle)

    @contextmanager
    def login(self, role_id: str, secret_id: str) -> Iterator[Token]:
        """Log in as an AppRole; the token is revoked at the end and looked up until it is gone. A batch token has no
        accessor and looks itself up; nobody can revoke it, and none but this has it."""
        made = self._call(
            "log in as an AppRole",
            lambda: self._client.auth.approle.login(role_id, secret_id, use_token=False, mount_point=names.APPROLE),
        )["auth"]
        if not made["accessor"]:
            yield shown("", HvacCustodian(self._address, made["client_token"], self._ca)._own())
            return
        try:
            token = self._accessors.look_up(made["accessor"])
            if token is None:
                raise Unreachable("vault: the token of a new login is not found")
            yield token
        finally:
            self._gone(made["accessor"])

    def _gone(self, accessor: str) -> None:
        if not self.revoke_token(accessor):
            raise Unreachable("vault: a test token is still there after its revocation")

    def marker(self) -> str:
        """Make a request, and return the id under which the audit log must hold it."""
        answer = self._call("token lookup-self", lambda: self._client.auth.token.lookup_self())
        return str(answer["request_id"])
