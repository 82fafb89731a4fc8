"""The connection to Vault or OpenBao over `hvac`, and what its refusals mean. Token and address come from the
environment only."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from containment import names
from containment.adapters import congestion
from policies.errors import InputError, TimedOut, Unanswered, Unreachable
from policies.plain import one_line

T = TypeVar("T")
WORKERS = 16
"""Requests at a time."""
PAUSES = (0.05, 0.2, 0.5)
"""Seconds before each further try."""
_CONFLICT = "transaction commit failed"
_PATIENCE = 30
_STORED = 8
"""Seconds for the product's own records, which take milliseconds: the first thing that a lock-down asks for."""


class HvacClient:
    """Raises Unreachable for every refusal, Unanswered without any answer."""

    def __init__(self, address: str, token: str, ca: str | None) -> None:
        import hvac
        import requests

        from containment.adapters.consistent import Consistent

        session = requests.Session()
        session.mount(address, Consistent(address, WORKERS * 2))
        session.trust_env = False
        session.verify = ca or True  # hvac takes a given session's own settings over its arguments
        session.hooks["response"].append(_a_vaults)
        self._client: Any = hvac.Client(url=address, token=token, timeout=_PATIENCE, session=session)
        self._unusable = _unusable(ca) if ca and address.startswith("https:") else ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Raises InputError as `require` does: a token left in a home folder by an earlier login is never used."""
        require(environ, "VAULT_ADDR", "VAULT_TOKEN")
        return cls(environ["VAULT_ADDR"], environ["VAULT_TOKEN"], environ.get("VAULT_CACERT"))

    def _call(self, what: str, function: Callable[[], T], *, absent: T | None = None, missing_ok: bool = False) -> T:
        import hvac.exceptions as refusals
        import requests

        serving_nobody = (
            refusals.InternalServerError,  # a cluster without a leader, too
            refusals.VaultNotInitialized,
            refusals.BadGateway,
            refusals.VaultDown,  # sealed, too
        )
        if self._unusable:  # not before it is called: a lock-down does what needs no vault
            raise Unanswered(self._unusable)
        try:
            return _committed(function)
        except refusals.InvalidPath as error:
            if missing_ok:
                return absent  # type: ignore[return-value]
            raise Unreachable(f"vault: {what}: not found") from error
        except refusals.VaultError as error:
            kind = Unanswered if isinstance(error, serving_nobody) else Unreachable
            raise kind(f"vault: {what}: {type(error).__name__}: {said(error)}"[:400]) from error
        except requests.exceptions.SSLError as error:
            raise Unanswered(f"vault: {what}: {type(error).__name__}: is VAULT_CACERT its authority?") from error
        except requests.exceptions.ReadTimeout as error:
            message = f"vault: {what}: {type(error).__name__}"
            stored = f" {names.STORE}/" in what  # whatever else may be waiting for a database
            raise (congestion.timed_out(self._client, message) if stored else TimedOut(message)) from error
        except requests.RequestException as error:
            raise Unanswered(f"vault: {what}: {type(error).__name__}") from error

    def now(self) -> int:
        """The server's clock, epoch seconds."""
        return int(self._health()["server_time_utc"])

    def replicated(self) -> str:
        """Its part in a performance replication, whose other clusters have tokens and leases of their own (Vault docs,
        Replication); "" where there is none: no server but Vault Enterprise has it, whatever its mode is said to be."""
        health = self._health()
        mode = str(health.get("replication_performance_mode") or "")
        return "" if mode == "disabled" or "+ent" not in str(health.get("version")) else mode

    def _health(self) -> dict[str, Any]:
        """A standby node answers this too."""
        health = self._client.sys.read_health_status
        answer = self._call("health", lambda: health(standby_ok=True, performance_standby_code=200, method="GET"))
        if not isinstance(answer, dict):  # sealed, say: hvac then hands the whole response over
            raise Unanswered(f"vault: health: {answer.status_code}")
        return answer

    def _stored(self, path: str) -> dict[str, Any] | None:
        """`data` and `metadata` of the current version, the data None where it was deleted: the server calls that not
        found, and tells the version all the same. None where nothing was ever written."""

        def get() -> dict[str, Any] | None:
            import hvac.exceptions as refusals

            try:
                return dict(self._get(path)["data"])
            except refusals.InvalidPath as error:
                told = error.json if isinstance(error.json, dict) else {}
                return told.get("data")

        return self._call(f"read {path}", get)

    def _put(self, path: str, data: Mapping[str, Any], version: int) -> dict[str, Any] | None:
        """What the server says of the new version, None where it was not written: only over the one that was read (0:
        none)."""
        try:
            return self.write(path, {"data": dict(data), "options": {"cas": version}})
        except Unreachable as error:
            if "check-and-set parameter did not match" in str(error):
                return None
            raise

    def read(self, path: str) -> dict[str, Any] | None:
        answer = self._call(f"read {path}", lambda: self._get(path), missing_ok=True)
        return None if answer is None else dict(answer["data"])

    def _get(self, path: str, **params: bool) -> Any:
        """As hvac's `read` and `list`, which take no timeout."""
        patience = _STORED if path.startswith(f"{names.STORE}/") else _PATIENCE
        return self._client.adapter.get(f"/v1/{path}", params=params, timeout=patience)

    def write(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        answer = self._call(f"write {path}", lambda: self._client.write_data(path, data=data))
        return dict(answer.get("data") or {}) if isinstance(answer, dict) else {}

    def delete(self, path: str) -> None:
        self._call(f"delete {path}", lambda: self._client.delete(path), missing_ok=True)

    def keys(self, path: str) -> list[str]:
        answer = self._call(f"list {path}", lambda: self._get(path, list=True), missing_ok=True)
        return [] if answer is None else list(answer["data"]["keys"])


def require(environ: Mapping[str, str], *needed: str) -> None:
    """Raises InputError when one is missing or empty, or VAULT_NAMESPACE is set: Pulumi's provider would follow it, and
    nothing else."""
    missing = [name for name in needed if not environ.get(name)]
    if missing:
        raise InputError(
            f'{" and ".join(missing)} not set; for the embedded environment: eval "$(portcullis sandbox env)"'
        )
    if environ.get("VAULT_NAMESPACE"):
        raise InputError("VAULT_NAMESPACE is set, and namespaces are not supported: unset VAULT_NAMESPACE")


def _a_vaults(answer: Any, **_: object) -> None:
    """Raises Unanswered for whatever else says 200: a proxy's page, of which hvac makes no error."""
    if answer.status_code != 200:
        return
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or body.keys().isdisjoint(("request_id", "server_time_utc")):
        raise Unanswered("vault: what answers at VAULT_ADDR is no vault: a proxy?")


def _committed(function: Callable[[], T]) -> T:
    """Once more where another's write of the same came in between, which is no reason to give up."""
    import hvac.exceptions as refusals

    for pause in PAUSES:
        try:
            return function()
        except refusals.InternalServerError as error:
            if not any(_CONFLICT in one for one in error.errors or []):
                raise
            time.sleep(pause)
    return function()


def _unusable(ca: str) -> str:
    """Why nobody can be trusted by this file of certificates, or folder of them, or ""."""
    by = {"capath" if Path(ca).is_dir() else "cafile": ca}
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**by)
    except OSError as error:
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        return f"vault: VAULT_CACERT: {ca}: {why}: set it to the file of the server's authority (PEM)"
    return ""


def said(error: Any) -> str:
    """The server's words in one line: it makes a list of them, and quotes names in it."""
    return one_line("; ".join(error.errors or []))


def epoch(issued: str) -> int:
    """A lease's `issue_time` (RFC 3339 with nanoseconds) to epoch seconds."""
    head, _, tail = issued.partition(".")
    zone = "+00:00" if tail.endswith("Z") or not tail else tail[-6:]
    return int(datetime.fromisoformat(head.removesuffix("Z") + zone).timestamp())
