"""A server that keeps incidents and heads, and an audit log, as the collector sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from containment import names
from containment.incidents.incident import Incident, Proof, Scope, State
from containment.ports import Vault
from policies.errors import Unreachable
from rotation.evidence.collect import Collected, collect

OPENED = 1795488701
INCIDENT = Incident(
    "INC-1",
    Scope(False, ("secret:exchange-trading-key", "workload:risk-engine")),
    State.OPEN,
    opened_at=OPENED,
    denied_at=OPENED + 1,
    proofs=(Proof("secret:exchange-trading-key", "old-dead", OPENED + 5, True, "401 from the exchange"),),
)
EFFECT: dict[str, Any] = {
    "what": "token revoked",
    "target": "risk-engine a1b2c3…",
    "outcome": "done",
    "detail": "looked up, gone",
    "at": OPENED + 2.5,
}


class Server:
    """The part of a server that evidence needs: incidents, and a KV version 2 that keeps every version."""

    def __init__(self, down: bool = False) -> None:
        self.versions: list[str | None] = []
        self.lost: dict[int, list[str]] = {}
        self.writes = 1
        self.down = down

    def incidents(self) -> tuple[Incident, ...]:
        if self.down:
            raise Unreachable("vault: list incidents: ConnectionError")
        return (INCIDENT,)

    def compiled(self) -> None:
        if self.down:
            raise Unreachable("vault: read portcullis/data/compiled: ConnectionError")

    def write(self, _: str, data: dict[str, Any]) -> dict[str, Any]:
        if self.down:
            raise Unreachable("vault: write: ConnectionError")
        self.versions.append(data["data"]["head"])
        self.lost[len(self.versions)] = data["data"].get("lost", [])
        return {}

    def read(self, path: str) -> dict[str, Any] | None:
        if self.down:
            raise Unreachable("vault: read: ConnectionError")
        if path == f"{names.STORE}/data/incidents/{INCIDENT.id}":
            return {"data": {}, "metadata": {"version": self.writes}}
        if not self.versions:
            return None
        if "/metadata/" in path:
            known = {str(n): {"destroyed": head is None} for n, head in enumerate(self.versions, 1)}
            return {"current_version": len(self.versions), "versions": known}
        number = int(path.partition("?version=")[2] or len(self.versions))
        return {"data": {"head": self.versions[number - 1], "lost": self.lost.get(number, [])}}


def vault(server: Server) -> Vault:
    return cast(Vault, server)


def line(at: float, path: str, policies: list[str] | None = None) -> str:
    auth = {"policies": policies or [], "policy_results": {"allowed": True}}
    return json.dumps({"time": when(at), "type": "request", "auth": auth, "request": {"path": path}})


def written(number: int, at: float) -> str:
    """The server's answer to a write of the incident's record."""
    path = f"{names.STORE}/data/incidents/{INCIDENT.id}"
    entry = {"time": when(at), "type": "response", "request": {"path": path, "operation": "update", "id": f"w{number}"}}
    return json.dumps({**entry, "response": {"data": {"version": number}}}, separators=(",", ":"))


def when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def collected(folder: Path, log: Path | None, server: Server | None) -> Collected:
    return collect(INCIDENT.id, folder, vault(server) if server else None, log)
