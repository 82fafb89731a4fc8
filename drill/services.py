"""`python -m drill.services LOG`: every workload as a service that keeps trying to work, a thread each.

It logs in with what was delivered to it, reads what it is granted and uses it: an order with an exchange key, a query
with a database credential. It keeps a token and a session until they are refused, then starts over. Over stdin comes
one JSON document without a secret; each round is one line of LOG ({at, workload, ok, why}).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from drill.child import given
from drill.hands import Addresses, Hands, alive
from policies.errors import Unreachable

_EVERY = 0.2


@dataclass
class Service:
    hands: Hands
    workload: str
    login: dict[str, str]
    """`{"file": …}` of a delivered secret_id, or `{"issuer_key": …, …claims}` for a JWT workload."""
    grants: list[dict[str, str]]
    """`{"path", "use": "read" | "look" | "order" | "query"}`."""
    token: str = ""
    sessions: dict[str, Any] = field(default_factory=dict)

    def work(self) -> str:
        """One round. Returns why it could not work, or ""."""
        try:
            if not self.token:
                self.token = self._login()
            for grant in self.grants:
                if not self._use(grant):
                    return f"{grant['path']}: refused"
        except (Unreachable, OSError, ValueError, subprocess.SubprocessError) as error:
            self.token = ""
            return f"{type(error).__name__}: {str(error)[:160]}"
        return ""

    def _login(self) -> str:
        if "file" in self.login:
            held = json.loads(Path(self.login["file"]).read_text())
            return self.hands.login(held["role_id"], held["secret_id"])
        import jwt

        now = int(time.time())
        body = {"aud": "portcullis", "iat": now, "exp": now + 300, **json.loads(self.login["claims"])}
        signed = jwt.encode(body, Path(self.login["issuer_key"]).read_text(), algorithm="ES256")
        return self.hands.jwt_login(self.workload, signed)

    def _use(self, grant: dict[str, str]) -> bool:
        path = grant["path"]
        if grant["use"] == "query":
            return self._query(path)
        data = self.hands.read(self.token, path)["data"]
        if grant["use"] == "read":
            return True
        by_key = self.hands.order if grant["use"] == "order" else self.hands.look
        return by_key(data["api_key"], data["api_secret"])

    def _query(self, path: str) -> bool:
        session = self.sessions.get(path)
        if session is None or not alive(session):
            self.sessions.pop(path, None)
            import psycopg

            held = self.hands.read(self.token, path)
            try:
                self.sessions[path] = self.hands.connect(held["username"], held["password"])
            except psycopg.OperationalError:
                return False
        return alive(self.sessions[path])


def _run(service: Service, log: TextIO, lock: threading.Lock) -> None:
    while True:
        at = time.time()
        why = service.work()
        with lock:
            log.write(json.dumps({"at": at, "workload": service.workload, "ok": not why, "why": why}) + "\n")
        time.sleep(_EVERY)


def main() -> None:
    document = given()
    addresses, lock = Addresses(**document["addresses"]), threading.Lock()
    with Path(sys.argv[1]).open("a", buffering=1) as log:
        threads = [
            threading.Thread(target=_run, args=(Service(Hands(addresses), **one), log, lock))
            for one in document["services"]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


main()
