"""From a path as people write it to the API path."""

from __future__ import annotations

import pytest

from access.paths import asked, mounts_of
from access.policy import parse
from policies.errors import InputError

MOUNTS = {"secret": "kv-v2", "team/secret": "kv-v2", "team": "kv-v1", "database": "database"}
SECRETS = {"key": "secret/data/a/b", "reader": "database/creds/reader"}


@pytest.mark.parametrize(
    ("text", "path", "noted"),
    [
        ("secret/data/a/b", "secret/data/a/b", False),
        ("/v1/secret/data/a/b", "secret/data/a/b", True),
        ("v1/secret/metadata/a", "secret/metadata/a", True),
        ("//secret/data/a", "secret/data/a", True),
        ("secret/a/b", "secret/data/a/b", True),
        ("secret/database", "secret/data/database", True),
        ("secret/config", "secret/config", False),
        ("secret/detailed-metadata/a", "secret/detailed-metadata/a", False),
        ("secret/data/", "secret/data/", False),
        ("team/secret/x", "team/secret/data/x", True),
        ("team/x", "team/x", False),
        ("key", "secret/data/a/b", True),
        ("reader", "database/creds/reader", True),
        ("sys/mounts", "sys/mounts", False),
    ],
)
def test_the_path_that_was_meant(text: str, path: str, noted: bool) -> None:
    found = asked(text, MOUNTS, SECRETS)
    assert (found.path, bool(found.note)) == (path, noted)
    assert path == text or path in found.note


def test_a_mount_that_is_called_v1_keeps_its_name() -> None:
    assert asked("v1/a", {"v1": "kv-v2"}, {}).path == "v1/data/a"


@pytest.mark.parametrize("text", ["", "/", "/v1/", "//"])
def test_no_path_at_all(text: str) -> None:
    with pytest.raises(InputError, match="is no path"):
        asked(text, {}, {})


def test_every_path_of_a_secret() -> None:
    found = asked("secret/delete/a/b", MOUNTS, SECRETS).paths
    assert found[0] == "secret/delete/a/b"
    subs = ("data", "metadata", "subkeys", "delete", "undelete", "destroy")
    listings = ("data", "metadata", "detailed-metadata")
    assert set(found) == {*(f"secret/{s}/a/b" for s in subs), *(f"secret/{s}/a/b/" for s in listings)}
    assert asked("database/creds/reader", MOUNTS, SECRETS).paths == ("database/creds/reader",)


def test_a_name_that_is_not_declared_is_said() -> None:
    assert "no declared secret is called kez" in asked("kez", MOUNTS, SECRETS).note


def test_rules_show_which_mounts_are_of_version_2() -> None:
    text = """
    path "kv/data/app" { capabilities = ["read"] }
    path "+/data/app" { capabilities = ["read"] }
    path "sys/mounts" { capabilities = ["read"] }
    """
    assert mounts_of(parse(text, "f.hcl").rules) == {"kv": "kv-v2"}
