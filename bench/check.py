"""`python -m bench.check`: 1,000 declarations with 10,000 grants before OPA, beside one `opa eval` a file."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.declarations import fixed
from sandbox.doubles.github import free_port
from sandbox.services.opa import BUNDLE, OpaServer
from tools.bootstrap import ensure

SECRETS, WORKLOADS, GRANTS = 500, 500, 20
RUNS, SAMPLE = 5, 20
_HEAD = "apiVersion: portcullis/v1\n"


def generate(folder: Path) -> None:
    """Staging, so that a role may have many holders; every secret is granted to 20 workloads."""
    staging = folder / "staging"
    staging.mkdir(parents=True)
    for file, text in fixed().items():
        (staging / f"{file}.yaml").write_text(_HEAD + text)
    for index in range(SECRETS):
        holders = (f"svc-{(index + step) % WORKLOADS:04d}" for step in range(GRANTS))
        grants = ", ".join(f"{{workload: {holder}, capabilities: [read]}}" for holder in holders)
        (staging / f"role-{index:04d}.yaml").write_text(
            f"{_HEAD}kind: SecretAccessPolicy\nmetadata: {{name: role-{index:04d}}}\n"
            "spec:\n  description: A generated database role.\n  owner: team-bench\n  tier: standard\n"
            f"  secret: {{kind: database, mount: database, role: role-{index:04d}, connection: tradepulse, "
            f"grant: readonly}}\n  grants: [{grants}]\n  ttl: {{default: 1h, max: 8h}}\n"
            "  incident: {ttl: 15m, access: deny}\n  rotation: {method: database-lease, period: 1d}\n"
        )
    for index in range(WORKLOADS):
        (staging / f"workload-{index:04d}.yaml").write_text(
            f"{_HEAD}kind: Workload\nmetadata: {{name: svc-{index:04d}}}\n"
            "spec: {owner: team-bench, auth: approle, ttl: {default: 1h, max: 4h}}\n"
        )


def _seconds(run: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        start = time.monotonic()
        run()
        found.append(time.monotonic() - start)
    return found


def _program(argv: list[str], **more: Any) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **more)


def main() -> None:
    """Prints JSON: seconds."""
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as name:
        folder = Path(name)
        generate(folder / "access")
        server = OpaServer(folder, free_port())
        server.start()
        try:
            argv = [sys.executable, "-m", "rotation", "check", str(folder / "access")]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            whole = _seconds(lambda: _program(argv, env={**os.environ, "OPA_URL": server.url}), RUNS)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        finally:
            server.stop()
        one = json.dumps({"secrets": [{"name": "n"}]}).encode()
        opa = [str(ensure().path("opa")), "eval", "-b", str(BUNDLE), "--stdin-input", "data.portcullis.declaration"]
        each = _seconds(lambda: _program(opa, input=one), SAMPLE)
        count = SECRETS + WORKLOADS
        figures = {
            "declarations": count,
            "grants": SECRETS * GRANTS,
            "load_average": round(os.getloadavg()[0], 1),
            "check_median": round(statistics.median(whole), 2),
            "check_cpu": round((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / RUNS, 2),
            "check_best": round(min(whole), 2),
            "opa_eval_median": round(statistics.median(each), 3),
            f"opa_eval_times_{count}": round(statistics.median(each) * count, 1),
        }
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
