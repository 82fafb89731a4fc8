"""The OPA server with the product's bundle."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.services.base import Service

BUNDLE = Path(__file__).resolve().parent.parent.parent / "policies" / "rego"


class OpaServer(Service):
    name = "opa"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        from tools.bootstrap import ensure

        binary = str(ensure().path("opa"))
        argv = [
            binary,
            "run",
            "--server",
            f"--addr=127.0.0.1:{self.port}",
            "--log-level=error",
            "--watch",
            "--bundle",
            str(BUNDLE),
        ]
        self.process.start(argv, {"PATH": os.environ["PATH"], "HOME": str(self.folder)})

    def healthy(self) -> bool:
        import httpx

        try:
            return httpx.get(f"{self.url}/health?bundles", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def environ(self) -> dict[str, str]:
        return {"OPA_URL": self.url}
