"""What Pulumi said is cut between lines, never within one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.errors import Unreachable
from rotation.drift import compare

LINES = [f"error {n}: the provider could not reach the server" for n in range(40)]


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("shutil.which", lambda _: "/pulumi")
    file = tmp_path_factory.mktemp("stack") / "Pulumi.local.yaml"
    file.write_text("config: {}\n")
    return file


@pytest.mark.parametrize("spoken", ["stderr", "diagnostics"])
def test_whole_lines_are_kept(spoken: str, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"diagnostics": [{"severity": "error", "message": line} for line in LINES]}
    answer = ("", "\n".join(LINES)) if spoken == "stderr" else (json.dumps(told), "")
    monkeypatch.setattr(compare, "_run", lambda _: (255, *answer))
    with pytest.raises(Unreachable) as error:
        compare.preview("local", settings)
    head, *kept = str(error.value).splitlines()
    assert head == "pulumi preview exited 255: …"
    assert kept == LINES[-len(kept) :]
    assert 500 < len("".join(kept)) <= 600


@pytest.mark.parametrize("text", ["", "short", "two\nlines", "x" * 900])
def test_what_fits_and_one_long_line_stay_whole(text: str, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_run", lambda _: (255, "", text))
    with pytest.raises(Unreachable) as error:
        compare.preview("local", settings)
    assert str(error.value) == f"pulumi preview exited 255: {text}"
