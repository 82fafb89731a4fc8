"""What a pull request must be for an approval to speak of it; the answers are GitHub's, the rest is its own."""

from __future__ import annotations

from typing import Any, cast

import pytest

from containment.adapters.github_api import PUBLIC, Settings
from containment.adapters.github_reviews import GithubReviews, PullRequest
from policies.errors import InputError


class Answers:
    def __init__(self, **said: Any) -> None:
        base = {"ref": "main", "sha": "beef", "repo": {"default_branch": "main"}}
        whole = {"base": base, "head": {"sha": "cafe"}, "user": {"login": "dana"}, "state": "closed", "merged": True}
        self.said = {**whole, "merge_commit_sha": "f00d", **said}

    def call(self, *_: object, **__: object) -> Any:
        return self.said


def pull(**said: Any) -> PullRequest:
    github = GithubReviews("tradepulse/tradepulse-infra", Settings(PUBLIC, "tradepulse", "none", None), "none")
    github._api = cast(Any, Answers(**said))
    return github.pull(7)


def test_what_is_merged_names_the_commit() -> None:
    assert pull() == PullRequest(7, "beef", "cafe", "dana", "f00d")


@pytest.mark.parametrize("state", ["open", "closed"])
def test_the_commit_of_a_trial_merge_is_none(state: str) -> None:
    """GitHub names it by the same field until a pull request is merged."""
    assert pull(state=state, merged=False).merged == ""


@pytest.mark.parametrize(("ref", "default"), [("cover", "main"), ("main", "trunk"), ("Main", "main")])
def test_one_to_another_branch_is_refused(ref: str, default: str) -> None:
    base = {"ref": ref, "sha": "beef", "repo": {"default_branch": default}}
    with pytest.raises(InputError, match=f"goes to '{ref}'.*default branch, '{default}'"):
        pull(base=base)
