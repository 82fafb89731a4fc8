"""What an update that was killed has left, beside what is declared."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from containment import estates
from containment.compiled import locked
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.undeclared import cut_short
from policies.errors import Unreachable
from policies.load import load
from policies.model import AuthMethod, DatabaseSecret, Estate, KvSecret

ESTATE = load()
OPEN = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
POLICY, LOGIN = "sys/policies/acl/pc-w-treasury-report", "auth/approle/role/treasury-report"
ROLE = next(f"{s.secret.mount}/roles/{s.secret.role}" for s in ESTATE.secrets if isinstance(s.secret, DatabaseSecret))


NOTHING = cut_short.Left((), ())


class Server:
    """As the estate has it."""

    def __init__(self, *incidents: Incident) -> None:
        self.incidents, self.affected = incidents, affected(ESTATE, incidents)
        self.forbidden = ""
        self.held: dict[str, Any] = dict(cut_short._parameters(ESTATE, self.affected, incidents, None))

    def read(self, path: str) -> dict[str, Any] | None:
        if path == self.forbidden:
            raise Unreachable("vault: Forbidden")
        return self.held.get(path)

    def look(self, begun: Estate = ESTATE, part: str | None = None) -> cut_short.Left:
        vault: Any = self
        return cut_short.look(vault, ESTATE, (begun,), self.affected, self.incidents, part)


def test_what_is_as_declared_is_not_named() -> None:
    assert Server().look() == NOTHING
    assert Server(OPEN).look() == NOTHING


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (POLICY, {"policy": "{}"}),
        (LOGIN, {"token_policies": ["other"]}),
        (LOGIN, {"token_type": "batch"}),
        (LOGIN, {"bind_secret_id": False}),
        (LOGIN, {"token_max_ttl": 86400}),
        ("auth/jwt/role/cicd", {"bound_claims": {"sub": "any"}}),
        (ROLE, {"db_name": "other"}),
        (ROLE, {"creation_statements": ["GRANT ALL"]}),
        (ROLE, {"max_ttl": 86400}),
    ],
)
def test_what_is_otherwise_is_named_with_the_remedy(path: str, more: dict[str, Any]) -> None:
    server = Server()
    server.held[path] = {**server.held[path], **more}
    said = server.look().complaint
    assert f"does not know: {path} ({next(iter(more))}); " in said
    assert said.endswith(": pulumi up --refresh --config incident=keep")
    del server.held[path]
    assert server.look().otherwise == (f"{path} (is gone)",)
    assert server.look(part="staging") == NOTHING, "another stack's"


def test_ttls_of_what_is_in_scope_are_the_lock_downs() -> None:
    server = Server(OPEN)
    for path, key in ((LOGIN, "token_max_ttl"), (ROLE, "max_ttl")):
        server.held[path] = {**server.held[path], key: 1}
    assert server.look() == NOTHING


def test_what_was_to_be_declared_and_is_not_is_to_be_gone() -> None:
    server = Server()
    workloads = (
        replace(w, auth=AuthMethod.JWT, bound_claims=(("sub", "x"),)) if w.name == "treasury-report" else w
        for w in ESTATE.workloads
    )
    begun = replace(ESTATE, workloads=tuple(workloads))
    assert server.look(begun) == NOTHING
    path = "auth/jwt/role/treasury-report"
    server.held[path] = {**locked.OFF_ROLE}
    assert server.look(begun) == NOTHING, "as an administrator makes it"
    server.held[path] = {}
    assert server.look(begun) == cut_short.Left((), (path,)), "which Pulumi may be about to delete"
    server.forbidden = path
    assert "is not known: vault: Forbidden" in server.look(begun).warning
    moved = (replace(s, secret=KvSecret("secret", "x")) for s in ESTATE.secrets)
    assert Server().look(replace(ESTATE, secrets=tuple(moved))) == NOTHING, "values are nobody's resource"


def _settled(server: Server, left: tuple[Estate, ...], open_: Incident | None = None) -> bool:
    """Whether what is done is all that counts."""
    vault: Any = SimpleNamespace(
        left=lambda: (ESTATE, *left) if left else (), incidents=lambda: (open_,) if open_ else (), read=server.read
    )
    kept = estates.unfinished(ESTATE, left[0]) if left else ESTATE
    found = cut_short.settled(vault, kept)
    assert found in (ESTATE, kept)
    return found == ESTATE


def test_a_lock_down_goes_by_what_is_done_once_pulumi_has_deleted_the_rest() -> None:
    server = Server()
    newcomer = replace(next(w for w in ESTATE.workloads if w.name == "treasury-report"), name="newcomer")
    left = (replace(ESTATE, workloads=(*ESTATE.workloads, newcomer)),)
    assert _settled(server, left)
    assert _settled(server, ())
    path = "auth/approle/role/newcomer"
    server.held[path] = {}
    assert not _settled(server, left), "it stands there still"
    del server.held[path]
    server.forbidden = path
    assert not _settled(server, left), "nobody can tell"
    server.forbidden = ""
    named = Incident("A", Scope(everything=False, leaked=("workload:newcomer",)), State.OPEN, opened_at=10)
    assert not _settled(server, left, named), "an incident is about it"
    assert _settled(server, left, replace(named, state=State.LIFTED, generations=()))
    own = json.loads(server.held[POLICY]["policy"])["path"]
    assert own
    for rules, holds in (({}, True), ({**own, "secret/data/other": {"capabilities": ["read"]}}, False)):
        server.held[POLICY] = {"policy": json.dumps({"path": rules})}
        assert _settled(server, left) is holds, "the first deny left something out"
    server.held[POLICY] = {"policy": json.dumps({"path": own})}
    server.held[LOGIN] = {**server.held[LOGIN], "token_type": "batch"}
    assert not _settled(server, left), "not as declared"
