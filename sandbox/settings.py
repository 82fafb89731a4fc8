"""The stack settings that Pulumi writes into `Pulumi.local.yaml`, and which belong to one sandbox only."""

from __future__ import annotations

import re
from pathlib import Path

_ITS_OWN = re.compile(r"^(encryptionsalt: .*|  portcullis:incident(Id|Scope)?: .*)\n", re.MULTILINE)


def clean(text: str) -> str:
    """Without the salt of a passphrase that a reset threw away (Pulumi would call every later one incorrect), and
    without an incident of that sandbox."""
    return _ITS_OWN.sub("", text)


def forget(file: Path) -> bool:
    """Whether anything was taken out."""
    text = file.read_text()
    if (cleaned := clean(text)) == text:
        return False
    file.write_text(cleaned)
    return True
