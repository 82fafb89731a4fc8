"""The exchange double as a service."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

from sandbox import tls
from sandbox.process import write_private
from sandbox.services.base import Service

_REPOSITORY = Path(__file__).resolve().parent.parent.parent


class ExchangeDouble(Service):
    name = "exchange"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def admin_key_file(self) -> Path:
        return self.secrets / "exchange.admin.json"

    def launch(self) -> None:
        _, cert, key = tls.ensure(self.root)
        state = self.folder / "state.json"
        if not state.exists():
            admin = {"id": "ADMIN", "secret": secrets.token_urlsafe(36)}
            write_private(self.admin_key_file, json.dumps(admin))
            write_private(state, json.dumps({"admin": admin, "keys": {}, "orders": 0}))
        argv = [
            sys.executable,
            "-m",
            "sandbox.doubles.exchange",
            "--state",
            str(state),
            "--port",
            str(self.port),
            "--cert",
            str(cert),
            "--key",
            str(key),
        ]
        self.process.start(argv, {"PATH": os.environ["PATH"]}, cwd=_REPOSITORY)

    def healthy(self) -> bool:
        import ssl

        import httpx

        try:
            context = ssl.create_default_context(cafile=str(self.root / "ca.pem"))
            return httpx.get(f"{self.url}/v1/health", verify=context, timeout=2, trust_env=False).status_code == 200
        except (httpx.HTTPError, FileNotFoundError):
            return False

    def environ(self) -> dict[str, str]:
        return {"EXCHANGE_URL": self.url, "EXCHANGE_ADMIN_KEY_FILE": str(self.admin_key_file)}
