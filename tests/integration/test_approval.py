"""`portcullis approval` on the GitHub double and the real OPA: who must approve, who has, and what it says there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.doubles.github import free_port
from sandbox.services.opa import OpaServer
from tests.integration.pull_request import LINE, World


@pytest.fixture(scope="module")
def opa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    service = OpaServer(tmp_path_factory.mktemp("opa"), free_port())
    service.start()
    yield service.url
    service.stop()


@pytest.fixture
def world(tmp_path: Path, opa: str) -> Iterator[World]:
    with World.opened(tmp_path, opa) as made:
        yield made


def test_each_approval_that_is_missing_is_named_until_it_is_given(world: World) -> None:
    assert world.missing() == ["team-risk", "team-security"]
    world.review("rita")
    assert world.missing() == ["team-security"]
    world.review("sam")
    assert world.missing() == []
    world.push("two")
    assert world.missing() == ["team-risk", "team-security"], "a later push voids what was said of the commit before"


def test_who_wrote_a_commit_of_it_does_not_count(world: World) -> None:
    """Pushed onto another's pull request, and approved by the same."""
    world.push("two", email="rita@example.invalid")
    world.push("three")
    world.review("rita"), world.review("sam")
    assert world.missing() == ["team-risk"]
    world.push("four", email="rita@at.home.invalid")
    world.review("sam")
    head = world.ask("GET", "/pulls/1")["head"]["sha"][:12]
    assert world.missing() == [f"commit {head}", "team-risk"]


def test_taking_it_back_counts(world: World) -> None:
    rita, _ = world.review("rita"), world.review("sam")
    world.review("sam", "REQUEST_CHANGES")
    assert world.missing() == ["sam asks for changes", "team-security"]
    world.review("sam")
    assert world.missing() == []
    world.ask("PUT", f"/pulls/1/reviews/{rita['id']}/dismissals", {"message": "no"}, "dana")
    assert world.missing() == ["team-risk"]


def test_a_diff_of_another_commit_is_refused(world: World) -> None:
    world.review("rita"), world.review("sam")
    head = world.ask("GET", "/pulls/1")["head"]["sha"]
    assert world.missing() == []
    assert "a diff from " in world.run(diff=world.diff(base=head)).stdout
    assert world.run(diff=world.diff(head="main", changes=[])).returncode == 1


def test_a_team_that_is_not_there_is_named(world: World) -> None:
    done = world.run(diff=world.diff(changes=[{**LINE, "owner": "team-gone"}]))
    assert (done.returncode, "team-gone: GitHub knows no such team" in done.stdout) == (1, True)


def test_one_comment_and_the_status_follow_the_decision(world: World) -> None:
    marker = "<!-- portcullis access diff -->"
    shown = world.folder / "comment.md"
    shown.write_text(f"{marker}\n### Access: 1 wider\n")
    world.ask("POST", "/issues/1/comments", {"body": f"{marker}\n### Approved"}, "mallory")
    tell = ("--comment", str(shown), "--status")
    assert world.run(*tell).returncode == 1
    spoofed, ours = world.comments()
    assert (ours["user"]["login"], "### Not approved yet" in ours["body"]) == ("actions", True)
    assert not world.passed()
    world.review("rita"), world.review("sam")
    assert world.run(*tell).returncode == 0
    assert world.passed()
    again = world.comments()
    assert [c["id"] for c in again] == [spoofed["id"], ours["id"]]
    assert (again[0]["body"], "### Approved" in again[1]["body"]) == (spoofed["body"], True)
    world.review("rita", "REQUEST_CHANGES")
    assert world.run(*tell).returncode == 1
    assert not world.passed(), "the same commit's success is taken back"


def test_a_pull_request_to_another_branch_says_nothing_of_the_commit(world: World) -> None:
    """A status is the commit's: there the same commit widens nothing."""
    world.elsewhere()
    shown = world.folder / "comment.md"
    shown.write_text("<!-- portcullis access diff -->\n### Access: nothing\n")

    def elsewhere() -> None:
        nothing = world.diff(2, widens=False, changes=[])
        done = world.run("--status", "--comment", str(shown), diff=nothing, pull=2)
        assert (done.returncode, "goes to 'cover'" in done.stderr, "'main'" in done.stderr) == (2, True, True)
        assert world.ask("GET", "/issues/2/comments") == []

    elsewhere()
    assert not world.passed()
    world.review("rita"), world.review("sam")
    assert world.run("--status").returncode == 0
    elsewhere()
    assert world.passed(), "nor is a success taken back"


def test_what_cannot_be_asked_is_no_approval(world: World) -> None:
    silent = world.run("--status", OPA_URL=f"http://127.0.0.1:{free_port()}")
    assert (silent.returncode, world.passed()) == (3, False)
    blind = world.run(PORTCULLIS_TEAMS_TOKEN="ghp-nobody")
    assert (blind.returncode, "401" in blind.stderr, "ghp-nobody" in blind.stderr) == (3, True, False)
    bad = world.folder / "bad.json"
    bad.write_text("[]")
    assert world.run(diff=bad).returncode == 2
    assert world.run("--comment", str(bad)).returncode == 2
