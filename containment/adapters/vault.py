"""Vault or OpenBao over `hvac`. Nothing else imports it. Token and address come from the environment only."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from containment import estates, names
from containment.adapters import congestion
from containment.adapters.accessors import WORKERS, Accessors, said
from containment.compiled import gate
from containment.errors import RecordsLost
from containment.incidents.decide import LOCK
from containment.incidents.incident import Incident
from containment.ports import Applied, Issued, Lease, Seen, Token
from policies import codec
from policies.errors import InputError, TimedOut, Unanswered, Unreachable
from policies.model import Estate

T = TypeVar("T")
_CONFLICT = "transaction commit failed"
_PAUSES = (0.05, 0.2, 0.5)
"""Seconds before each further try."""
_CHECKED = ("check-and-set parameter required", "did not match the current version")
_OVER = 10
"""Tries over what others write meanwhile."""
_PATIENCE = 30
_COMPILED = f"{names.STORE}/data/compiled"
_DONE, _BEGUN = "estate", "begun"
"""What an apply keeps: the estate that it has declared, and until then the one that it is about to."""
_STORED = 8
"""Seconds for the product's own records, which take milliseconds: the first thing that a lock-down asks for."""


class HvacVault:
    """Implements `containment.ports.Vault`. Raises Unreachable for every refusal, Unanswered without any answer."""

    def __init__(self, address: str, token: str, ca: str | None) -> None:
        import hvac
        import requests
        from requests.adapters import HTTPAdapter

        session = requests.Session()
        session.mount("https://", HTTPAdapter(pool_connections=2, pool_maxsize=WORKERS * 2))
        session.trust_env = False
        session.verify = ca or True  # hvac takes a given session's own settings over its arguments
        self._client: Any = hvac.Client(url=address, token=token, timeout=_PATIENCE, session=session)
        self._unusable = _unusable(ca) if ca and address.startswith("https:") else ""
        self._operator: HvacVault | None = None
        self._estates: dict[str, Estate | None] = {}
        self._accessors = Accessors(self._client, self._may_look_up)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Raises InputError when VAULT_ADDR or VAULT_TOKEN is missing or empty: a token left in a home folder by an
        earlier login is never used."""
        missing = [name for name in ("VAULT_ADDR", "VAULT_TOKEN") if not environ.get(name)]
        if missing:
            raise InputError(
                f'{" and ".join(missing)} not set; for the embedded environment: eval "$(portcullis sandbox env)"'
            )
        return cls(environ["VAULT_ADDR"], environ["VAULT_TOKEN"], environ.get("VAULT_CACERT"))

    @classmethod
    def for_containment(cls, environ: Mapping[str, str] = os.environ) -> HvacVault:
        """With PORTCULLIS_CONTAINMENT_TOKEN, whose few rules the server compiles in no time, else with VAULT_TOKEN.
        Raises InputError as `from_environment` does."""
        token = environ.get("PORTCULLIS_CONTAINMENT_TOKEN")
        vault = cls.from_environment({**environ, "VAULT_TOKEN": token} if token else environ)
        vault._operator = cls.from_environment(environ) if token and environ.get("VAULT_TOKEN") else None
        return vault

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
        answer = self._call("health", lambda: self._client.sys.read_health_status(method="GET"))
        if not isinstance(answer, dict):  # sealed, say: hvac then hands the whole response over
            raise Unanswered(f"vault: health: {answer.status_code}")
        return int(answer["server_time_utc"])

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

    def incidents(self) -> tuple[Incident, ...]:
        """Raises RecordsLost where one that is listed cannot be read."""
        found: list[Incident] = []
        lost: dict[str, str] = {}
        for name in self.keys(f"{names.STORE}/metadata/incidents"):
            if name.endswith("/"):  # a folder; no id has a slash
                continue
            stored = self._stored(_record(name))
            incident = _read(name, stored)
            if incident is None:
                lost[name] = _remedy(name, stored)
            else:
                found.append(incident)
        known = tuple(sorted(found, key=lambda i: (i.opened_at, i.id)))
        if lost:
            raise RecordsLost(lost, known)
        return known

    def restore_incident(self, incident_id: str) -> bool:
        """Whether its record can be read again: the version that was the last, undeleted, or else the newest before it
        that is one, written anew."""
        path = _record(incident_id)
        stored = self._stored(path)
        if stored is None:
            return False
        newest = stored["metadata"]["version"]
        self.write(f"{names.STORE}/undelete/incidents/{incident_id}", {"versions": [newest]})
        if _read(incident_id, self._stored(path)) is not None:
            return True
        before = (_read(incident_id, self._stored(f"{path}?version={n}")) for n in range(newest - 1, 0, -1))
        held = next((incident for incident in before if incident), None)
        return held is not None and self._set(path, held, newest) is not None

    def write_incident(self, incident: Incident) -> Incident:
        """Put a new incident on record, or one whose record is lost. Returns what is there: `incident` itself, or
        another's of that id, who came first and whose record stays as it is."""
        path = _record(incident.id)
        if self._set(path, incident, 0) is not None:
            return incident
        stored = self._stored(path)
        held = _read(incident.id, stored)
        if held is not None:
            return held
        if stored is None or self._set(path, incident, stored["metadata"]["version"]) is None:
            raise Unreachable(f"vault: write {path}: the record could not be made")
        return incident

    def update_incident(self, incident_id: str, change: Callable[[Incident], Incident]) -> Incident:
        """Read, change, write if nobody wrote meanwhile, else again: containment and rotation write beside each other.
        `change` may be called more than once. Raises Unreachable when the incident is not on record, or what is there
        is to vanish by itself, and RecordsLost when it has.
        """
        path = _record(incident_id)
        for _ in range(50):
            stored = self._stored(path)
            if stored is None:
                raise Unreachable(f"vault: incident {incident_id} is not on record")
            before = _read(incident_id, stored)
            if before is None:
                raise RecordsLost({incident_id: _remedy(incident_id, stored)}, ())
            after = change(before)
            if after == before and not stored["metadata"]["deletion_time"]:
                return after
            written = self._set(path, after, stored["metadata"]["version"])
            if written is not None and written.get("deletion_time"):
                raise Unreachable(
                    f"vault: the record of incident {incident_id} is set to vanish at {written['deletion_time']}, and "
                    f"with it what is known to be locked: bao kv metadata put -mount={names.STORE} "
                    f"-delete-version-after=0s incidents/{incident_id}, and bao write {names.STORE}/config "
                    "delete_version_after=0s where all of the store is set so; then the same command again"
                )
            if written is not None:
                return after
        raise Unreachable(f"vault: incident {incident_id}: others write it all the time")

    def _set(self, path: str, incident: Incident, version: int) -> dict[str, Any] | None:
        """What the server says of the new version, None where it was not written: only over the one that was read (0:
        none)."""
        try:
            return self.write(path, {"data": incident.to_json(), "options": {"cas": version}})
        except Unreachable as error:
            if "check-and-set parameter did not match" in str(error):
                return None
            raise

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

    def compiled(self) -> Estate | None:
        """What the servers hold by the last apply, and by one that has begun and not come to its end. None before the
        first, and where it cannot be read."""
        held = self._held(self._last_apply() or {})
        return estates.unfinished(*held) if len(held) > 1 else next(iter(held), None)

    def done(self) -> Estate | None:
        """By the last apply that came to its end alone."""
        return next(iter(self._held({_DONE: (self._last_apply() or {}).get(_DONE)})), None)

    def applied(self, number: int = 0) -> Applied | None:
        """What an apply kept, by its version, from 1 on; 0 is the last. None when there is no such one."""
        stored = self._stored(f"{_COMPILED}?version={number}")
        if stored is None:
            return None
        about = stored["metadata"]
        return Applied(int(about["version"]), epoch(str(about["created_time"])), self._held(stored["data"] or {}))

    def _held(self, kept: Mapping[str, Any]) -> tuple[Estate, ...]:
        """What was done, what was begun, or both; none where either cannot be read. A run asks more than once, and a
        large one takes time to read."""
        texts = [str(kept[which]) for which in (_DONE, _BEGUN) if kept.get(which)]
        for text in texts:
            if text not in self._estates:
                self._estates[text] = codec.decode(text)
        held = [self._estates[text] for text in texts]
        return () if None in held else tuple(one for one in held if one)

    def _last_apply(self) -> dict[str, Any] | None:
        """What the last that can be read kept; None before the first, and where somebody has deleted it. Of one that
        somebody wrote over `applied` tells."""
        stored = self._stored(_COMPILED)
        if stored is None or stored["data"] is None:
            return None
        number: int = stored["metadata"]["version"]
        while stored is not None:
            kept: dict[str, Any] = stored["data"] or {}
            if self._held(kept):
                return kept
            number -= 1
            stored = self._stored(f"{_COMPILED}?version={number}") if number else None
        return None

    def repository_ids(self) -> dict[str, int]:
        """GitHub's id of each repository by its name, as the last apply saw them; none where an earlier version wrote,
        or where somebody has emptied them."""
        held = (self._last_apply() or {}).get("repositories")
        return dict(held) if isinstance(held, dict) else {}

    def seen(self) -> Seen | None:
        """What the last apply saw that no declaration says; None where an earlier version wrote, or another hand."""
        held = (self._last_apply() or {}).get("seen")
        return held if isinstance(held, dict) and all(isinstance(v, dict) for v in held.values()) else None

    def write_begun(self, estate: Estate) -> bool:
        """Before anything of it is declared, beside what another has begun that never came to its end. Whether anything
        was written: the same is not stored twice."""
        held = self._last_apply() or {}
        left = self._held({_BEGUN: held.get(_BEGUN)})
        if codec.encode(estate) == held.get(_DONE):
            return False
        begun = estates.unfinished(estate, left[0]) if left else estate
        return self._write_apply({**held, _BEGUN: codec.encode(begun)})

    def write_done(self, estate: Estate) -> bool:
        """Once all of it is declared; what else the last apply saw stays."""
        return self._write_apply({**(self._last_apply() or {}), _DONE: codec.encode(estate), _BEGUN: ""})

    def write_compiled(self, estate: Estate, repository_ids: Mapping[str, int], seen: Seen) -> bool:
        """The same in peace, with what it saw."""
        wanted = {_DONE: codec.encode(estate), _BEGUN: "", "repositories": dict(repository_ids), "seen": dict(seen)}
        return self._write_apply(wanted)

    def _write_apply(self, wanted: dict[str, Any]) -> bool:
        if {_BEGUN: "", **((self._stored(_COMPILED) or {}).get("data") or {})} == wanted:
            return False
        self.write(_COMPILED, {"data": wanted})
        return True

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
            found = pool.map(self._lease, [f"{prefix}/{name}" for name in self.keys(f"sys/leases/lookup/{prefix}")])
            return [lease for lease in found if lease is not None]

    def _lease(self, lease: str) -> Lease | None:
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
        return _settled(lambda: self._lease(lease) is None)

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
        renewed = self._lease(lease)
        if renewed is None:
            raise Unreachable(f"vault: renew a lease: {lease.rpartition('/')[0]}: it is gone")
        return renewed.ttl

    def entity_of(self, alias: str, mount: str) -> str | None:
        accessors = self._call("list auth methods", lambda: self._client.sys.list_auth_methods())["data"]
        data = self.write(
            "identity/lookup/entity", {"alias_name": alias, "alias_mount_accessor": accessors[f"{mount}/"]["accessor"]}
        )
        return data.get("id")


def _record(incident_id: str) -> str:
    return f"{names.STORE}/data/incidents/{incident_id}"


def _read(incident_id: str, stored: Mapping[str, Any] | None) -> Incident | None:
    """None for whatever is no record of that incident."""
    try:
        found = Incident.from_json((stored or {})["data"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return found if found.id == incident_id else None


def _remedy(incident_id: str, stored: Mapping[str, Any] | None) -> str:
    again = f"lock down again by its id: {LOCK} --config incidentId={incident_id} --config incidentScope=WHAT-LEAKED"
    where = f"-mount={names.STORE}"
    if stored is None:
        never = f"where nobody ever opened it, bao kv metadata delete {where} incidents/{incident_id}"
        return f"has no record: {again}; {never}"
    version = stored["metadata"]["version"]
    if stored["data"] is None and stored["metadata"].get("destroyed"):
        return f"its record is destroyed: {again}"
    if stored["data"] is None:
        back = f"bao kv undelete {where} -versions={version} incidents/{incident_id}"
        return f"its record is deleted: {back}, or {again}"
    back = f"bao kv rollback {where} -version=AN-EARLIER-ONE incidents/{incident_id}"
    return f"its record is none: {back}, or {again}"


def _committed(function: Callable[[], T]) -> T:
    """Once more where another's write of the same came in between, which is no reason to give up."""
    import hvac.exceptions as refusals

    for pause in _PAUSES:
        try:
            return function()
        except refusals.InternalServerError as error:
            if not any(_CONFLICT in one for one in error.errors or []):
                raise
            time.sleep(pause)
    return function()


def _settled(gone: Callable[[], bool]) -> bool:
    """Looked up again where it is still there: another run that revokes the same has it half done."""
    for pause in _PAUSES:
        if gone():
            return True
        time.sleep(pause)
    return gone()


def _unusable(ca: str) -> str:
    """Why nobody can be trusted by this file of certificates, or folder of them, or ""."""
    by = {"capath" if Path(ca).is_dir() else "cafile": ca}
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**by)
    except OSError as error:
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        return f"vault: VAULT_CACERT: {ca}: {why}: set it to the file of the server's authority (PEM)"
    return ""


def epoch(issued: str) -> int:
    """A lease's `issue_time` (RFC 3339 with nanoseconds) to epoch seconds."""
    head, _, tail = issued.partition(".")
    zone = "+00:00" if tail.endswith("Z") or not tail else tail[-6:]
    return int(datetime.fromisoformat(head.removesuffix("Z") + zone).timestamp())
