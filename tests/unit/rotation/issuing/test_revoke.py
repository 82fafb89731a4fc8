"""What is said of a value in a KV store, which no lease ends, and what is revoked of an engine that nobody declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from containment.incidents.incident import Incident, Scope, State
from containment.ports import Lease
from policies.errors import InputError, Unreachable
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


class Cloud(Server):
    """An engine of another kind, and the leases that it has out."""

    def __init__(self, *out: str) -> None:
        super().__init__(200)
        self.out = list(out)

    def read(self, path: str) -> dict[str, Any]:
        return {"aws/": {"type": "aws"}} if path == "sys/mounts" else {}

    def keys(self, path: str) -> list[str]:
        below = f"{path.removeprefix('sys/leases/lookup/')}/"
        rest = [x.removeprefix(below) for x in self.out if x.startswith(below)]
        return sorted({key.partition("/")[0] + ("/" if "/" in key else "") for key in rest})

    def leased(self, lease: str) -> Lease | None:
        return Lease(lease, "2026-01-01T00:00:00Z", 60) if lease in self.out else None

    def revoke_lease(self, lease: str) -> bool:
        self.out.remove(lease)
        return True


LEASES = ("aws/creds/deploy/a1", "aws/creds/deploy/b2", "aws/creds/other/c3")


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("aws/creds/deploy/a1", LEASES[1:]),
        ("aws/creds/deploy", LEASES[2:]),
        ("aws", ()),
    ],
)
@pytest.mark.parametrize("dry", [False, True])
def test_what_another_engine_has_out_is_revoked_by_its_path_or_one_by_its_id(
    path: str, left: tuple[str, ...], dry: bool
) -> None:
    server = Cloud(*LEASES)
    systems: Any = Systems(server)
    result = revoke(systems, load(), path, print, dry=dry)
    assert (result.found, result.exit_code) == (len(LEASES) - len(left), 0)
    assert tuple(server.out) == (LEASES if dry else left)


@pytest.mark.parametrize("path", ["aws/creds/deploy/zz", "aws/creds/deplo", "aws/creds/deploy/a1/x"])
def test_where_it_has_none_out_nobody_is_told_that_none_is_left(path: str) -> None:
    server = Cloud(*LEASES)
    systems: Any = Systems(server)
    with pytest.raises(InputError, match=f"no lease at {path} or below it.*nothing was changed"):
        revoke(systems, load(), path, print, dry=False)
    assert tuple(server.out) == LEASES


def test_a_mount_with_none_out_has_none_left() -> None:
    systems: Any = Systems(Cloud())
    assert revoke(systems, load(), "aws", print, dry=False).exit_code == 0
