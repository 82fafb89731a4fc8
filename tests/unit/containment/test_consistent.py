"""A cluster whose nodes answer reads a moment behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

from containment.adapters.minter import HvacProber
from containment.adapters.vault import HvacVault

Asked: TypeAlias = list[tuple[str, str | None, str | None]]
FORWARD = "forward-active-node"


@contextmanager
def _serving(asked: Asked, *, takes: bool) -> Iterator[str]:
    class Node(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = (self.headers.get("X-Vault-Index"), self.headers.get("X-Vault-Inconsistent"))
            asked.append((self.path, *given))
            refused = given[1] and not takes
            body = b'{"request_id": "1", "data": {}}'
            if refused:
                body = b'{"errors": ["forwarding via header X-Vault-Inconsistent disabled in configuration"]}'
            self.send_response(400 if refused else 200)
            if self.command in ("POST", "PUT") and not refused:
                self.send_header("X-Vault-Index", f"after {len(asked)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_what_one_of_us_has_written_each_of_us_reads() -> None:
    asked: Asked = []
    with _serving(asked, takes=True) as address:
        ours, theirs = HvacVault(address, "a", None), HvacProber(address, "b", None)
        ours.read("x")
        ours.write("x", {})
        ours.read("x")
        theirs.read("y")
        HvacVault(address.replace("127.0.0.1", "localhost"), "a", None).read("z")
    assert asked == [
        ("/v1/x", None, None),
        ("/v1/x", None, None),
        ("/v1/x", "after 2", FORWARD),
        ("/v1/y", "after 2", FORWARD),
        ("/v1/z", None, None),
    ]


def test_a_thread_reads_back_what_it_wrote_itself() -> None:
    asked: Asked = []
    with _serving(asked, takes=True) as address:
        ours = HvacVault(address, "a", None)
        ours.write("mine", {})
        other = threading.Thread(target=lambda: ours.write("theirs", {}))
        other.start()
        other.join()
        ours.read("mine")
    assert asked[-1] == ("/v1/mine", "after 1", FORWARD)


def test_a_server_that_takes_no_such_header_is_asked_without() -> None:
    """Vault Enterprise as it is installed: each request after the first write was refused, and nothing denied."""
    asked: Asked = []
    with _serving(asked, takes=False) as address:
        ours = HvacVault(address, "a", None)
        for _ in range(3):
            ours.write("x", {"a": 1})
    assert [given for _, *given in asked] == [[None, None], ["after 1", FORWARD], [None, None], [None, None]]
