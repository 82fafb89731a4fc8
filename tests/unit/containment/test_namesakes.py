"""What is kept of the repositories in peace, for the day on which a name is another repository's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from containment.adapters.vault import HvacVault
from containment.effects import namesakes
from policies import codec
from policies.errors import InputError, Unreachable
from policies.load import load

ESTATE = load()
NAMES = [repository.name for repository in ESTATE.repositories]
FIRST = NAMES[0]
BEFORE = {name: number for number, name in enumerate(NAMES, start=1)}


class Host:
    def __init__(self, ids: Mapping[str, int | None]) -> None:
        self.ids = ids

    def repository_id(self, repository: str) -> int | None:
        if repository not in self.ids:
            raise Unreachable(f"github: GET {repository}: 502")
        return self.ids[repository]


def kept(ids: Mapping[str, int | None], before: Mapping[str, int] = BEFORE) -> tuple[dict[str, int], list[str]]:
    said: list[str] = []
    host: Any = Host(ids)
    return namesakes.ids(lambda: host, ESTATE.repositories, before, said.append), said


@pytest.mark.parametrize("before", [{}, BEFORE, {**BEFORE, "no longer declared": 9}])
def test_the_declared_ones_are_kept(before: dict[str, int]) -> None:
    assert kept(BEFORE, before) == (BEFORE, [])


def test_another_repository_by_the_name_is_said() -> None:
    found, (said,) = kept({**BEFORE, FIRST: 77})
    assert found == {**BEFORE, FIRST: 77}
    assert f"{FIRST} is another repository (id 77) than the one that the apply before saw (id 1)" in said


def test_one_that_is_gone_keeps_its_id_and_is_said() -> None:
    found, (said,) = kept({**BEFORE, FIRST: None})
    assert found == BEFORE
    assert FIRST in said


def test_a_github_that_cannot_be_read_changes_nothing_and_is_said() -> None:
    assert kept({}) == (BEFORE, [f"the ids of the repositories stay those of the apply before: {_refused()}"])

    def unset() -> Any:
        raise InputError("GITHUB_TOKEN not set")

    said: list[str] = []
    assert namesakes.ids(unset, ESTATE.repositories, BEFORE, said.append) == BEFORE
    assert "GITHUB_TOKEN not set" in said[0]


def _refused() -> str:
    return f"github: GET {FIRST}: 502"


class Store(HvacVault):
    """The server's document alone."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        self.versions = [] if document is None else [document]
        self.writes, self._estates = 0, {}

    def _stored(self, path: str) -> dict[str, Any] | None:
        name, _, number = path.partition("?version=")
        assert name == "portcullis/data/compiled"
        version = int(number or len(self.versions))
        return {"data": self.versions[version - 1], "metadata": {"version": version}} if version else None

    def write(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        assert path == "portcullis/data/compiled"
        self.versions.append(data["data"])
        self.writes += 1
        return {}


SEEN = {"auth/jwt/config": {"jwks_url": "a-digest"}}


def test_the_ids_lie_beside_the_estate() -> None:
    store = Store(None)
    assert store.repository_ids() == {}
    assert store.write_compiled(ESTATE, BEFORE, SEEN)
    assert (store.compiled(), store.repository_ids(), store.seen()) == (ESTATE, BEFORE, SEEN)
    assert not store.write_compiled(ESTATE, BEFORE, SEEN)
    assert store.write_compiled(ESTATE, {**BEFORE, FIRST: 77}, SEEN)
    assert (store.repository_ids()[FIRST], store.writes) == (77, 2)


def test_an_apply_that_has_begun_is_known_until_one_has_come_to_its_end() -> None:
    other = replace(ESTATE, workloads=())
    store = Store(None)
    assert store.write_begun(ESTATE)
    assert store.compiled() == ESTATE, "the first"
    assert store.write_compiled(ESTATE, BEFORE, SEEN)
    assert not store.write_begun(ESTATE)
    assert store.write_begun(other)
    assert not store.write_begun(other)
    assert store.compiled() == ESTATE, "it may not have taken anything away"
    assert not store.write_begun(ESTATE), "which does not undo it before its end"
    assert store.write_done(other)
    assert (store.compiled(), store.repository_ids(), store.seen()) == (other, BEFORE, SEEN)


@pytest.mark.parametrize("bad", [{"x": "y"}, {"estate": 5}, {"estate": None}, {"estate": "AAAA", "seen": 3}])
def test_one_that_somebody_wrote_over_is_gone_by_by_nobody(bad: dict[str, Any]) -> None:
    store = Store(None)
    assert store.write_compiled(ESTATE, BEFORE, SEEN)
    store.versions.append(bad)
    assert (store.compiled(), store.repository_ids(), store.seen()) == (ESTATE, BEFORE, SEEN)
    assert (Store(bad).compiled(), Store(bad).repository_ids(), Store(bad).seen()) == (None, {}, None)
    sound = {"estate": codec.encode(ESTATE), "repositories": 7, "seen": 3}
    assert (Store(sound).compiled(), Store(sound).repository_ids(), Store(sound).seen()) == (ESTATE, {}, None)


@pytest.mark.parametrize("more", [{}, {"repositories": ""}, {"repositories": None}])
def test_a_document_without_ids_has_the_estate_all_the_same(more: dict[str, Any]) -> None:
    """An earlier version's, and one whose ids a person has emptied."""
    store = Store({"estate": codec.encode(ESTATE), **more})
    assert (store.compiled(), store.repository_ids(), store.seen()) == (ESTATE, {}, None)
