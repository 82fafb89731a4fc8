"""A fresh OpenBao in a directory of its own, for as long as it is asked, and requests at it by whom one likes."""

from __future__ import annotations

import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
import httpx

from sandbox import tls
from sandbox.doubles.github import free_port
from sandbox.services.openbao import OpenBao


@contextmanager
def fresh() -> Iterator[OpenBao]:
    """Stopped and its directory removed at the end, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="portcullis-") as folder:
        root = Path(folder)
        (root / "secrets").mkdir(mode=0o700)
        tls.ensure(root)
        made = OpenBao(root, free_port())
        try:
            made.start()
            yield made
        finally:
            made.stop()


def told(made: int, granted: int, differing: Sequence[str]) -> NoReturn:
    """Exit 1 where the model and the server differ, or nothing was allowed and so nothing was tried."""
    click.echo("\n".join([*differing[:10], f"{made} requests, {granted} allowed, {len(differing)} disagreements"]))
    sys.exit(1 if differing or not granted else 0)


class Asker:
    """Unlike the service's own client it takes a refusal for an answer."""

    def __init__(self, bao: OpenBao) -> None:
        context = ssl.create_default_context(cafile=str(bao.root / "ca.pem"))
        self._http = httpx.Client(base_url=f"{bao.url}/v1/", verify=context, timeout=30, trust_env=False)
        self._root = bao.root_token()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str,
        namespace: str = "",
        wrap_ttl: str = "",
    ) -> httpx.Response:
        """LIST, SCAN and PATCH are methods too."""
        headers = {"X-Vault-Token": token, "X-Vault-Namespace": namespace, "X-Vault-Wrap-TTL": wrap_ttl}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        present = {name: value for name, value in headers.items() if value}
        return self._http.request(method, path, json=body, headers=present)

    def allowed(self, method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> bool:
        """Whatever the answer is otherwise: not found and malformed come after access."""
        return self.ask(method, path, body, **options).status_code != httpx.codes.FORBIDDEN

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None, namespace: str = "") -> Any:
        """By the root token. Raises httpx.HTTPStatusError."""
        answer = self.ask(method, path, body, token=self._root, namespace=namespace).raise_for_status()
        return answer.json() if answer.content else {}

    def token(self, texts: Mapping[str, str], namespace: str = "") -> str:
        """A batch token with these policies alone."""
        for name, text in texts.items():
            self.admin("PUT", f"sys/policies/acl/{name}", {"policy": text}, namespace)
        body = {"policies": list(texts), "no_default_policy": True, "type": "batch"}
        made: str = self.admin("POST", "auth/token/create", body, namespace)["auth"]["client_token"]
        return made
