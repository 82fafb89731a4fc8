"""The PagerDuty double as a service: one Events API v2 integration, its routing key in a file."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from sandbox import tls
from sandbox.process import write_private
from sandbox.services.base import Service

_REPOSITORY = Path(__file__).resolve().parent.parent.parent


class PagerdutyDouble(Service):
    name = "pagerduty"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def routing_key_file(self) -> Path:
        return self.secrets / "pagerduty.routing-key"

    def alerts(self) -> dict[str, Any]:
        """By deduplication key."""
        alerts: dict[str, Any] = json.loads((self.folder / "state.json").read_text())["alerts"]
        return alerts

    def violations(self) -> list[dict[str, Any]]:
        """What was asked or answered outside PagerDuty's description, since the state was made."""
        file = self.folder / "violations.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def launch(self) -> None:
        _, cert, key = tls.ensure(self.root)
        state = self.folder / "state.json"
        if not state.exists():
            routing_key = secrets.token_hex(16)
            write_private(self.routing_key_file, routing_key)
            write_private(state, json.dumps({"routing_keys": [routing_key], "alerts": {}}))
        argv = [sys.executable, "-m", "sandbox.doubles.pagerduty", f"--state={state}", f"--port={self.port}"]
        argv += [f"--violations={self.folder / 'violations.jsonl'}", f"--cert={cert}", f"--key={key}"]
        self.process.start(argv, {"PATH": os.environ["PATH"]}, cwd=_REPOSITORY)

    def healthy(self) -> bool:
        import ssl

        import httpx

        try:
            context = ssl.create_default_context(cafile=str(self.root / "ca.pem"))
            return httpx.get(f"{self.url}/health", verify=context, timeout=2, trust_env=False).status_code == 200
        except (httpx.HTTPError, FileNotFoundError):
            return False

    def environ(self) -> dict[str, str]:
        return {"PAGERDUTY_EVENTS_URL": self.url, "PAGERDUTY_ROUTING_KEY_FILE": str(self.routing_key_file)}
