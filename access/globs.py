"""Names with `*`, as roles list policies."""

from __future__ import annotations

import re


def like(name: str, glob: str) -> bool:
    """As the server compares: `*` alone is special."""
    return re.fullmatch(".*".join(map(re.escape, glob.split("*"))), name, re.S) is not None
