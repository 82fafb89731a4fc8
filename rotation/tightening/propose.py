"""Narrower declarations as a patch, each line of it with what the log says. Nothing is written; whoever reviews it
applies it with `git apply`."""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from policies.edit import without
from policies.errors import Finding
from policies.load import ACCESS, called, read
from policies.model import Estate
from policies.plain import plain
from rotation.tightening.held import Held, held


@dataclass(frozen=True, slots=True)
class Removal:
    """One list item that goes, `field` of `file`, and the grants that go with it."""

    file: str
    line: int
    field: str
    grants: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """`patch`: for `git apply` in `root`; "" when there is nothing to propose. `left`: what is unused too and why it is
    not in the patch."""

    removals: tuple[Removal, ...]
    left: tuple[tuple[Removal, str], ...]
    patch: str
    root: Path


def propose(folder: Path, estate: Estate, unused: Sequence[Held], evidence: dict[Held, str]) -> Proposal:
    """A file whose edit would not load again keeps its text whole. Raises Finding when what would be left grants
    anything else than what is granted now without the removals."""
    removals, left = _removals(estate, unused), []
    names = {called(f, folder): f for f in sorted(folder.rglob("*.yaml"))}
    before = {n: _text(f) for n, f in names.items() if any(r.file == n for r in removals)}
    after: dict[str, str] = {}
    for name in before:
        try:
            after[name] = _edited(before[name], [r for r in removals if r.file == name])
        except ValueError as error:
            left += [(r, f"edit it by hand: {error}") for r in removals if r.file == name]
    while True:
        narrowed, refused = _loaded(folder, {names[n]: text for n, text in after.items()})
        if not refused:
            break
        for name in [n for n in after if str(names[n].relative_to(folder)) in refused] or list(after):
            del after[name]
            why = refused.get(str(names[name].relative_to(folder)), "; ".join(refused.values()))
            left += [
                (r, f"without it {why}; retire the whole declaration, or keep it") for r in removals if r.file == name
            ]
    kept = tuple(r for r in removals if r.file in after)
    _prove_narrower(estate, narrowed, kept)
    root = _root(folder)
    pieces = []
    for name, text in after.items():
        said = [plain(f"{g}: {evidence[g]}") for r in kept if r.file == name for g in r.grants]
        path = names[name].resolve().relative_to(root).as_posix()
        pieces += [*(f"{line}\n" for line in said), *_diff(path, before[name], text), "\n"]
    return Proposal(kept, tuple(left), "".join(pieces), root)


def _removals(estate: Estate, unused: Sequence[Held]) -> tuple[Removal, ...]:
    """A grant of which no capability is used goes as a whole."""
    whole: dict[tuple[str, str], list[Held]] = {}
    for one in held(estate):
        whole.setdefault((one.file, one.of), []).append(one)
    found = []
    for (file, of), grants in whole.items():
        gone = [g for g in grants if g in unused]
        if len(gone) == len(grants):
            found.append(Removal(file, gone[0].line, of, tuple(gone)))
        else:
            found += [Removal(file, g.line, g.field, (g,)) for g in gone]
    return tuple(found)


def _edited(text: str, removals: Sequence[Removal]) -> str:
    """From the last item to the first, so that the indexes of those before stay what they are."""
    for removal in sorted(removals, key=lambda r: [int(n) for n in re.findall(r"\[(\d+)\]", r.field)], reverse=True):
        text = without(text, removal.field)
    return text


def _loaded(folder: Path, texts: dict[Path, str]) -> tuple[Estate, dict[str, str]]:
    """The estate with these texts, and what does not load by file."""
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "declarations"
        shutil.copytree(folder, copy, symlinks=True)
        for file, text in texts.items():
            _write(copy / file.relative_to(folder), text)
        estate, problems = read(copy)
    return estate, {p.file: f"{p.field}: {p.message}" for p in problems}


def _prove_narrower(before: Estate, after: Estate, removals: Sequence[Removal]) -> None:
    gone = {g.key for r in removals for g in r.grants}
    wanted = {g.key for g in held(before)} - gone
    if {g.key for g in held(after)} != wanted or _rest(before) != _rest(after):
        raise Finding("the edited declarations would not be today's without what is unused; nothing is proposed")


def _rest(estate: Estate) -> Any:
    """All but what a removal may change."""
    secrets = {s.name: replace(s, grants=()) for s in estate.secrets}
    roles = {r.name: replace(r, secrets=()) for r in estate.ci_roles}
    return secrets, roles, estate.mounts, estate.connections, estate.workloads, estate.repositories


def _root(folder: Path) -> Path:
    """Of the git work tree, where `git apply` reads paths from; else what a declaration's name is relative to."""
    here = folder.resolve()
    found = next((p for p in (here, *here.parents) if (p / ".git").exists()), None)
    return found or (here.parent.parent if folder == ACCESS else here)


def _diff(path: str, before: str, after: str) -> Iterator[str]:
    """With git's own header, so that `git apply` reads paths from the root wherever it runs."""
    yield f"diff --git a/{path} b/{path}\n"
    for line in difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _text(file: Path) -> str:
    """Line ends as they are."""
    return file.read_bytes().decode()


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
