"""Login roles that failed while the server has them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pulumi
import pytest

from policies.errors import Unreachable
from stacks import unknown

ROLE = "auth/approle/role/"


class Server:
    def __init__(self, there: Collection[str]) -> None:
        self.there = there

    def read(self, path: str) -> dict[str, Any] | None:
        return {} if path.removeprefix(ROLE) in self.there else None


class Away(Server):
    def read(self, path: str) -> dict[str, Any] | None:
        raise Unreachable(f"vault: read {path}: ConnectionError")


def _words(server: Any, *failed: str) -> list[str]:
    class Watch:
        async def failed(self, _: object) -> list[str]:
            return list(failed)

    watch: Any = Watch()
    return asyncio.run(unknown.words(server, watch))


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    monkeypatch.setattr(pulumi, "get_project", lambda: "portcullis")


def test_each_that_is_there_has_its_command() -> None:
    first, *commands = _words(Server({"a", "b", "c"}), "a", "b", "gone")
    assert first.startswith("login roles that failed are on the server: a, b. Where Pulumi says of one ")
    assert commands == [
        "pulumi import --stack prod --yes --protect=false --generate-code=false "
        f"vault:appRole/authBackendRole:AuthBackendRole {name} auth/approle/role/{name} "
        f"--parent parent=urn:pulumi:prod::portcullis::portcullis:access:Workload::{name}"
        for name in ("a", "b")
    ]


def test_of_many_some_are_named_and_the_rest_is_counted() -> None:
    many = [f"r{number:02}" for number in range(unknown.MOST + 2)]
    first, *commands = _words(Server(many), *many)
    assert "r09 and more, which the next run names. Where" in first
    assert len(commands) == unknown.MOST


@pytest.mark.parametrize(("server", "failed"), [(Server("a"), ()), (Server(()), ("a",)), (Away("a"), ("a",))])
def test_where_none_is_seen_on_the_server_there_is_nothing_to_say(server: Server, failed: tuple[str, ...]) -> None:
    assert _words(server, *failed) == []
