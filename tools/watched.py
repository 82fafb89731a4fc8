"""Run a long build and keep saying that it goes on: what it works at, and for how long already."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from policies.errors import Unreachable

EVERY = 5.0
"""Seconds between two lines of progress."""


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str], what: str, progress: Callable[[str], None]) -> str:
    """Standard output. What the program says on standard error (Go names each module that it downloads and, with `-v`,
    each package that it compiles) is the progress: counted, its last line shown.

    Raises Unreachable with the end of it when the program fails. Interrupted, the program is ended too.
    """
    start = time.monotonic()
    said: deque[str] = deque(maxlen=40)
    counted = [0]

    def listen(lines: Sequence[str]) -> None:
        for line in lines:
            said.append(line.rstrip())
            counted[0] += 1

    with tempfile.TemporaryFile("w+") as out, ThreadPoolExecutor(1) as pool:
        # Started in a thread: an interrupt reaches the main one, and would lose a program in the middle of its start.
        start_it = partial(subprocess.Popen, list(argv), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out)
        starting = pool.submit(start_it, stderr=subprocess.PIPE, text=True)
        try:
            child = starting.result()
            listener = threading.Thread(target=listen, args=(child.stderr,), daemon=True)
            listener.start()
            while True:
                try:
                    child.wait(EVERY)
                    break
                except subprocess.TimeoutExpired:
                    now = f", {counted[0]} steps, now {said[-1][-90:]}" if said else ""
                    progress(f"  {what}: {time.monotonic() - start:.0f} s{now}")
        except BaseException:
            child = starting.result()
            child.terminate()  # go ends the compilers that it started
            child.wait()
            raise
        listener.join(10)
        if child.returncode:
            raise Unreachable(f"{' '.join(argv[:3])} failed:\n" + "\n".join(said)[-2000:])
        out.seek(0)
        return out.read()
