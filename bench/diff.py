"""`python -m bench.diff`: `portcullis access diff` between two folders of 1,000 declarations, 10,000 grants each."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.check import generate

RUNS, MOVED = 5, 20
"""`MOVED` secrets of one side have another holder on the other."""


def change(folder: Path) -> None:
    """The first holder of each of `MOVED` secrets goes, and one comes that has nothing of it yet."""
    for index in range(MOVED):
        file = folder / "staging" / f"role-{index:04d}.yaml"
        text = file.read_text()
        gone = f"{{workload: svc-{index:04d}, capabilities: [read]}}"
        file.write_text(text.replace(gone, f"{{workload: svc-{index + 100:04d}, capabilities: [read]}}"))


def main() -> None:
    """Prints JSON: seconds, and how many changes were told. Exits 1 when that is not what was changed."""
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as name:
        base, head = Path(name) / "base", Path(name) / "head"
        generate(base)
        shutil.copytree(base, head)
        change(head)
        argv = [sys.executable, "-m", "rotation", "access", "diff", str(base), str(head), "--json"]
        seconds, told = [], 0
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(RUNS):
            start = time.monotonic()
            done = subprocess.run(argv, check=False, capture_output=True, text=True)
            seconds.append(time.monotonic() - start)
            told = len(json.loads(done.stdout)["changes"])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "load_average": round(os.getloadavg()[0], 1),
        "diff_median": round(statistics.median(seconds), 2),
        "diff_best": round(min(seconds), 2),
        "diff_cpu": round((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / RUNS, 2),
        "changes": told,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
