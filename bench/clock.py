"""What is timed: when a live token is refused for the first time, and how long one request takes."""

from __future__ import annotations

import ssl
import threading
import time
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

_STEP = 0.005


class Client:
    """One kept-open connection with one token; the thinnest there is, so that what is timed is the server."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=str(ca))
        self._connection = HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=30)
        self._token = token

    def status(self, path: str, method: str = "GET", body: bytes | None = None) -> int:
        self._connection.request(method, f"/v1/{path}", body, {"X-Vault-Token": self._token})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def milliseconds(self, path: str, count: int = 200) -> float:
        """The median of `count` requests, one after the other."""
        taken = []
        for _ in range(count):
            begin = time.perf_counter()
            self.status(path)
            taken.append((time.perf_counter() - begin) * 1000)
        return median(taken)


class Refusal:
    """Reads `path` every few milliseconds until it is refused. `seconds` counts from the entry of the block."""

    def __init__(self, client: Client, path: str) -> None:
        if client.status(path) != 200:
            raise RuntimeError(f"{path} is not readable beforehand: a refusal would prove nothing")
        self._client, self._path = client, path
        self.seconds: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Refusal:
        self._begin = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                refused = self._client.status(self._path) == 403
            except (OSError, HTTPException):
                return  # no refusal seen: `seconds` stays None and the table says so
            if refused:
                self.seconds = time.monotonic() - self._begin
                return
            time.sleep(_STEP)
