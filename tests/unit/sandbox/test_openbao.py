"""Storage that was taken away is not replaced beside the keys and tokens of the one that was there."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import Unreachable
from sandbox.services.openbao import OpenBao


def test_keys_without_their_storage_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def call(_: OpenBao, method: str, path: str) -> dict[str, bool]:
        asked.append(f"{method} {path}")
        return {"initialized": False, "sealed": True}

    monkeypatch.setattr(OpenBao, "call", call)
    keys = tmp_path / "secrets" / "unseal.json"
    keys.parent.mkdir()
    keys.write_text("[]")
    with pytest.raises(Unreachable, match="its storage is gone, and "):
        OpenBao(tmp_path, 0).ready()
    assert asked == ["GET sys/seal-status"]
