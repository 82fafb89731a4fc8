"""GitHub's pull requests as an approval reads them: head, reviews, team members; and what is said back on one.

REST follows GitHub's description of API version 2022-11-28.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from containment.adapters.github_api import GithubApi, Settings
from policies.errors import InputError

TEAMS_TOKEN = "PORTCULLIS_TEAMS_TOKEN"  # noqa: S105 - the variable's name
"""Reads the organization's teams, which the token of a workflow cannot; without it GITHUB_TOKEN is used."""

_MOST_COMMITS = 250
"""Of a pull request with more, GitHub lists no more."""

_VIEWER = "query { viewer { login } }"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Of the default branch. `base` and `head`: commits, as GitHub has them now. `merged`: the commit that it became
    there, "" while it is not merged."""

    number: int
    base: str
    head: str
    author: str
    merged: str


@dataclass(frozen=True, slots=True)
class Review:
    """`state`: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING. `author` is "" of who is gone."""

    author: str
    state: str
    commit_id: str
    submitted_at: str


@dataclass(frozen=True, slots=True)
class Written:
    """`writers`: logins of the authors and committers of a pull request's commits. `strangers`: the commits that have
    one whom GitHub does not know by the e-mail in it."""

    writers: tuple[str, ...]
    strangers: tuple[str, ...]


class GithubReviews:
    """Of one repository, `owner/name`. Raises Unreachable for every refusal and failure."""

    def __init__(self, repository: str, settings: Settings, teams_token: str) -> None:
        self._owner, _, self._name = repository.partition("/")
        self._api = GithubApi(settings.url, settings.token, settings.ca)
        self._teams = GithubApi(settings.url, teams_token, settings.ca)

    @classmethod
    def from_environment(cls, repository: str, environ: Mapping[str, str] = os.environ) -> GithubReviews:
        """GITHUB_TOKEN, GITHUB_BASE_URL where it is not github.com, and the teams' token. Raises InputError."""
        owner, slash, name = repository.partition("/")
        if not (owner and slash and name) or "/" in name:
            raise InputError(f"{repository!r} is no repository; give OWNER/NAME")
        settings = Settings.from_environment({**environ, "GITHUB_OWNER": owner})
        return cls(repository, settings, environ.get(TEAMS_TOKEN) or settings.token)

    def _path(self, rest: str) -> str:
        return f"/repos/{quote(self._owner, safe='')}/{quote(self._name, safe='')}/{rest}"

    def pull(self, number: int) -> PullRequest:
        """Raises InputError when there is none, and for one to another branch: whoever may push makes one where the
        same commit widens nothing, and a status is the commit's. Only an administrator sets the default branch."""
        found = self._api.call("GET", self._path(f"pulls/{number}"), absent=404)
        if found is None:
            raise InputError(f"{self._owner}/{self._name} has no pull request {number}, or this token does not see it")
        base, default = found["base"], found["base"]["repo"]["default_branch"]
        if base["ref"] != default:
            raise InputError(
                f"pull request {number} goes to {base['ref']!r}, and an approval is of what goes to the default "
                f"branch, {default!r}; give it that base, or ask about one that has it"
            )
        merged = found["merge_commit_sha"] if found["merged"] else ""  # of an open one it is a trial's
        return PullRequest(number, base["sha"], found["head"]["sha"], _login(found["user"]), merged)

    def written(self, number: int) -> Written:
        """By whom. Of more commits than GitHub lists, the rest is a stranger's."""
        found = list(self._api.pages(self._path(f"pulls/{number}/commits")))
        people = {c["sha"]: {_login(c["author"]), _login(c["committer"])} for c in found}
        strangers = [f"commit {sha[:12]}" for sha, logins in people.items() if "" in logins]
        if len(found) >= _MOST_COMMITS:
            strangers.append(f"what follows its first {_MOST_COMMITS} commits")
        return Written(tuple(sorted(set().union(*people.values()) - {""})), tuple(strangers))

    def reviews(self, number: int) -> list[Review]:
        """Oldest first. One whose author is gone says nothing."""
        found = [
            Review(_login(r["user"]), r["state"], r.get("commit_id") or "", r.get("submitted_at") or "")
            for r in self._api.pages(self._path(f"pulls/{number}/reviews"))
        ]
        return [review for review in found if review.author]

    def members(self, team: str) -> tuple[str, ...] | None:
        """Logins, of child teams too; None when there is no such team, or the token does not see it."""
        path = f"/orgs/{quote(self._owner, safe='')}/teams/{quote(team, safe='')}"
        if self._teams.call("GET", path, absent=404) is None:
            return None
        return tuple(sorted(_login(user) for user in self._teams.pages(f"{path}/members")))

    def say(self, number: int, marker: str, body: str) -> None:
        """Edit our comment that begins with `marker`, else add it. Another's comment is left alone: who wrote it could
        change what we said there."""
        me = _bare(self._api.graphql("who this token is", _VIEWER, {})["viewer"]["login"])
        for found in self._api.pages(self._path(f"issues/{number}/comments")):
            if (found.get("body") or "").startswith(marker) and _bare(_login(found["user"])) == me:
                if found["body"] != body:
                    self._api.call("PATCH", self._path(f"issues/comments/{found['id']}"), {"body": body})
                return
        self._api.call("POST", self._path(f"issues/{number}/comments"), {"body": body})

    def set_status(self, commit: str, context: str, passed: bool, description: str) -> None:
        body = {"state": "success" if passed else "failure", "context": context, "description": description}
        self._api.call("POST", self._path(f"statuses/{commit}"), body)


def _login(user: Mapping[str, str] | None) -> str:
    return user["login"] if user else ""


def _bare(login: str) -> str:
    """REST calls an app `name[bot]`, GraphQL in places `name`; no person's login has brackets."""
    return login.removesuffix("[bot]")
