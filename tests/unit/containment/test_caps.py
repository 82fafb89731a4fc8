"""Mounts are capped with everything in scope, and as in peace after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment import names
from containment.compiled import caps
from containment.effects import issuance
from containment.incidents.incident import Generation, Incident, Scope, State
from containment.incidents.scope import affected
from containment.report import Report
from containment.run import Run, Systems
from policies.errors import Unreachable
from policies.load import load
from policies.model import TokenType

ESTATE = load()
ALL = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
ONE = Incident("B", Scope(everything=False, leaked=("secret:partner-api-key",)), State.OPEN, opened_at=10)
PATHS = {f"sys/mounts/{m.name}/tune": m.ttl for m in ESTATE.mounts}
CAPPED = {"default_lease_ttl": 1800, "max_lease_ttl": 1800}


class Server:
    """Holds mounts and no role. `refuses`: what it says of the first."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.held: dict[str, dict[str, Any]] = {
            p: {"default_lease_ttl": t.default, "max_lease_ttl": t.max} for p, t in PATHS.items()
        }

    def read(self, path: str) -> dict[str, Any] | None:
        if self.refuses and path == next(iter(PATHS)):
            raise Unreachable(f"vault: read {path}: {self.refuses}")
        return self.held.get(path)

    def write(self, path: str, data: dict[str, Any]) -> None:
        self.held[path] = data


def _run(server: Server, *incidents: Incident) -> Run:
    no: Any = None
    vault: Any = server
    systems = Systems(vault, no, no, no, no)
    return Run(systems, ESTATE, incidents, ALL, print, affected(ESTATE, incidents))


def test_every_mount_is_capped_with_everything_in_scope_and_no_other_time() -> None:
    server = Server()
    peace = {path: dict(held) for path, held in server.held.items()}
    assert len(peace) == 4
    issuance.cap(_run(server, ONE))
    assert server.held == peace
    run = _run(server, ONE, ALL)
    issuance.cap(run)
    assert server.held == dict.fromkeys(PATHS, CAPPED)
    assert {e.target for e in run.effects if e.what == caps.MOUNT} == {m.name for m in ESTATE.mounts}
    issuance.uncap(_run(server, ONE, ALL), affected(ESTATE, (ALL,)))
    assert server.held == dict.fromkeys(PATHS, CAPPED), "another incident has everything in scope"
    run = _run(server, ONE)
    issuance.uncap(run, affected(ESTATE, (ALL,)))
    assert server.held == peace
    assert {e.target for e in run.effects if e.what == "mount restored"} == {m.name for m in ESTATE.mounts}


def test_who_was_granted_what_leaked_logs_in_with_the_next_batch_tokens_though_out_of_scope() -> None:
    """Those of before are closed: it had no others until Pulumi ran again."""
    batch = next(w for w in ESTATE.workloads if w.tokens is TokenType.BATCH)
    path, server = names.login_role(batch), Server()
    server.held[path] = {"token_policies": names.token_policies(batch, 0)}
    for generations, number in ((), 0), ((Generation(batch.name, 0, 3600),), 1):
        issuance.stop(_run(server, replace(ONE, generations=generations)))
        assert server.held[path]["token_policies"] == names.token_policies(batch, number)
    assert server.held[path]["token_max_ttl"] == batch.ttl.max


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        ("Forbidden: permission denied", "Forbidden: permission denied: the administrator's part again (README)"),
        ('InvalidRequest: cannot fetch sysview for path "database/"', ""),
    ],
    ids=["by a token without the right", "since it is gone"],
)
def test_one_that_the_server_refuses_is_named_unless_it_is_gone(refuses: str, words: str) -> None:
    run = _run(Server(refuses), ALL)
    issuance.cap(run)
    named = Report("A", tuple(run.effects)).not_contained
    assert len(named) == bool(words)
    assert all(one.startswith(f"{ESTATE.mounts[0].name} ({caps.MOUNT}: ") and words in one for one in named)
