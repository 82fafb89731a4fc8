"""OpenBao in server mode: own configuration, raft storage, a declared file audit device, TLS, initialised, unsealed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from policies.errors import Unreachable
from sandbox import tls
from sandbox.process import reserve, wait_until, write_private
from sandbox.services.base import Service


def request(
    http: Any, url: str, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None
) -> Any:
    """One request by an httpx client. Raises Unreachable with the status and the server's words."""
    import httpx

    headers = {"X-Vault-Token": token} if token else {}
    try:
        answer = http.request(method, f"{url}/v1/{path}", json=body, headers=headers)
    except httpx.HTTPError as error:
        raise Unreachable(f"openbao: {path}: {type(error).__name__}") from error
    if answer.status_code >= 400:
        raise Unreachable(f"openbao: {method} {path}: {answer.status_code} {answer.text[:300]}")
    return answer.json() if answer.content else {}


@lru_cache(maxsize=8)
def _client(ca: str) -> Any:
    """One for each certificate authority (PEM): a handshake costs more than a request."""
    import ssl

    import httpx

    return httpx.Client(verify=ssl.create_default_context(cadata=ca), timeout=30, trust_env=False)


class OpenBao(Service):
    name = "openbao"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    @property
    def _keys(self) -> Path:
        return self.secrets / "unseal.json"

    def launch(self) -> None:
        _, cert, key = tls.ensure(self.root)
        data = self.folder / "data"
        if not self._keys.exists():  # cut short when it was initialised: nobody ever unseals what is there
            shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700, exist_ok=True)
        cluster = f"127.0.0.1:{self._cluster_port()}"
        tcp = {"address": f"127.0.0.1:{self.port}", "cluster_address": cluster}
        config = {
            "storage": {"raft": {"path": str(data), "node_id": "sandbox", "performance_multiplier": "1"}},
            "cluster_addr": f"https://{cluster}",
            "listener": [{"tcp": {**tcp, "tls_cert_file": str(cert), "tls_key_file": str(key)}}],
            "api_addr": self.url,
            "audit": [{"type": "file", "path": "file", "options": {"file_path": str(self.audit_log), "mode": "0600"}}],
        }
        write_private(self.folder / "config.json", json.dumps(config, indent=2))
        binary = Path(sys.executable).parent / "bao"
        argv = [str(binary), "server", f"-config={self.folder / 'config.json'}", "-log-level=warn"]
        self.process.start(argv, {"PATH": os.environ["PATH"], "HOME": str(self.folder)})

    def _cluster_port(self) -> int:
        """Raft's own listener; kept while it is free. A single node votes for itself at whatever address."""
        file = self.folder / "cluster.port"
        with reserve(int(file.read_text()) if file.exists() else 0) as probe:
            port: int = probe.getsockname()[1]
        write_private(file, str(port))
        return port

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> Any:
        """As `request`, with this server's certificate."""
        return request(self._http(), self.url, method, path, body, token)

    def _http(self) -> Any:
        return _client((self.root / "ca.pem").read_text())

    def answers(self) -> bool:
        try:
            self.call("GET", "sys/seal-status")
        except Unreachable:
            return False
        return True

    def ready(self) -> None:
        status = self.call("GET", "sys/seal-status")
        if not status["initialized"]:
            if self._keys.exists():
                raise Unreachable(
                    f"openbao: its storage is gone, and {self._keys} still unseals it: put {self.folder} back, or "
                    "begin anew with portcullis sandbox reset"
                )
            made = self.call("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            write_private(self.secrets / "root.token", made["root_token"])
            write_private(self._keys, json.dumps(made["keys_base64"]))
            status = self.call("GET", "sys/seal-status")
        elif not self._keys.exists():
            raise Unreachable(
                "openbao: it was cut short when it was initialised, and nobody has its keys: portcullis sandbox down, "
                "then up, begins it anew"
            )
        if status["sealed"]:
            for key in json.loads(self._keys.read_text()):
                self.call("POST", "sys/unseal", {"key": key})
        wait_until(self.healthy, "openbao (unsealed)", self.process)

    def healthy(self) -> bool:
        try:
            self.call("GET", "sys/health")
        except Unreachable:
            return False
        return True

    def root_token(self) -> str:
        return (self.secrets / "root.token").read_text()

    def environ(self) -> dict[str, str]:
        token = self.secrets / "operator.token"
        shared = {"ADDR": self.url, "CACERT": str(self.root / "ca.pem")}
        if token.exists():
            shared["TOKEN"] = token.read_text()
        named = {f"{family}_{k}": v for family in ("VAULT", "BAO") for k, v in shared.items()}
        containment = self.secrets / "containment.token"
        if containment.exists():
            named["PORTCULLIS_CONTAINMENT_TOKEN"] = containment.read_text()
        return {
            **named,
            "VAULT_NAMESPACE": "",  # over one that the shell may have
            "BAO_NAMESPACE": "",
            "TERRAFORM_VAULT_SKIP_CHILD_TOKEN": "true",
            "PORTCULLIS_AUDIT_LOG": str(self.audit_log),
        }
