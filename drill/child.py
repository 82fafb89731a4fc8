"""How a process of the drill is told what to do, and how it ends with its parent, even a killed one."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


def given() -> dict[str, Any]:
    """The one JSON document that the parent writes as a line. When the parent is gone, stdin ends and so do we."""
    document: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return document


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)
