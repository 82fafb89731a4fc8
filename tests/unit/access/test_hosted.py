"""What GitHub has of a repository, beside what is declared of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from access.diff.changes import changes
from access.sources import hosted
from access.sources.sides import answered, of_declarations, on_server
from containment.repository import RULESETS, BranchRule, settings
from policies.errors import Unreachable
from policies.load import load
from policies.model import Protection

NAME = "tradepulse-core"
_LOADED = load()
REPOSITORY = replace(
    next(r for r in _LOADED.repositories if r.name == NAME),
    protection=Protection(True, ("tests",), True, True, ("sic-lead",)),
    mergers=("sre-oncall",),
)
ESTATE = replace(_LOADED, repositories=(REPOSITORY,))
CODE = on_server(of_declarations(ESTATE))
ASKED = hosted.asked(CODE.facts)


class Host:
    """As declared, but for what a test changes."""

    def __init__(self, *, branch: str = "main", more: dict[str, Any] | None = None, rule: bool = True) -> None:
        (declared,) = settings(REPOSITORY, locked=False).branches
        self.rules = [replace(declared, **(more or {}))] if rule else []
        self.branch = branch
        self.keys, self.names, self.secrets = ["deploy host"], list(RULESETS.values()), ["DEPLOY_TOKEN"]

    def branch_rules(self, _: str) -> list[BranchRule]:
        return [BranchRule("other", False, False, 9, False, None, False), *self.rules]

    def default_branch(self, _: str) -> str:
        return self.branch

    def deploy_keys(self, _: str) -> list[Any]:
        return [SimpleNamespace(title=title) for title in self.keys]

    def rulesets(self, _: str) -> list[str]:
        return self.names

    def actions_secrets(self, _: str) -> list[str]:
        return self.secrets


def _told(host: Any) -> dict[str, bool]:
    """What differs, and whether it widens."""
    facts, unread = hosted.held(host, ESTATE, ASKED)
    assert unread == ()
    server = replace(CODE, facts={**CODE.facts, **facts})
    return {change.what: change.widens for change in changes(CODE, server)}


def test_as_declared_nothing_is_told() -> None:
    assert _told(Host()) == {}
    assert len(hosted.held(Host(), ESTATE, ASKED)[0]) == len(ASKED) == len(hosted._ASPECTS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "what", "widens"),
    [
        (Host(branch="dev"), "protected branch", True),
        (Host(more={"approvals": 0}), "approvals that a merge needs", True),
        (Host(more={"approvals": 7}), "approvals that a merge needs", False),
        (Host(more={"enforce_admins": False}), "protection holds for administrators", True),
        (Host(more={"around": ("pushes of a bot",)}), "protection holds for administrators", True),
        (Host(more={"pushers": None}), "who may push or merge in peace", True),
        (Host(more={"pushers": ("mallory", "sic-lead")}), "who may push or merge in peace", True),
    ],
)
def test_what_differs_is_told(host: Any, what: str, widens: bool) -> None:
    assert _told(host) == {what: widens}


def test_fewer_who_push_are_as_declared() -> None:
    assert _told(Host(more={"pushers": ()})) == {}


def test_without_its_protection_nothing_is_asked() -> None:
    told = _told(Host(rule=False))
    assert set(told) == {"protection", "who may push or merge in peace", *hosted._DEMANDS}
    assert all(told.values())


@pytest.mark.parametrize(
    ("field", "what"), [("keys", "deploy keys"), ("names", "rulesets of others"), ("secrets", "other Actions secrets")]
)
def test_what_is_beside_a_repository_is_told(field: str, what: str) -> None:
    host = Host()
    getattr(host, field).append("THEIRS")
    assert _told(host) == {what: True}


def test_one_that_is_not_read_is_not_gone() -> None:
    class Away(Host):
        def default_branch(self, _: str) -> str:
            raise Unreachable("github: ConnectError")

    host: Any = Away()
    facts, unread = hosted.held(host, ESTATE, ASKED)
    assert (facts, unread) == ({}, (f"repository {NAME}: github: ConnectError",))
    others = {key: fact for key, fact in CODE.facts.items() if not hosted.is_asked(key)}
    server = replace(CODE, facts=others)
    assert changes(answered(CODE, server, applied=False), server) == ()
