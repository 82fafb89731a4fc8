"""The typed model to compact text and back, so that a server can hold the last estate that loaded."""

from __future__ import annotations

import base64
import zlib

from policies.model import Estate

_LINES = {"__all__": {"source": {"lines"}}}
"""Only the checkout that they were read from has a use for them, and it reads them again."""


def encode(estate: Estate) -> str:
    """Deterministic: equal estates give equal text, so an unchanged one is not written again."""
    from pydantic import TypeAdapter

    return base64.b64encode(
        zlib.compress(
            TypeAdapter(Estate).dump_json(estate, exclude=dict.fromkeys(estate.__dataclass_fields__, _LINES)), 6
        )
    ).decode()


def decode(text: str) -> Estate | None:
    """None when the text was made by an incompatible version: then nothing was kept for the day."""
    from pydantic import TypeAdapter

    try:
        return TypeAdapter(Estate).validate_json(zlib.decompress(base64.b64decode(text)))
    except (ValueError, zlib.error):
        return None
