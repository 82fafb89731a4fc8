"""A key file that is none is named, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.adapters.exchange import HttpExchange
from policies.errors import InputError


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "No such file"), ("not json", "is no key"), ("[]", "is no key"), ('{"id": "x"}', "is no key")],
)
def test_what_is_no_key_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "key.json"
    if text is not None:
        file.write_text(text)
        file.chmod(0o600)
    with pytest.raises(InputError, match=said):
        HttpExchange("https://127.0.0.1:1", file, None)
