"""A cluster whose nodes answer reads a moment behind."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from containment.adapters.minter import HvacProber
from containment.adapters.vault import HvacVault


def test_what_one_of_us_has_written_each_of_us_reads() -> None:
    asked: list[tuple[str, str | None, str | None]] = []

    class Node(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = (self.headers.get("X-Vault-Index"), self.headers.get("X-Vault-Inconsistent"))
            asked.append((self.path, *given))
            body = b'{"request_id": "1", "data": {}}'
            self.send_response(200)
            if self.command in ("POST", "PUT"):
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
        address = f"http://127.0.0.1:{server.server_port}"
        ours, theirs = HvacVault(address, "a", None), HvacProber(address, "b", None)
        ours.read("x")
        ours.write("x", {})
        ours.read("x")
        theirs.read("y")
        HvacVault(address.replace("127.0.0.1", "localhost"), "a", None).read("z")
    finally:
        server.shutdown()
        server.server_close()
    forward = "forward-active-node"
    assert asked == [
        ("/v1/x", None, None),
        ("/v1/x", None, None),
        ("/v1/x", "after 2", forward),
        ("/v1/y", "after 2", forward),
        ("/v1/z", None, None),
    ]
