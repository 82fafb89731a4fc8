"""The server's own user reaches its programs however closed the umask was that they were installed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.services import postgres_files


def test_the_copy_can_be_read_and_run_by_the_servers_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binaries = tmp_path / "wheel" / "pginstall" / "bin"
    for file in (binaries / "initdb", tmp_path / "wheel.libs" / "libpq.so"):
        file.parent.mkdir(parents=True)
        file.write_text("")
        file.chmod(0o600)
        for folder in file.relative_to(tmp_path).parents:
            (tmp_path / folder).chmod(0o700)
    monkeypatch.setattr(postgres_files, "user", lambda: "nobody")
    monkeypatch.setattr(postgres_files, "shipped", lambda: binaries)
    place = tmp_path / "place"
    place.mkdir()
    found = postgres_files.programs(place)
    assert (found / "initdb").is_file()
    closed = [p for p in place.rglob("*") if p.stat().st_mode & 0o055 != 0o055]
    assert closed == []
