"""What each apply keeps, by which the next lock-down works."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment.adapters.applies import Applies
from policies import codec
from policies.errors import Unreachable
from policies.load import load
from policies.model import Estate, IncidentAccess, Ttl

ESTATE = load()
IDS = {repository.name: number for number, repository in enumerate(ESTATE.repositories, start=1)}
NAME = next(iter(IDS))


class Store(Applies):
    """The server's document alone."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        self.versions = [] if document is None else [document]
        self.writes, self._estates = 0, {}
        self.meanwhile: dict[str, Any] | None = None
        """What another run keeps between our read and our write."""

    def _stored(self, path: str) -> dict[str, Any] | None:
        name, _, number = path.partition("?version=")
        assert name == "portcullis/data/compiled"
        version = int(number or len(self.versions))
        return {"data": self.versions[version - 1], "metadata": {"version": version}} if version else None

    def write(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        assert path == "portcullis/data/compiled"
        if self.meanwhile is not None:
            self.versions.append(self.meanwhile)
            self.meanwhile = None
        if data["options"]["cas"] != len(self.versions):
            raise Unreachable("check-and-set parameter did not match the current version")
        self.versions.append(data["data"])
        self.writes += 1
        return {}


SEEN = {"auth/jwt/config": {"jwks_url": "a-digest"}}


def test_the_ids_lie_beside_the_estate() -> None:
    store = Store(None)
    assert store.repository_ids() == {}
    assert store.write_compiled(ESTATE, IDS, SEEN)
    assert (store.compiled(), store.repository_ids(), store.seen()) == (ESTATE, IDS, SEEN)
    assert not store.write_compiled(ESTATE, IDS, SEEN)
    assert store.write_compiled(ESTATE, {**IDS, NAME: 77}, SEEN)
    assert (store.repository_ids()[NAME], store.writes) == (77, 2)


def test_an_apply_that_has_begun_is_known_until_one_has_come_to_its_end() -> None:
    other = replace(ESTATE, workloads=())
    store = Store(None)
    assert store.write_begun(ESTATE)
    assert store.compiled() == ESTATE, "the first"
    assert store.write_compiled(ESTATE, IDS, SEEN)
    assert not store.write_begun(ESTATE)
    assert store.write_begun(other)
    assert not store.write_begun(other)
    assert store.compiled() == ESTATE, "it may not have taken anything away"
    assert not store.write_begun(ESTATE), "which does not undo it before its end"
    assert store.write_done(other)
    assert (store.compiled(), store.repository_ids(), store.seen()) == (other, IDS, SEEN)


def _of(estate: Estate, environment: str, **more: Any) -> Estate:
    secrets = (replace(s, **more) if s.environment == environment else s for s in estate.secrets)
    return replace(estate, secrets=tuple(secrets))


def test_an_apply_of_one_environment_does_not_end_what_anothers_has_begun() -> None:
    store, owner = Store(None), "team-other"
    assert store.write_compiled(ESTATE, IDS, SEEN)
    assert store.write_begun(_of(ESTATE, "production", incident_access=IncidentAccess.DENY), "production")
    begun = store.compiled()
    assert begun is not None
    assert begun != ESTATE
    staging = _of(ESTATE, "staging", owner=owner)
    assert store.write_begun(staging, "staging")
    assert store.write_compiled(staging, IDS, SEEN, "staging")
    held = store.compiled()
    assert held == _of(begun, "staging", owner=owner)
    assert store.stands(ESTATE, "production") == staging
    assert not store.write_begun(staging, "production"), "nothing is taken back before its end"
    assert store.write_done(staging, "production")
    assert store.compiled() == staging


def _longer(estate: Estate) -> Estate:
    """In what no fold of two estates tells apart."""
    workloads = (replace(w, ttl=Ttl(60, 86400)) for w in estate.workloads)
    return replace(estate, workloads=tuple(workloads))


def test_what_was_begun_and_never_ended_is_looked_at_until_an_apply_ends() -> None:
    store, killed, other = Store(None), _longer(ESTATE), _of(ESTATE, "production", owner="team-other")
    assert store.write_compiled(ESTATE, IDS, SEEN)
    assert store.unended(ESTATE, None) == ()
    assert store.write_begun(killed)
    assert store.unended(ESTATE, None) == (killed,), "taken back"
    assert store.unended(killed, None) == (), "gone on with"
    assert store.write_begun(other)
    assert killed in store.unended(other, None), "beside another change"
    assert not store.write_begun(other)
    assert store.write_done(other)
    assert store.unended(other, None) == ()


def test_what_is_left_of_a_killed_one_is_known_beside_what_is_done() -> None:
    """A later lock-down works by the newest that is done: by the one before, nobody reads where a secret lies now."""
    store, killed = Store(None), _longer(ESTATE)
    moved = replace(ESTATE, workloads=tuple(w for w in ESTATE.workloads if w.name != "treasury-report"))
    assert store.write_compiled(ESTATE, IDS, SEEN)
    assert store.left() == ()
    assert store.write_begun(killed)
    assert store.left() == (), "it may be under way"
    assert store.write_begun(moved)
    assert store.write_done(moved, left=True)
    done, *left = store.left()
    assert (done, killed in left, store.compiled() == done) == (moved, True, False)
    assert killed in store.unended(moved, None)
    assert not store.write_begun(moved)
    assert store.write_done(moved)
    assert (store.left(), store.compiled()) == ((), moved)
    assert store.write_begun(killed)
    assert store.write_compiled(moved, IDS, SEEN, left=True)
    assert store.left() == (moved, killed), "one that was taken back"


def test_that_of_another_environments_stack_is_for_that_one_to_look_at() -> None:
    store, killed = Store(None), _longer(ESTATE)
    staging = _of(ESTATE, "staging", owner="team-other")
    assert store.write_compiled(ESTATE, IDS, SEEN)
    assert store.write_begun(killed, "production")
    assert store.write_begun(staging, "staging")
    assert store.write_done(staging, "staging")
    (left,) = set(map(codec.encode, store.unended(ESTATE, "production")))
    held = codec.decode(left)
    assert held is not None
    assert {w.ttl.max for w in held.workloads if w.environment == "production"} == {86400}
    assert store.write_done(ESTATE, "production")
    assert store.unended(ESTATE, "production") == ()


def test_what_another_run_keeps_between_read_and_write_is_not_lost() -> None:
    store, staging = Store(None), _of(ESTATE, "staging", owner="team-other")
    assert store.write_compiled(ESTATE, IDS, SEEN)
    store.meanwhile = {**store.versions[0], "estate": codec.encode(staging)}
    production = _of(ESTATE, "production", owner="team-third")
    assert store.write_done(production, "production")
    assert store.compiled() == _of(staging, "production", owner="team-third")


@pytest.mark.parametrize("bad", [{"x": "y"}, {"estate": 5}, {"estate": None}, {"estate": "AAAA", "seen": 3}])
def test_one_that_somebody_wrote_over_is_gone_by_by_nobody(bad: dict[str, Any]) -> None:
    store = Store(None)
    assert store.write_compiled(ESTATE, IDS, SEEN)
    store.versions.append(bad)
    assert (store.compiled(), store.repository_ids(), store.seen()) == (ESTATE, IDS, SEEN)
    assert (Store(bad).compiled(), Store(bad).repository_ids(), Store(bad).seen()) == (None, {}, None)
    sound = {"estate": codec.encode(ESTATE), "repositories": 7, "seen": 3}
    assert (Store(sound).compiled(), Store(sound).repository_ids(), Store(sound).seen()) == (ESTATE, {}, None)


@pytest.mark.parametrize("more", [{}, {"repositories": ""}, {"repositories": None}])
def test_a_document_without_ids_has_the_estate_all_the_same(more: dict[str, Any]) -> None:
    """An earlier version's, and one whose ids a person has emptied."""
    store = Store({"estate": codec.encode(ESTATE), **more})
    assert (store.compiled(), store.repository_ids(), store.seen()) == (ESTATE, {}, None)
