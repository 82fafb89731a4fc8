"""What a preview says of keys that nobody here disables, and of a system that gives no answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment import former, names
from containment.former import Former
from containment.incidents.decide import Decision
from containment.incidents.incident import Incident, Made, Scope, State
from containment.incidents.replacements import reference
from containment.incidents.scope import affected
from containment.ports import UpstreamKey
from containment.run import Systems
from policies.errors import InputError, Unreachable
from policies.load import load
from stacks import access, announced, told

ESTATE = load()
INCIDENT = Incident("I", Scope(False, ("secret:exchange-trading-key", "secret:analytics-readonly")), State.OPEN, 1)
CONTROL = next(r.name for r in ESTATE.repositories if r.control)
OURS = UpstreamKey("k-1", "exchange-trading-key", "", enabled=True, permissions=())


class Server:
    """The vault: nobody has lowered a role, and leases are none of this token's business."""

    def read(self, _: str) -> None:
        """There is no role."""

    def keys(self, path: str) -> list[str]:
        raise Unreachable(f"vault: list {path}: permission denied")


class Exchange:
    def __init__(self, *keys: UpstreamKey) -> None:
        self._keys = list(keys)

    def keys(self, _: str) -> list[UpstreamKey]:
        return self._keys


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(told, "info", lines.append)
    monkeypatch.setattr(told, "warn", lines.append)
    return lines


class Logins(Server):
    """One role for the control repository's jobs, two for others."""

    def keys(self, path: str) -> list[str]:
        return ["apply", "cicd", "grafana"] if path == f"auth/{names.JWT}/role" else []

    def read(self, path: str) -> Any:
        return {"token_policies": [*names.KEEPERS][:1]} if path.endswith("/apply") else {"token_policies": ["x"]}


def _tell(monkeypatch: pytest.MonkeyPatch, upstream: Any, incident: Incident = INCIDENT, vault: Any = None) -> None:
    no: Any = None
    vault = vault or Server()
    monkeypatch.setattr(former, "read", lambda _: Former())
    monkeypatch.setattr(announced, "from_environment", lambda *_: Systems(vault, no, upstream, no, no))
    known = (incident,)
    context = access.Context(ESTATE, affected(ESTATE, known), known, 20, "all")
    announced.tell(vault, context, Decision(known, incident, None))


def test_a_key_of_no_declaration_is_named(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    strange = UpstreamKey("k-2", "somebody", "", enabled=True, permissions=())
    _tell(monkeypatch, lambda _: Exchange(OURS, strange))
    assert [line for line in heard if "k-2 of account tradepulse-prod at exchange is live" in line]
    heard.clear()
    _tell(monkeypatch, lambda _: Exchange(OURS))
    assert not [line for line in heard if "by hand" in line]


def test_two_keys_of_one_tag_are_named_and_a_replaced_secret_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    item = "secret:exchange-trading-key"
    rotated = replace(INCIDENT, denied_at=2, opened=(item,), made=(Made(item, reference("k-1"), 3),))
    theirs = [UpstreamKey(key, "exchange-market-key", "", enabled=True, permissions=()) for key in ("m-1", "m-2")]
    _tell(monkeypatch, lambda _: Exchange(OURS, *theirs), rotated)
    assert [line for line in heard if "with the tag exchange-market-key (m-1, m-2): one may be" in line]
    words = "would disable keys: exchange-trading-key (account tradepulse-prod at exchange, all but the new one)"
    assert words in heard


def test_what_cannot_be_looked_at_is_named_and_stops_nothing(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    def away(_: str) -> Any:
        raise InputError("environment variable EXCHANGE_URL is not set")

    _tell(monkeypatch, away)
    looked = [line for line in heard if "not looked at" in line]
    assert [line for line in looked if "at exchange" in line and line.endswith("EXCHANGE_URL is not set")]
    assert [line for line in looked if "every role" in line and "permission denied" in line]
    assert "would cancel workflow runs: tradepulse-connectors, tradepulse-core" in heard


def test_a_mount_that_this_token_may_not_read_is_named(monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    class Older(Server):
        """Whose administrator's part is of an earlier version."""

        def read(self, path: str) -> None:
            if path.startswith("sys/mounts/"):
                raise Unreachable(f"vault: read {path}: permission denied")

    everything = Incident("I", Scope(everything=True), State.OPEN, 1)
    _tell(monkeypatch, lambda _: Exchange(OURS), everything, Older())
    (line,) = [line for line in heard if "TTLs" in line]
    assert line.startswith("not looked at: which TTLs are capped: vault: read sys/mounts/")


def test_the_logins_of_the_control_repository_are_named_where_it_leaked(
    monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    leaked = Incident("I", Scope(False, (f"repository:{CONTROL}",)), State.OPEN, 1)
    words = f"would switch off the login of the control repository's jobs: auth/{names.JWT}/role/apply"
    _tell(monkeypatch, lambda _: Exchange(OURS), leaked, Logins())
    assert words in heard
    heard.clear()
    _tell(monkeypatch, lambda _: Exchange(OURS), INCIDENT, Logins())
    assert words not in heard
