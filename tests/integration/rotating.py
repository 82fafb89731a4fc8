"""What the tests of rotation share: `portcullis rotate` as a process of its own, and what the servers then hold."""

from __future__ import annotations

import json
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from containment.adapters.exchange import HttpExchange
from rotation.journal import JOURNAL
from sandbox.environment import REPOSITORY, Sandbox

ACCOUNT = "tradepulse-prod"
PATH = "secret/data/trading/exchange"
CI = {"repository": "tradepulse/tradepulse-core", "ref": "refs/heads/main"}


def environ(sandbox: Sandbox) -> dict[str, str]:
    return {**os.environ, **sandbox.environ_unchecked()}


def popen(sandbox: Sandbox, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "rotation", "rotate", *words, "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=REPOSITORY, env=environ(sandbox), stdout=pipe, stderr=pipe, text=True)


def rotate(sandbox: Sandbox, *words: str) -> tuple[int, Any]:
    with popen(sandbox, *words) as child:
        output, progress = child.communicate()
    print(progress)
    return child.returncode, json.loads(output)


def journal(incident: str) -> list[dict[str, Any]]:
    file = Path(os.environ["PORTCULLIS_INCIDENTS"]) / incident / JOURNAL
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def root(sandbox: Sandbox, method: str, path: str) -> Any:
    return sandbox.openbao.call(method, path, token=sandbox.openbao.root_token())["data"]


def exchange(sandbox: Sandbox) -> HttpExchange:
    environ = sandbox.environ()
    return HttpExchange(environ["EXCHANGE_URL"], Path(environ["EXCHANGE_ADMIN_KEY_FILE"]), str(sandbox.root / "ca.pem"))


def live_keys(sandbox: Sandbox, tag: str) -> list[str]:
    return [k.id for k in exchange(sandbox).keys(ACCOUNT) if k.enabled and k.tag == tag]


def delivered(sandbox: Sandbox, workload: str) -> tuple[str, str]:
    file = sandbox.delivered / f"{workload}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    held = json.loads(file.read_text())
    return held["role_id"], held["secret_id"]


def held_by_actions(sandbox: Sandbox) -> set[str]:
    """Digests of what the two repositories hold, as the double shows them."""
    context = ssl.create_default_context(cafile=str(sandbox.root / "ca.pem"))
    url = f"{sandbox.service('github').url}/_double/secrets/tradepulse"  # type: ignore[attr-defined]
    places = [f"{url}/{name}/DEPLOY_TOKEN" for name in ("tradepulse-core", "tradepulse-connectors")]
    return {httpx.get(place, verify=context, trust_env=False).json()["sha256"] for place in places}
