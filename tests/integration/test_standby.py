"""A lock-down through a standby node, which answers reads itself, somewhat behind, and forwards writes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.errors import Unreachable
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.process import reserve
from sandbox.services.openbao import request


@pytest.fixture
def standby(sandbox: Sandbox, tmp_path: Path) -> Iterator[str]:
    """Its address. It votes for nobody, so that the other one stays the leader when it is gone."""
    config = json.loads((sandbox.openbao.folder / "config.json").read_text())
    with reserve(0) as one, reserve(0) as other:
        ports = one.getsockname()[1], other.getsockname()[1]
    url = f"https://127.0.0.1:{ports[0]}"
    addresses = {"address": f"127.0.0.1:{ports[0]}", "cluster_address": f"127.0.0.1:{ports[1]}"}
    config["listener"][0]["tcp"] |= addresses
    config["storage"]["raft"] |= {"path": str(tmp_path), "node_id": "standby"}
    config |= {"api_addr": url, "cluster_addr": f"https://127.0.0.1:{ports[1]}"}
    config["audit"][0]["options"]["file_path"] = str(tmp_path / "audit.json")
    file, ca = tmp_path / "config.json", (sandbox.root / "ca.pem").read_text()
    file.write_text(json.dumps(config))

    def call(path: str, **body: object) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                request(sandbox.openbao._http(), url, "POST" if body else "GET", path, body or None)
                return
            except Unreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    argv = [str(Path(sys.executable).parent / "bao"), "server", f"-config={file}", "-log-level=warn"]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as node:
        try:
            call("sys/storage/raft/join", leader_api_addr=sandbox.openbao.url, leader_ca_cert=ca, non_voter=True)
            for key in json.loads(sandbox.openbao._keys.read_text()):
                call("sys/unseal", key=key)
            call("sys/health?standbycode=299&activecode=500&performancestandbycode=299")
            yield url
        finally:
            node.kill()


def test_it_is_contained(env: dict[str, str], standby: str) -> None:
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", "exchange-trading-key", "--json"]
    through = {**env, "VAULT_ADDR": standby}
    done = subprocess.run(argv, cwd=REPOSITORY, env=through, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["vault"]) == (0, "answered"), done.stderr
