"""Vault as the rotator sees it: the one identity that reads and writes values. Its token is a 0600 file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from containment import names
from containment.adapters.vault import HvacVault
from containment.ports import Token, Version
from policies.errors import InputError, Unreachable

TOKEN_FILE = "PORTCULLIS_ROTATOR_TOKEN_FILE"  # noqa: S105 - the name of a variable


class HvacCustodian(HvacVault):
    """Implements `containment.ports.Custodian`."""

    def __init__(self, address: str, token: str, ca: str | None) -> None:
        super().__init__(address, token, ca)
        self._address, self._ca = address, ca

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> HvacCustodian:
        """Raises InputError when VAULT_ADDR or the token file is not named, missing, empty or readable by others."""
        missing = [name for name in ("VAULT_ADDR", TOKEN_FILE) if not environ.get(name)]
        if missing:
            raise InputError(
                f'{" and ".join(missing)} not set; for the embedded environment: eval "$(portcullis sandbox env)"'
            )
        file = Path(environ[TOKEN_FILE])
        try:
            if file.stat().st_mode & 0o077:
                raise InputError(f"{file} is readable by others; chmod 600 it")
            token = file.read_text().strip()
        except OSError as error:
            raise InputError(f"{TOKEN_FILE}: {file}: {error.strerror}") from error
        if not token:
            raise InputError(f"{TOKEN_FILE}: {file} is empty")
        return cls(environ["VAULT_ADDR"], token, environ.get("VAULT_CACERT"))

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
        made = self._call(
            "make a probe token",
            lambda: self._client.write_data(
                f"auth/token/create/{names.PROBE_ROLE}", data={"policies": list(policies), "ttl": "110s"}
            ),
        )["auth"]
        try:
            yield HvacCustodian(self._address, made["client_token"], self._ca)
        finally:
            self._gone(made["accessor"])

    @contextmanager
    def login(self, role_id: str, secret_id: str) -> Iterator[Token]:
        """Log in as an AppRole; the token is revoked at the end and looked up until it is gone."""
        made = self._call(
            "log in as an AppRole",
            lambda: self._client.auth.approle.login(role_id, secret_id, use_token=False, mount_point=names.APPROLE),
        )["auth"]
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
