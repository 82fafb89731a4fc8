"""A fresh OpenBao in a directory of its own, for as long as it is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
