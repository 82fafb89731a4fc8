"""A collection that dies on its way: the folder stays as it was sealed, or the next one ends what it began."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from containment.folder import chain, drafts, files
from containment.folder.chain import EVENTS, extended, unsealed, verify
from containment.folder.contents import Kind
from policies.errors import Finding, Unreachable
from rotation.evidence import collect
from rotation.evidence.folder import Evidence
from tests.unit.rotation.evidence.server import OPENED, Server, collected, line


class Died(BaseException):
    """As a killed process would: nothing catches it."""


def _held(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _more(log: Path) -> None:
    with log.open("a") as file:
        file.write(line(OPENED + 9, "auth/approle/login") + "\n")


def _dies(*_: object, **__: object) -> Any:
    raise Died


@pytest.fixture
def sealed(folder: Path, log: Path) -> Path:
    """Sealed once; the next collection has more to write."""
    collected(folder, log, Server())
    _more(log)
    return folder


def _left(folder: Path) -> list[str]:
    return [p.name for p in folder.parent.iterdir() if p != folder]


@pytest.mark.parametrize("place", [(collect, "render"), (chain, "_seal")], ids=["writing", "sealing"])
def test_one_that_dies_before_it_moves_leaves_what_was_sealed(
    sealed: Path, log: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str]
) -> None:
    before = _held(sealed)
    with monkeypatch.context() as dying:
        dying.setattr(*place, _dies)
        with pytest.raises(Died):
            collected(sealed, log, Server())
    assert (_held(sealed), verify(sealed), unsealed(sealed)) == (before, [], [])
    assert _left(sealed) == []


def test_what_a_killed_one_had_prepared_is_forgotten(sealed: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _held(sealed)
    with monkeypatch.context() as killed:
        killed.setattr(drafts, "_forget", lambda _: None)
        killed.setattr(collect, "render", _dies)
        with pytest.raises(Died):
            collected(sealed, log, Server())
    assert _left(sealed) == [".INC-1.draft"]
    assert (_held(sealed), verify(sealed)) == (before, [])
    collected(sealed, log, Server())
    assert (_left(sealed), verify(sealed)) == ([], [])
    assert _held(sealed) != before


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_one_that_dies_while_it_moves_is_told_and_ended_by_the_next(
    sealed: Path, log: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    real, done = drafts._move, list[str]()

    def some(file: Path, folder: Path, path: str) -> None:
        if len(done) == moved:
            raise Died
        real(file, folder, path)
        done.append(path)

    with monkeypatch.context() as killed:
        killed.setattr(drafts, "_move", some)
        killed.setattr(drafts, "_forget", lambda _: None)
        with pytest.raises(Died):
            collected(sealed, log, Server())
    assert chain.MANIFEST not in done
    (problem,) = verify(sealed)
    assert problem.kind is Kind.UNFINISHED
    assert f"`portcullis evidence collect {sealed.name}`" in problem.detail
    (sealed / "incident.json").write_text("{}")
    assert {p.kind for p in verify(sealed)} == {Kind.UNFINISHED, Kind.EDITED}, "that is none of it"


def test_the_next_collection_ends_it(sealed: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(drafts, "_move", _dies)
        killed.setattr(drafts, "_forget", lambda _: None)
        with pytest.raises(Died):
            collected(sealed, log, Server())
    assert collected(sealed, log, Server()).missing == ()
    assert (_left(sealed), verify(sealed)) == ([], [])


def test_a_disk_that_is_full_leaves_what_was_sealed(sealed: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _held(sealed)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(drafts, "_link", full)
        with pytest.raises(Unreachable, match="evidence of INC-1: No space left"):
            collected(sealed, log, Server())
    assert (_held(sealed), verify(sealed), _left(sealed)) == (before, [], [])


@pytest.mark.parametrize("broken", ["link", "replace"])
def test_a_folder_on_a_file_system_of_its_own(
    sealed: Path, log: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def elsewhere(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    real: Callable[[Path, Path], Path] = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        if broken == "replace" and self.parent.parent.name == ".INC-1.sealed" and target.parent == sealed:
            elsewhere()
        return real(self, target)

    monkeypatch.setattr(os, "link", elsewhere)
    monkeypatch.setattr(Path, "replace", replaced)
    assert collected(sealed, log, Server()).missing == ()
    assert (_left(sealed), verify(sealed)) == ([], [])


def test_what_is_written_beside_changed_evidence_is_kept_unsealed(sealed: Path) -> None:
    (sealed / "timeline.json").write_text("[]")

    def write() -> None:
        with extended(sealed) as (draft, touched):
            assert [p.path for p in touched] == ["timeline.json"]
            files.write(draft, "containment.json", b"{}")

    with pytest.raises(Finding, match=r"timeline\.json: edited"):
        write()
    assert (sealed / "containment.json").read_bytes() == b"{}"
    assert (sealed / "timeline.json").read_bytes() == b"[]"
    assert {p.path for p in verify(sealed)} == {"containment.json", "timeline.json"}


def test_a_command_seals_what_it_wrote_and_not_what_was_put_there(sealed: Path, log: Path) -> None:
    (sealed / "services.json").write_text("[]")
    for _ in range(2):
        Evidence(sealed).add_command("revoke", ["portcullis", "revoke", "x"], 0, "gone")
        files.append(sealed / EVENTS, [{"at": OPENED + 9, "what": "noted"}])
        with extended(sealed) as (draft, touched):
            assert [(p.path, p.kind) for p in touched] == [("services.json", Kind.ADDED)]
            files.write(draft, "containment.json", b'{"effects": []}')
        assert [(p.path, p.kind) for p in verify(sealed)] == [("services.json", Kind.ADDED)]
        assert unsealed(sealed) == []
    assert collected(sealed, log, Server()).missing == ()
    assert verify(sealed) == [], "a person has it sealed"


def test_without_a_manifest_a_command_seals_what_it_wrote_only(sealed: Path) -> None:
    (sealed / chain.MANIFEST).unlink()
    with extended(sealed) as (draft, touched):
        assert touched == []
        files.write(draft, "containment.json", b"{}")
    assert ("audit.json", Kind.ADDED) in {(p.path, p.kind) for p in verify(sealed)}
    assert "containment.json" not in {p.path for p in verify(sealed)}


def _in_place(file: Path) -> None:
    with file.open("r+") as held:
        held.write("x")


def _replaced(file: Path) -> None:
    file.with_suffix(".new").write_text("x")
    file.with_suffix(".new").replace(file)


@pytest.mark.parametrize("change", [_in_place, _replaced])
@pytest.mark.parametrize("name", ["incident.json", "commands/containment-token-revoked.json"])
def test_what_is_changed_while_it_is_sealed_is_named_and_not_sealed(
    sealed: Path, name: str, change: Callable[[Path], None]
) -> None:
    """Whoever can write the folder writes through the draft's links."""
    before = chain.head(sealed)

    def collect_meanwhile() -> None:
        with extended(sealed) as (draft, touched):
            assert touched == []
            files.write(draft, "containment.json", b"{}")
            change(sealed / name)

    if change is _in_place:
        with pytest.raises(Finding, match=rf"{name}: edited, differs from its sealed digest"):
            collect_meanwhile()
        assert chain.head(sealed) == before
    else:  # the draft has the one that was sealed
        collect_meanwhile()
    assert (sealed / "containment.json").read_bytes() == b"{}", "what the caller wrote is kept"
    assert (name, Kind.EDITED) in {(p.path, p.kind) for p in verify(sealed)}


@pytest.mark.parametrize("direct", [True, False])
def test_what_the_caller_wrote_is_sealed_as_it_wrote_it(sealed: Path, direct: bool) -> None:
    name = "commands/0001-rotate-x.json"

    def write() -> None:
        with extended(sealed) as (draft, _):
            place = sealed if direct else draft
            files.write(place, name, b"{}")
            _in_place(place / name)

    with pytest.raises(Finding, match=rf"{name}: edited, differs from what was written a moment ago"):
        write()


def test_what_was_changed_just_before_the_draft_was_made_is_not_sealed(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = drafts.begun

    def begun(folder: Path) -> Any:
        _replaced(folder / "timeline.json")
        return real(folder)

    monkeypatch.setattr(drafts, "begun", begun)
    with pytest.raises(Finding, match=r"timeline\.json: edited"), extended(sealed):
        pass
    assert verify(sealed) != []


def test_who_appends_meanwhile_waits_for_nobody_and_loses_nothing(sealed: Path) -> None:
    (sealed / EVENTS).write_text("{}\n")
    with extended(sealed) as (draft, _):
        files.append(sealed / EVENTS, [{"what": "meanwhile"}])
        files.write(draft, "containment.json", b"{}")
    assert (sealed / EVENTS).read_text() == '{}\n{"what": "meanwhile"}\n'
    assert verify(sealed) == []


@pytest.mark.parametrize("place", [".INC-1.draft", ".INC-1.sealed"])
def test_a_link_in_the_place_of_a_draft_is_not_followed(sealed: Path, log: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere" / "INC-1").mkdir(parents=True)
    (tmp_path / "elsewhere" / "INC-1" / chain.MANIFEST).write_text("{}")
    (sealed.parent / place).symlink_to(tmp_path / "elsewhere")
    assert collected(sealed, log, Server()).missing == ()
    assert (_left(sealed), verify(sealed)) == ([], [])
    assert (tmp_path / "elsewhere" / "INC-1" / chain.MANIFEST).read_text() == "{}"
