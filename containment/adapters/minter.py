"""Vault as those see it who make tokens, and so write no policy (docs/adr/0007): prober, rotator and approver. The
token of each is a 0600 file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from containment import names
from containment.adapters.client import T, require
from containment.adapters.vault import HvacVault
from containment.ports import Issued
from policies.errors import InputError, Unreachable

_LACKS = (
    "; where that is good, its policy lacks what was declared since: `portcullis drift` names the policy, and the "
    "administrator's part again (README) writes it, with the declaration there; one that was taken out or moved since "
    "an incident began counts as it was until its lift, and that part is done with the declarations from before"
)
_PATIENCE = 5.0
_TICK = 0.2
"""Seconds."""


class HvacMinter(HvacVault):
    """Implements `containment.ports.Minter` and `containment.ports.Prober`."""

    VARIABLE: ClassVar[str]
    """Names the file of the token."""
    _named = False
    """Whether this one's token is from there."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Raises InputError as `require` does, and when the token file is missing, empty or readable by others."""
        require(environ, "VAULT_ADDR", cls.VARIABLE)
        file = Path(environ[cls.VARIABLE])
        try:
            if file.stat().st_mode & 0o077:
                raise InputError(f"{cls.VARIABLE}: {file} is readable by others; chmod 600 it")
            token = file.read_text().strip()
        except OSError as error:
            raise InputError(f"{cls.VARIABLE}: {file}: {error.strerror}") from error
        if not token:
            raise InputError(f"{cls.VARIABLE}: {file} is empty")
        made = cls(environ["VAULT_ADDR"], token, environ.get("VAULT_CACERT"))
        made._named = True
        return made

    def _call(self, what: str, function: Callable[[], T], *, absent: T | None = None, missing_ok: bool = False) -> T:
        try:
            return super()._call(what, function, absent=absent, missing_ok=missing_ok)
        except Unreachable as error:
            if not self._named or "Forbidden" not in str(error):
                raise
            raise Unreachable(f"{error}: by the token of {self.VARIABLE}{_LACKS}") from error

    def require(self, role: str) -> None:
        """Raises Unreachable, naming the variable, when this token may not make one by the token role."""
        path = f"auth/token/create/{role}"
        if not names.may(self.capabilities([path])[path]):
            raise Unreachable(f"{self.VARIABLE}: its token may not make one by the token role {role}")

    def create_token(
        self, role: str, ttl: int, policies: Sequence[str] = (), meta: Mapping[str, str] | None = None
    ) -> Issued:
        """By a token role, whose limits stand. `policies` where the role leaves the choice; `ttl` in seconds; `meta` is
        what a look-up of the token tells of it."""
        body: dict[str, Any] = {"ttl": f"{ttl}s", "display_name": role}
        if policies:
            body["policies"] = list(policies)
        if meta:
            body["meta"] = dict(meta)
        auth = self._call(
            f"create a token by {role}",
            lambda: self._client.write_data(f"auth/token/create/{role}", data=body),
        )["auth"]
        values = {"token": str(auth["client_token"]), "accessor": str(auth["accessor"])}
        return Issued(str(auth["accessor"]), int(auth["lease_duration"]), tuple(auth["policies"]), values)

    def try_read(self, policies: Sequence[str], path: str) -> int:
        """HTTP status that a fresh token with these policies gets when it reads the path. It ends itself after, which
        shows too that the answer was to a live one: another lock-down's sweep ends each token of a workload."""
        until = time.monotonic() + _PATIENCE
        while True:
            token = self.create_token(names.PROBE_ROLE, 60, policies).values["token"]
            try:
                status = self._status("GET", path, token)
            finally:
                ended = self._status("POST", "auth/token/revoke-self", token)
            if ended == 204:
                return status
            if time.monotonic() > until:
                raise Unreachable(f"vault: a probe token could not end itself: {ended}; does another lock-down run?")
            time.sleep(_TICK)

    def _status(self, method: str, path: str, token: str) -> int:
        import requests

        adapter = self._client.adapter
        try:
            answer = adapter.session.request(
                method, f"{adapter.base_uri}/v1/{path}", headers={"X-Vault-Token": token}, timeout=30
            )
        except requests.RequestException as error:
            raise Unreachable(f"vault: probe of {path}: {type(error).__name__}") from error
        return int(answer.status_code)


class HvacProber(HvacMinter):
    """Makes probe tokens and can do nothing else."""

    VARIABLE = "PORTCULLIS_PROBER_TOKEN_FILE"

    def ready(self) -> None:
        """Raises Unreachable when it could not probe."""
        self.require(names.PROBE_ROLE)


class HvacApprover(HvacMinter):
    """Makes the operator's token for what was approved, and can do nothing else."""

    VARIABLE = "PORTCULLIS_APPROVER_TOKEN_FILE"

    def ready(self) -> None:
        """Raises Unreachable when it could not make one."""
        self.require(names.APPLY_ROLE)

    def end(self, token: str) -> bool:
        """By itself. Whether it is gone."""
        return self._status("POST", "auth/token/revoke-self", token) == 204
