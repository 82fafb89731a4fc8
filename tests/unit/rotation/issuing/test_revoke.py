"""What is said of a value in a KV store, which no lease ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from containment.incidents.incident import Incident, Scope, State
from policies.errors import Unreachable
from policies.load import load
from rotation.issuing.revoke import revoke

PATH = "secret/data/trading/exchange"
SCOPE = Scope(everything=False, leaked=("secret:exchange-trading-key",))
OPEN = Incident("INC-7", SCOPE, State.OPEN, opened_at=1)
REPLACED = Incident("INC-7", SCOPE, State.OPEN, opened_at=1, opened=SCOPE.leaked)


class Server:
    """The vault and the prober; `status` is what the secret's path answers, 0 nothing."""

    def __init__(self, status: int, *incidents: Incident) -> None:
        self._status, self._incidents = status, incidents

    def read(self, path: str) -> dict[str, Any]:
        return {"secret/": {"type": "kv"}} if path == "sys/mounts" else {}

    def incidents(self) -> tuple[Incident, ...]:
        return self._incidents

    def try_read(self, policies: Sequence[str], path: str) -> int:
        assert policies
        if not self._status:
            raise Unreachable("vault: sealed")
        return self._status if path == PATH else 200


class Systems:
    def __init__(self, server: Server) -> None:
        self.vault, self.prober = server, lambda: server


@pytest.mark.parametrize(
    ("server", "seen", "remedy"),
    [
        (Server(200), "its workloads can read it; deny and disable it with `pulumi up", "the incident's id"),
        (Server(403, OPEN), "its workloads are refused; it leaked in INC-7", "`portcullis rotate run INC-7`"),
        (Server(200, REPLACED), "its workloads can read it; deny and disable it", "the incident's id"),
        (Server(503, OPEN), "what its workloads can do was not seen: 503; it leaked", "`portcullis rotate run INC-7`"),
        (Server(0), "whether its workloads can read it was not seen: vault: sealed; deny", "the incident's id"),
    ],
)
def test_who_can_read_it_and_what_retires_it(server: Server, seen: str, remedy: str) -> None:
    systems: Any = Systems(server)
    result = revoke(systems, load(), PATH, print, dry=False)
    (said,) = result.instead
    assert said.startswith(f"exchange-trading-key: {seen}")
    assert said.endswith(remedy)
    assert (result.found, result.exit_code) == (0, 1)


def test_what_is_declared_nowhere() -> None:
    systems: Any = Systems(Server(200))
    (said,) = revoke(systems, load(), "secret/data/nothing", print, dry=False).instead
    assert said.startswith("secret/data/nothing is declared nowhere: ")
