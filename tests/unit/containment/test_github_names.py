"""GitHub compares logins, teams and repositories without case, and gives each back as it was written there."""

from __future__ import annotations

from dataclasses import replace

from containment.adapters.github import GithubHost
from containment.adapters.github_api import PUBLIC
from containment.repository import settings
from policies.load import load


def test_an_actor_is_the_one_that_is_declared_whatever_its_case() -> None:
    host = GithubHost(PUBLIC, "TradePulse", "none", None)
    person = {"__typename": "User", "login": "SIC-Lead", "id": "U_1"}
    team = {"__typename": "Team", "slug": "release", "id": "T_1"}
    assert host._actors({"nodes": [{"actor": person}, {"actor": team}]}) == ("sic-lead", "tradepulse/release")
    assert (host.node_id("sic-lead"), host.node_id("tradepulse/release")) == ("U_1", "T_1")


def test_so_is_one_that_an_earlier_version_kept_as_it_was_declared() -> None:
    repository = next(r for r in load().repositories if not r.control)
    kept = replace(repository, protection=replace(repository.protection, pushers=("Org/Team", "Alice")))
    assert settings(kept, locked=False).branches[0].pushers == ("alice", "org/team")
