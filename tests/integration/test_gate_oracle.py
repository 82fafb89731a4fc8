"""A real server as the oracle: beside policies that grant, the compiled gate denies what leaked and nothing else, for
whatever names the schema allows and whatever incidents are open."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from containment import names
from containment.compiled import gate
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from policies import load
from policies.errors import Unreachable
from policies.model import (
    ActionsSecret,
    Capability,
    DatabaseGrant,
    DatabaseSecret,
    Estate,
    Grant,
    IncidentAccess,
    KvSecret,
    SecretAccessPolicy,
)
from sandbox import tls
from sandbox.doubles.github import free_port
from sandbox.services.openbao import OpenBao

KV_MOUNTS = ("secret", "team-a/data")
DATABASE = "database"
# Not the product's own list: what the server's documentation says serves one secret.
KV_FORMS = ("data", "metadata", "subkeys", "delete", "undelete", "destroy")
ALL = ["create", "read", "update", "patch", "delete", "list", "scan"]
OPEN_POLICY = {m: {"path": {f"{m}/*": {"capabilities": ALL}}} for m in (*KV_MOUNTS, DATABASE)}
TEMPLATE = load.load()
DEFS = json.loads(load.SCHEMA.read_text())["$defs"]


class Server:
    """`tokens` by name; `free` and `own` are granted the same as `gated` and `gated-own`, without the gate."""

    def __init__(self, bao: OpenBao) -> None:
        self.bao, self.root = bao, bao.root_token()
        self.tokens: dict[str, str] = {}
        self.written: set[str] = set()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.bao.call(method, path, body, token=self.root)

    def policy(self, name: str, text: str) -> None:
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": text})

    def capabilities(self, who: str, paths: list[str]) -> dict[str, list[str]]:
        data: dict[str, list[str]] = self.call("POST", "sys/capabilities", {"token": self.tokens[who], "paths": paths})[
            "data"
        ]
        return {path: sorted(data[path]) for path in paths}

    def status(self, who: str, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        """Of a real request, 2xx as 200."""
        try:
            self.bao.call(method, path, body, token=self.tokens[who])
        except Unreachable as error:
            return int(re.findall(r": (\d{3}) ", str(error))[0])
        return 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One OpenBao and nothing else. A database role need not exist: an unknown one is 400 to whoever may ask."""
    root: Path = tmp_path_factory.mktemp("oracle")
    (root / "secrets").mkdir(mode=0o700)
    tls.ensure(root)
    bao = OpenBao(root, free_port())
    bao.start()
    try:
        made = Server(bao)
        for mount in KV_MOUNTS:
            made.call("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
        made.call("POST", f"sys/mounts/{DATABASE}", {"type": "database"})
        made.policy(
            "granting", json.dumps({"path": {k: v for p in OPEN_POLICY.values() for k, v in p["path"].items()}})
        )
        for who, policies in {
            "free": ["granting"],
            "gated": ["granting", names.GATE],
            "quarantined": ["granting", names.QUARANTINE],
            "own": ["pc-w-app"],
            "gated-own": ["pc-w-app", names.GATE],
        }.items():
            made.tokens[who] = made.call("POST", "auth/token/create", {"policies": policies})["auth"]["client_token"]
        _until_versioned(made)
        yield made
    finally:
        bao.stop()


def _until_versioned(server: Server) -> None:
    """A KV version 2 mount that was just made answers 400 while it is being set up."""
    end = time.monotonic() + 20
    for mount in KV_MOUNTS:
        while server.status("free", "POST", f"{mount}/data/first", {"data": {"value": "1"}}) != 200:
            assert time.monotonic() < end
            time.sleep(0.05)


def _matching(definition: str, longest: int) -> st.SearchStrategy[str]:
    text = st.from_regex(DEFS[definition]["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii"))
    return text.filter(lambda name: len(name) <= longest)


# Few words, so that one path is often the head of another; some are the server's own.
_WORDS = st.sampled_from(["a", "b", "bc", "b-", "a_b", "0", "data", "metadata", "subkeys", "creds", "secret"])
_PATHS = st.one_of(st.lists(_WORDS, min_size=1, max_size=3).map("/".join), _matching("path", 60))
_KV = st.builds(KvSecret, st.sampled_from(KV_MOUNTS), _PATHS)
_ROLES = st.one_of(st.sampled_from(["ro", "ro-1", "creds", "static-creds"]), _matching("name", 40))
_DATABASE = _ROLES.map(lambda role: DatabaseSecret(DATABASE, role, "tradepulse", DatabaseGrant.READONLY))


def _template(kind: type) -> SecretAccessPolicy:
    return next(s for s in TEMPLATE.secrets if isinstance(s.secret, kind))


@dataclass(frozen=True)
class World:
    estate: Estate
    incidents: tuple[Incident, ...]

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What differs from world to world."""
        secrets = [f"{s.name}={s.secret} {s.incident_access}" for s in self.estate.secrets]
        incidents = [f"{i.id} {i.state} {i.scope} opened={i.opened}" for i in self.incidents]
        held = f"repo holds {self.estate.repositories[0].actions_secrets}"
        printer.text("\n".join(["World:", *secrets, *incidents, held]))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    places = draw(st.lists(_KV, min_size=2, max_size=6, unique=True)) + draw(
        st.lists(_DATABASE, max_size=2, unique=True)
    )
    access = st.sampled_from(IncidentAccess)
    secrets = tuple(
        replace(
            _template(type(place)),
            name=f"s{number}",
            secret=place,
            grants=(Grant("app", (Capability.READ,)),),
            incident_access=draw(access),
        )
        for number, place in enumerate(places)
    )
    static = [s.name for s in secrets if isinstance(s.secret, KvSecret)]
    held = tuple(ActionsSecret("COPY", name) for name in draw(st.lists(st.sampled_from(static), max_size=1)))
    repository = replace(TEMPLATE.repositories[0], name="repo", actions_secrets=held)
    app = replace(TEMPLATE.workloads[0], name="app")
    items = st.sampled_from([*(f"secret:{s.name}" for s in secrets), "repository:repo"])
    incidents = []
    for number in range(draw(st.integers(1, 3))):
        leaked = tuple(draw(st.lists(items, min_size=1, max_size=3, unique=True)))
        opened = tuple(draw(st.lists(items, max_size=1)))
        scope = Scope(True) if draw(st.integers(0, 4)) == 0 else Scope(False, leaked)
        state = State.LIFTED if draw(st.integers(0, 4)) == 0 else State.OPEN
        incidents.append(Incident(f"I{number}", scope, state, opened_at=number, opened=opened))
    return World(Estate(secrets, (), (), (app,), (), (repository,)), tuple(incidents))


def _open(world: World) -> list[Incident]:
    return [i for i in world.incidents if i.state is State.OPEN]


def _leaks(incident: Incident, policy: SecretAccessPolicy, estate: Estate) -> bool:
    held = {f"secret:{a.secret}" for a in estate.repositories[0].actions_secrets}
    leaked = set(incident.scope.leaked) | (held if "repository:repo" in incident.scope.leaked else set())
    return f"secret:{policy.name}" in leaked


def _forms(secret: KvSecret | DatabaseSecret) -> set[str]:
    if isinstance(secret, KvSecret):
        return {f"{secret.mount}/{form}/{secret.path}" for form in KV_FORMS}
    return {f"{secret.mount}/creds/{secret.role}"}


def _expected(world: World) -> set[str]:
    """What the gate must deny, in the words of the design. A role's leaked leases are revoked instead."""
    denied: set[str] = set()
    for policy in world.estate.secrets:
        item = f"secret:{policy.name}"
        unreplaced = [i for i in _open(world) if _leaks(i, policy, world.estate) and item not in i.opened]
        if unreplaced and isinstance(policy.secret, KvSecret):
            denied |= _forms(policy.secret)
        if policy.incident_access is IncidentAccess.DENY and any(i.scope.everything for i in _open(world)):
            denied.add(names.granted_path(policy))
    return denied


def _in_scope(world: World) -> set[str]:
    found: set[str] = set()
    for policy in world.estate.secrets:
        if any(i.scope.everything or _leaks(i, policy, world.estate) for i in _open(world)):
            found |= _forms(policy.secret)
    return found


def _candidates(estate: Estate) -> list[str]:
    """Every form of every secret, and what lies beside, above and below each."""
    found = set()
    for policy in estate.secrets:
        secret = policy.secret
        if isinstance(secret, KvSecret):
            near = {secret.path, f"{secret.path}c", f"{secret.path}/c", secret.path[:-1] or "z"}
            near |= {secret.path.rpartition("/")[0] or "z"}
            found |= {f"{secret.mount}/{form}/{path}" for form in KV_FORMS for path in near}
        else:
            kinds = ("creds", "static-creds", "roles", "rotate-role")
            found |= {f"{secret.mount}/{kind}/{secret.role}{end}" for kind in kinds for end in ("", "x", "/x")}
    return sorted(found | {f"{path}/" for path in found})


def _put(server: Server, world: World) -> None:
    impact = affected(world.estate, world.incidents)
    server.policy(names.GATE, gate.gate(impact))
    server.policy(names.QUARANTINE, gate.quarantine(impact))
    server.policy("pc-w-app", gate.own_policy(world.estate.workloads[0], world.estate, impact))
    for policy in world.estate.secrets:
        path = names.granted_path(policy)
        if isinstance(policy.secret, KvSecret) and path not in server.written:
            server.call("POST", path, {"data": {"value": "1"}})
            server.written.add(path)


def _holds(server: Server, world: World) -> dict[str, list[str]]:
    """What the server says that each token may do. Asked of a path with a slash at its end it answers for the listing,
    which the rule for the path without it decides."""
    paths, expected = _candidates(world.estate), _expected(world)
    free, own, gated = (server.capabilities(who, paths) for who in ("free", "own", "gated"))
    gated_own, quarantined = server.capabilities("gated-own", paths), server.capabilities("quarantined", paths)
    in_scope = _in_scope(world)
    for path in paths:
        shut = path.rstrip("/") in expected
        assert gated[path] == (["deny"] if shut else free[path]), path
        assert gated_own[path] == (["deny"] if shut else own[path]), path
        assert quarantined[path] == (["deny"] if path.rstrip("/") in in_scope else free[path]), path
    return gated


def _requests(secret: KvSecret | DatabaseSecret) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Nothing that changes a secret. Version 99 exists nowhere."""
    if isinstance(secret, DatabaseSecret):
        base = f"{secret.mount}/creds/{secret.role}"
        return [("GET", base, None), ("GET", base.replace("/creds/", "/static-creds/"), None)]

    def at(form: str, end: str = "") -> str:
        return f"{secret.mount}/{form}/{secret.path}{end}"

    reads = [at("data"), at("data", "?version=1"), at("metadata"), at("metadata", "/"), at("subkeys")]
    return [
        *(("GET", path, None) for path in reads),
        *(("LIST", at(form), None) for form in ("metadata", "data")),
        *(("POST", at(form), {"versions": [99]}) for form in ("delete", "undelete", "destroy")),
    ]


# Always the same worlds. Without shrinking, which on a real server takes minutes: they are small as they are.
_PROFILE = settings(
    max_examples=12, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate]
)


@_PROFILE
@given(world=worlds())
def test_exactly_what_leaked_is_denied(server: Server, world: World) -> None:
    _put(server, world)
    _holds(server, world)
    expected = _expected(world)
    for policy in world.estate.secrets:
        for method, path, body in _requests(policy.secret):
            free = server.status("free", method, path, body)
            wanted = 403 if path.partition("?")[0].rstrip("/") in expected else free
            assert server.status("gated", method, path, body) == wanted, (method, path)
            assert free != 403
        path = names.granted_path(policy)
        wanted = 403 if path in expected else server.status("own", "GET", path)
        assert server.status("gated-own", "GET", path) == wanted, path


@_PROFILE
@given(world=worlds())
def test_a_leaked_secret_cannot_be_deleted_by_any_spelling_of_its_path(server: Server, world: World) -> None:
    _put(server, world)
    for policy in world.estate.secrets:
        secret = policy.secret
        if not isinstance(secret, KvSecret) or not _forms(secret) <= _expected(world):
            continue
        for form in ("data", "metadata"):
            for end in ("", "/", "/.", "%2F"):
                status = server.status("gated", "DELETE", f"{secret.mount}/{form}/{secret.path}{end}")
                assert status == 403, (form, secret, end)
        held = server.call("GET", f"{secret.mount}/data/{secret.path}")["data"]
        assert held["data"] == {"value": "1"}


@_PROFILE
@given(world=worlds(), chosen=st.integers(0, 10))
def test_opening_frees_exactly_that_secret(server: Server, world: World, chosen: int) -> None:
    denied = [
        s for s in world.estate.secrets if isinstance(s.secret, KvSecret) and _forms(s.secret) <= _expected(world)
    ]
    if not denied:
        return
    policy = denied[chosen % len(denied)]
    item = f"secret:{policy.name}"
    _put(server, world)
    before = _holds(server, world)
    leaking = [i.id for i in _open(world) if _leaks(i, policy, world.estate)]
    for number, name in enumerate(leaking, 1):
        opened = tuple(replace(i, opened=(*i.opened, item)) if i.id == name else i for i in world.incidents)
        world = replace(world, incidents=opened)
        _put(server, world)
        after = _holds(server, world)
        freed = {path for path in before if before[path] == ["deny"] != after[path]}
        if number < len(leaking) and _forms(policy.secret) <= _expected(world):
            assert not freed, "another incident still holds it"
    by_class = {names.granted_path(policy)} & _expected(world)
    assert {path.rstrip("/") for path in freed} == _forms(policy.secret) - by_class
    status = server.status("gated", "GET", names.granted_path(policy))
    assert status == (403 if by_class else 200)
