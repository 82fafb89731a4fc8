"""Attackers and services in processes of their own, and what their logs say afterwards."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from containment import names
from drill.actors import Actors
from drill.leak import Leak
from policies.errors import Unreachable
from policies.model import AuthMethod, DatabaseSecret, Estate, Workload
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import TRADING_KEYS

_DEADLINE = 30.0


@dataclass
class Background:
    """`folder`: where the logs lie, one a process."""

    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    logs: dict[str, Path] = field(default_factory=dict)

    def start(self, module: str, name: str, given: dict[str, Any]) -> None:
        """The document goes over stdin, so that no credential is ever in an argument list or a file."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.folder / f"{len(self.logs)}-{module.rpartition('.')[2]}.jsonl"
        log.touch(mode=0o600)
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(log)], stdin=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        self.processes.append(child)
        self.logs[name] = log
        if child.stdin is not None:
            child.stdin.write(json.dumps(given) + "\n")
            child.stdin.flush()

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Whole lines only: the last one may still be being written."""
        text = self.logs[name].read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def stop(self) -> None:
        for child in self.processes:
            child.terminate()
            if child.stdin is not None:
                child.stdin.close()
        for child in self.processes:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def start_attackers(background: Background, actors: Actors, leak: Leak) -> None:
    for credential, attempts in leak.by_credential.items():
        acts = [{"what": a.what, "action": a.use.action, "values": dict(a.use.values)} for a in attempts]
        background.start("drill.attack", credential, {"addresses": asdict(actors.addresses), "acts": acts})


def start_services(background: Background, actors: Actors, estate: Estate, sandbox: Sandbox) -> None:
    services = [
        {"workload": w.name, "login": _login(w, sandbox), "grants": _grants(w, estate)} for w in estate.workloads
    ]
    background.start("drill.services", "services", {"addresses": asdict(actors.addresses), "services": services})


def _login(workload: Workload, sandbox: Sandbox) -> dict[str, str]:
    if workload.auth is AuthMethod.APPROLE:
        return {"file": str(sandbox.delivered / f"{workload.name}.json")}
    return {
        "issuer_key": str(sandbox.root / "secrets" / "ci-issuer.key"),
        "claims": json.dumps(dict(workload.bound_claims)),
    }


def _grants(workload: Workload, estate: Estate) -> list[dict[str, str]]:
    found = []
    for policy in estate.secrets:
        if any(g.workload == workload.name for g in policy.grants):
            key = "order" if policy.name in TRADING_KEYS else "look"
            static = key if policy.key_issuer else "read"
            use = "query" if isinstance(policy.secret, DatabaseSecret) else static
            found.append({"path": names.granted_path(policy), "use": use})
    return found


def wait_for_services(background: Background, workloads: Iterable[str], since: float) -> list[str]:
    """Until each has worked after `since` (epoch seconds). Returns those that have not within the deadline."""
    wanted = set(workloads)
    end = time.monotonic() + _DEADLINE
    while True:
        latest = {row["workload"]: row for row in background.rows("services") if row["at"] >= since}
        missing = sorted(w for w in wanted if not latest.get(w, {}).get("ok"))
        if not missing or time.monotonic() > end:
            return [f"{w}: {latest[w]['why'] if w in latest else 'has not tried'}" for w in missing]
        time.sleep(0.1)


def wait_for_attackers(background: Background, leak: Leak) -> None:
    """Until each attempt has succeeded once from its own process. Raises Unreachable after the deadline."""
    end = time.monotonic() + _DEADLINE
    for credential, attempts in leak.by_credential.items():
        while not {a.what for a in attempts} <= {r["what"] for r in background.rows(credential) if r["ok"]}:
            if time.monotonic() > end:
                raise Unreachable(f"the attacker with the {credential} has not succeeded within {_DEADLINE:.0f} s")
            time.sleep(0.05)


def attackers(background: Background, leak: Leak, lifting_at: float) -> list[dict[str, Any]]:
    """Rows for the report: when each last succeeded, when it was first refused for good, how often it tried.

    `lifting_at` (epoch seconds): what an incident only pauses is looked at until then.
    """
    found = []
    for credential, attempts in leak.by_credential.items():
        until = lifting_at if all(a.paused for a in attempts) else math.inf
        rows = [r for r in background.rows(credential) if r["at"] < until]
        successes = [r["at"] for r in rows if r["ok"]]
        last = max(successes, default=None)
        refused = [r["at"] for r in rows if r["ok"] is False and (last is None or r["at"] > last)]
        found.append(
            {
                "credential": credential,
                "last_success": last,
                "first_refused": min(refused, default=None),
                "attempts": len(rows),
                "unanswered": sum(r["ok"] is None for r in rows),
            }
        )
    return found


def services(background: Background, since: float) -> list[dict[str, Any]]:
    """Rows for the report: how long each service could not work after `since`; None while it is still out."""
    by_workload: dict[str, list[dict[str, Any]]] = {}
    for row in background.rows("services"):
        by_workload.setdefault(row["workload"], []).append(row)
    return [_service(name, rows, since) for name, rows in sorted(by_workload.items())]


def _service(workload: str, rows: list[dict[str, Any]], since: float) -> dict[str, Any]:
    interrupted, last_ok, out_since = 0.0, None, None
    before, after = None, None
    for row in rows:
        if row["ok"]:
            if out_since is not None:
                interrupted += row["at"] - out_since
                before, after, out_since = before or out_since, row["at"], None
            last_ok = row["at"]
        elif out_since is None and row["at"] >= since:
            out_since = last_ok if last_ok is not None else row["at"]
    still_out = out_since is not None
    return {
        "workload": workload,
        "interrupted_seconds": None if still_out else round(interrupted, 2),
        "last_ok": before or last_ok,
        "first_ok_after": None if still_out else after,
    }
