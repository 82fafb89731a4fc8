"""A credential goes where it was sent, whole, to its owner only; anything else is refused before it is issued."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from policies.errors import InputError, Unreachable
from rotation.issuing.delivery import ToDescriptor, ToFile, default_file

VALUES = {"token": "t"}


def test_file(tmp_path: Path) -> None:
    target = tmp_path / "c.json"
    target.write_text("old")
    target.chmod(0o644)
    ToFile(target)(VALUES)
    assert json.loads(target.read_text()) == VALUES
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "file").symlink_to(tmp_path / "real" / "x")
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    for path in (tmp_path / "file", tmp_path / "folder" / "x", tmp_path / "real", tmp_path / "none" / "x"):
        with pytest.raises(InputError, match="nothing was changed"):
            ToFile(path)
    assert not list((tmp_path / "real").iterdir())


def test_a_link_that_appears_later_is_replaced_not_followed(tmp_path: Path) -> None:
    deliver = ToFile(tmp_path / "c")
    (tmp_path / "c").symlink_to(tmp_path / "elsewhere")
    deliver(VALUES)
    assert not (tmp_path / "c").is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_others_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(InputError, match="written by others"):
        ToFile(tmp_path / "c")


def test_descriptor() -> None:
    reader, writer = os.pipe()
    ToDescriptor(writer)(VALUES)
    with os.fdopen(reader) as source:
        assert json.loads(source.read()) == VALUES


def test_descriptor_whose_reader_is_gone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(Unreachable, match="revoked again"):
        ToDescriptor(writer)(VALUES)


def test_wrong_descriptors_are_refused() -> None:
    reader, writer = os.pipe()
    for number in (0, 1, 2, -1, reader, 9999):
        with pytest.raises(InputError, match="--fd"):
            ToDescriptor(number)
    os.close(reader)
    os.close(writer)


def test_default_place_is_private(tmp_path: Path) -> None:
    place = default_file("ci:cicd", {"PORTCULLIS_CREDENTIALS": str(tmp_path / "a")})
    assert place == tmp_path / "a" / "ci-cicd.json"
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert default_file("ci:cicd", {"XDG_RUNTIME_DIR": str(tmp_path)}).parent == tmp_path / "portcullis"
