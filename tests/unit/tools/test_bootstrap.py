"""What fits, what is built once, and what a killed build leaves."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from policies.errors import InputError
from tools import bootstrap, watched
from tools.catalogue import CATALOGUE, GO_SOURCES, Tool

FAKE = Tool("fake", "1.2.3", "example.org/fake", version_argv=("version",))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTCULLIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def program(folder: Path, says: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fake"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("says", "fit"), [("v1.2.3", True), ("1.2.9", True), ("1.3.0", False), ("2.2.3", False), ("", False)]
)
def test_the_same_minor_version_fits(tmp_path: Path, says: str, fit: bool) -> None:
    assert (bootstrap.fitting(FAKE, program(tmp_path, says)) == says.removeprefix("v")) is fit


def test_a_program_that_does_not_run_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "fake"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    assert bootstrap.fitting(FAKE, str(path)) is None


def test_a_copy_on_path_is_taken_only_where_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "1.2.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    found = bootstrap.find(FAKE)
    assert found is not None
    assert found.origin == "PATH"
    program(tmp_path / "bin", "1.1.0")
    assert bootstrap.find(FAKE) is None


def test_what_was_found_is_what_a_shell_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one that fits lies a misfit of another, which the cache has."""
    program(tmp_path / "bin", "1.2.9")
    misfit = tmp_path / "bin" / "other"
    misfit.write_text("#!/bin/sh\necho 0.0.1\n")
    misfit.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    other = Tool("other", "1.2.3", "example.org/other", version_argv=("version",))
    built = bootstrap._place(other) / "other"
    built.parent.mkdir(parents=True)
    built.write_text("#!/bin/sh\n")
    built.chmod(0o755)
    box = bootstrap.ensure(catalogue=(FAKE, other))
    path = box.environ()["PATH"]
    assert {f.tool.name: shutil.which(f.tool.name, path=path) for f in box.tools} == {
        f.tool.name: str(f.path) for f in box.tools
    }
    assert [f.version for f in box.tools] == ["1.2.9", "1.2.3"]


def test_a_goroot_of_another_go_does_not_reach_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOROOT", "/opt/other-go")
    seen: list[str | None] = []

    def run(_: list[str], cwd: Path, env: dict[str, str], *_more: object) -> str:
        seen.append(env.get("GOROOT"))
        (cwd / "out" / "fake").touch()
        return ""

    monkeypatch.setattr(bootstrap, "_go", lambda _: "go")
    monkeypatch.setattr(watched, "run", run)
    bootstrap._compile(FAKE, tmp_path, lambda _: None)
    assert seen == [None]


@pytest.mark.parametrize("below", ["", "tools", "locks"])
def test_a_cache_that_cannot_be_made_is_named(own_cache: Path, below: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_compile", lambda *_: None)
    blocked = own_cache / below
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file")
    with pytest.raises(InputError, match=rf"^the tools' cache: {own_cache}.*: .*; PORTCULLIS_CACHE names another"):
        bootstrap.ensure(catalogue=(FAKE,))


def test_every_module_is_checksummed() -> None:
    for tool in CATALOGUE:
        if tool.module:
            assert (GO_SOURCES / tool.module / "go.sum").stat().st_size > 0, tool.name


def _slow(tool: Tool, work: Path, _: bootstrap.Progress) -> None:
    (work / "out").mkdir()
    (work / "out" / tool.name).write_text("half")
    marker = Path(os.environ["PORTCULLIS_CACHE"]).parent / f"build-{os.getpid()}"
    marker.touch()
    time.sleep(float(os.environ["FAKE_SECONDS"]))
    (work / "out" / tool.name).write_text("whole")


def _build_slowly() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "_compile", _slow)
        found = bootstrap._build(FAKE, lambda _: None)
    assert found.path.read_text() == "whole"


def test_two_at_once_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.5")
    both = [multiprocessing.get_context("fork").Process(target=_build_slowly) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
        assert one.exitcode == 0
    assert len(list(tmp_path.glob("build-*"))) == 1


def test_a_killed_build_is_not_taken_for_done(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "60")
    one = multiprocessing.get_context("fork").Process(target=_build_slowly)
    one.start()
    limit = time.monotonic() + 20
    while not list(tmp_path.glob("build-*")) and time.monotonic() < limit:
        time.sleep(0.02)
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)
    one.join(10)
    assert bootstrap.find(FAKE) is None
    assert list((own_cache / "tools").iterdir())

    monkeypatch.setenv("FAKE_SECONDS", "0")
    monkeypatch.setattr(bootstrap, "_compile", _slow)
    found = bootstrap._build(FAKE, lambda _: None)
    assert [p.name for p in (own_cache / "tools").iterdir()] == [found.path.parent.name]
