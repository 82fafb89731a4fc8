"""What is said of who reaches what, held against a real server: each of them logs in, and is answered or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from access.questions import perhaps, reach, who
from access.rule import DENIED, Capability
from access.snapshot import Principal, PrincipalKind, Snapshot
from access.sources import declared, live
from access.sources.identities import Identities
from containment import names
from containment.adapters.vault import HvacVault
from containment.compiled import operators
from policies.errors import Unreachable
from policies.load import load
from policies.model import AuthMethod, CiRole, Workload
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import issuer_token
from tests.integration.prepared import Prepared

BY_GROUP, BY_NESTED = "secret/data/deploy/exchange-key", "secret/metadata/foreign/nested"
BY_ENTITY, BY_POLICY = "secret/data/foreign/entity", "secret/data/foreign/people"
BY_TEMPLATE = "secret/data/people/alice"
PATHS = (
    *(BY_GROUP, BY_NESTED, BY_ENTITY, BY_POLICY, BY_TEMPLATE),
    *("secret/data/trading/exchange", "secret/data/trading/exchange/", "secret/metadata/trading/exchange"),
    *("database/creds/settlement-readonly", "transit/decrypt/orders", "pki/issue/web", "sys/policies/acl/pc-gate"),
    *("auth/token/lookup-self", "auth/token/create/pc-probe", "auth/token/accessors", "sys/namespaces"),
)
READ = [p for p in PATHS if "/creds/" not in p]
LISTS = {Capability.LIST, Capability.SCAN}
POLICIES: dict[str, dict[str, list[str]]] = {
    "foreign-group": {BY_GROUP: ["read"], "transit/decrypt/*": ["update"]},
    "foreign-nested": {"secret/metadata/foreign/*": ["read", "list"], "pki/issue/+": ["create", "update"]},
    "foreign-entity": {BY_ENTITY: ["read", "patch"], "secret/data/trading/+": ["read"]},
    "foreign-people": {BY_POLICY: ["read"], "secret/data/people/{{identity.entity.name}}": ["create", "read"]},
    "foreign-deny": {"secret/*": ["read", "list"], "secret/data/trading/exchange": ["deny"]},
    "foreign-nothing": {"sys/portcullis-none": ["deny"]},
    "foreign-loose": {"secret/data/+/exchange": ["read"], "sys/namespaces/": ["list"]},
}
PASSWORD = "only-for-the-test"
IDENTITIES: list[Workload | CiRole] = [*load().workloads, *load().ci_roles]


class Server:
    def __init__(self, box: Sandbox) -> None:
        self.box, self.root = box, box.openbao.root_token()

    def __call__(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        return self.box.openbao.call(method, path, body, token=token or self.root)

    def vault(self, token: str | None = None) -> HvacVault:
        return HvacVault.from_environment({**self.box.environ_unchecked(), "VAULT_TOKEN": token or self.root})

    def snapshot(self) -> Snapshot:
        return live.snapshot(self.vault(), load())

    def refuses(self, token: str, path: str) -> bool:
        try:
            self("GET", path, token=token)
        except Unreachable as error:
            return ": 403 " in str(error)
        return False

    def capabilities(self, token: str, paths: list[str]) -> Mapping[str, list[str]]:
        answer = self("POST", "sys/capabilities", {"token": token, "paths": paths})
        return answer.get("data", answer)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def server(local: Prepared) -> Iterator[Server]:
    with local.fresh() as box:
        made = Server(box)
        _foreign(made)
        yield made


def _foreign(server: Server) -> None:
    """What nobody declared: policies that come by a group, by a group of groups, by an entity, by a person's login."""
    for name, paths in POLICIES.items():
        text = json.dumps({"path": {path: {"capabilities": can} for path, can in paths.items()}})
        server("PUT", f"sys/policies/acl/{name}", {"policy": text})
    for mount, kind in (("transit", "transit"), ("pki", "pki")):
        server("POST", f"sys/mounts/{mount}", {"type": kind})
    server("POST", "transit/keys/orders", {})
    server("POST", "pki/roles/web", {"allowed_domains": ["example.test"], "max_ttl": "1h"})
    server("POST", "sys/auth/people", {"type": "userpass"})
    for person in ("alice", "bob"):
        body = {"password": PASSWORD, "token_policies": ["foreign-people"], "token_no_default_policy": person == "bob"}
        server("POST", f"auth/people/users/{person}", body)
        entity = _entity_of(server("POST", f"auth/people/login/{person}", {"password": PASSWORD}))
        server("POST", f"identity/entity/id/{entity}", {"name": person})
    server("POST", "auth/people/users/rooted", {"password": PASSWORD, "token_policies": ["root"]})
    server("POST", "auth/people/users/disabled", {"password": PASSWORD, "token_policies": ["foreign-people"]})
    disabled = _entity_of(server("POST", "auth/people/login/disabled", {"password": PASSWORD}))
    server("POST", f"identity/entity/id/{disabled}", {"disabled": True, "name": "disabled"})
    server("POST", "auth/approle/role/foreign", {"token_policies": ["foreign-deny"]})
    for portable in ("portable", "bare"):
        body = {"allowed_policies_glob": ["foreign-*"], "disallowed_policies": ["foreign-loose"]}
        server("POST", f"auth/token/roles/{portable}", {**body, "token_no_default_policy": portable == "bare"})
    claims = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": [names.AUDIENCE]}
    server("POST", "auth/jwt/role/anybody", {**claims, "token_policies": ["foreign-people"]})
    in_group = _entity_of(_login(server, _declared("settlement")))
    with_policy = _entity_of(_login(server, _declared("risk-engine")))
    server("POST", f"identity/entity/id/{with_policy}", {"policies": ["foreign-entity"]})
    group = {"name": "ops", "policies": ["foreign-group"], "member_entity_ids": [in_group]}
    inner = server("POST", "identity/group", group)["data"]["id"]
    outer = {"name": "everyone", "policies": ["foreign-nested"], "member_group_ids": [inner]}
    server("POST", "identity/group", outer)
    for role in load().ci_roles:
        _login(server, role)


def _declared(name: str) -> Workload | CiRole:
    return next(i for i in IDENTITIES if i.name == name)


def _entity_of(login: Any) -> str:
    return str(login["auth"]["entity_id"])


def _login(server: Server, identity: Workload | CiRole) -> Any:
    if isinstance(identity, Workload) and identity.auth is AuthMethod.APPROLE:
        return _by_approle(server, identity.name)
    jwt = issuer_token(server.box, dict(identity.bound_claims))
    return server("POST", "auth/jwt/login", {"role": identity.name, "jwt": jwt})


def _by_approle(server: Server, role: str) -> Any:
    base = f"auth/approle/role/{role}"
    ids = {"role_id": server("GET", f"{base}/role-id")["data"]["role_id"]}
    ids["secret_id"] = server("POST", f"{base}/secret-id", {})["data"]["secret_id"]
    return server("POST", "auth/approle/login", ids)


def token(server: Server, principal: Principal) -> str:
    """Of that principal, as one comes by it."""
    made = _made(server, principal)
    return str(made["auth"]["client_token"])


def _made(server: Server, principal: Principal) -> Any:
    name, _, entity = principal.name.partition(" as entity ")
    match principal.kind:
        case PrincipalKind.WORKLOAD | PrincipalKind.CI_ROLE:
            assert not entity or principal.kind is PrincipalKind.CI_ROLE
            return _login(server, _declared(name))
        case PrincipalKind.LOGIN_ROLE if name.startswith("auth/people/"):
            user = name.rpartition("/")[2]
            return server("POST", f"auth/people/login/{user}", {"password": PASSWORD})
        case PrincipalKind.LOGIN_ROLE if name.startswith("auth/approle/"):
            return _by_approle(server, name.rpartition("/")[2])
        case PrincipalKind.LOGIN_ROLE:
            assert principal.entity is None or principal.entity.aliases
            subject = principal.entity.aliases[0].name if principal.entity else "nobody-yet"
            jwt = issuer_token(server.box, {"sub": subject})
            return server("POST", "auth/jwt/login", {"role": name.rpartition("/")[2], "jwt": jwt})
        case PrincipalKind.TOKEN_ROLE:
            role, _, policy = name.removeprefix("auth/token/roles/").partition(" with ")
            policy, _, without = policy.partition(", without ")
            return server(
                "POST", f"auth/token/create/{role}", {"policies": [policy], "no_default_policy": bool(without)}
            )
        case PrincipalKind.ENTITY:
            assert principal.entity is not None
            return _as_entity(server, principal.entity.id)
        case PrincipalKind.GROUP:
            return _as_member(server, name)
        case PrincipalKind.OPERATOR | PrincipalKind.POLICY:
            body = {"policies": [name], "no_default_policy": True, "ttl": "10m"}
            return server("POST", "auth/token/create-orphan", body)


def _as_entity(server: Server, entity: str) -> Any:
    """A token with nothing of its own."""
    accessor = server("GET", "sys/auth")["data"]["token/"]["accessor"]
    alias = {"name": f"t-{entity}", "canonical_id": entity, "mount_accessor": accessor}
    server("POST", "identity/entity-alias", alias)
    role = {"allowed_policies": ["foreign-nothing"], "allowed_entity_aliases": ["t-*"], "token_no_default_policy": True}
    server("POST", "auth/token/roles/as-entity", role)
    return server("POST", "auth/token/create/as-entity", {"entity_alias": f"t-{entity}", "no_default_policy": True})


def _as_member(server: Server, group: str) -> Any:
    """Of a new entity whose only group it is."""
    held = server("GET", f"identity/group/name/{group}")["data"]
    entity = server("POST", "identity/entity", {"name": f"member-{group}"})
    identifier = (entity or server("GET", f"identity/entity/name/member-{group}"))["data"]["id"]
    members = [*(held["member_entity_ids"] or ()), identifier]
    server("POST", f"identity/group/id/{held['id']}", {"member_entity_ids": members})
    return _as_entity(server, identifier)


@dataclass(frozen=True)
class Answers:
    """What the server says a token may, by path, and which paths it refuses to be read."""

    capabilities: Mapping[str, list[str]]
    refused: frozenset[str]


SLASHED = [p if p.endswith("/") else f"{p}/" for p in PATHS]


def asked(server: Server, token: str) -> Answers:
    told = server.capabilities(token, [*PATHS, *SLASHED])
    return Answers(told, frozenset(path for path in READ if server.refuses(token, path)))


def disagreements(held: Snapshot, answers: Mapping[str, Answers]) -> list[str]:
    """Between what is said of each and what its token gets: by `sys/capabilities`, and by really reading."""
    found = []
    for principal in held.principals:
        got = answers[str(principal)]
        told = got.capabilities
        for path, slash in zip(PATHS, SLASHED, strict=True):
            plain, said = {Capability(c) for c in told[path]}, reach(principal, path).capabilities
            if principal.acl.capabilities(path) != plain:
                found.append(f"{principal}: {path}: {sorted(plain)}, not {sorted(principal.acl.capabilities(path))}")
            listed = {Capability(c) for c in told[slash]} & LISTS
            if path != slash and said != (plain - LISTS - DENIED) | listed:
                found.append(f"{principal}: {path}: {sorted(plain)} and {sorted(listed)}, not {sorted(said)}")
        for path in READ:
            said = reach(principal, path).capabilities
            if (path in got.refused) != (not said & {Capability.READ, Capability.ROOT}):
                found.append(f"{principal}: reading {path}: said {sorted(said)}")
    return found


@pytest.fixture(scope="module")
def held(server: Server) -> Snapshot:
    return server.snapshot()


REFUSED = ("rooted", "disabled")
"""Who is let in nowhere: a login never gets the root policy, and an entity can be switched off."""


def _refused(principal: Principal) -> bool:
    return principal.name.rpartition("/")[2].removeprefix("anybody as entity ") in REFUSED


@pytest.fixture(scope="module")
def tokens(server: Server, held: Snapshot) -> dict[str, str]:
    return {str(p): token(server, p) for p in held.principals if not _refused(p)}


@pytest.fixture(scope="module")
def answers(server: Server, tokens: dict[str, str]) -> dict[str, Answers]:
    return {name: asked(server, token) for name, token in tokens.items()}


def _let_in(held: Snapshot, answers: dict[str, Answers]) -> Snapshot:
    return replace(held, principals=tuple(p for p in held.principals if str(p) in answers))


def test_each_of_them_gets_what_is_said(held: Snapshot, answers: dict[str, Answers]) -> None:
    assert held.unread == ()
    assert {p.kind for p in held.principals if str(p) in answers} == set(PrincipalKind)
    assert disagreements(_let_in(held, answers), answers) == []


def test_who_is_refused_at_the_door_reaches_nothing(server: Server, held: Snapshot) -> None:
    refused = [p for p in held.principals if _refused(p)]
    assert {p.name for p in refused} == {"auth/people/users/rooted", "auth/people/users/disabled", "disabled"}
    assert not [r for p in refused for path in PATHS if (r := reach(p, path)).capabilities]
    for user in REFUSED:
        with pytest.raises(Unreachable, match=r": 40[03] "):
            server("POST", f"auth/people/login/{user}", {"password": PASSWORD})


@pytest.mark.parametrize("blind", ["groups", "identities"])
def test_a_source_that_sees_less_disagrees(
    server: Server, answers: dict[str, Answers], monkeypatch: pytest.MonkeyPatch, blind: str
) -> None:
    plain = Identities._all
    if blind == "groups":
        without = staticmethod(lambda reader, kind: {} if kind == "group" else plain(reader, kind))
        monkeypatch.setattr(Identities, "_all", without)
    else:
        monkeypatch.setattr(Identities, "attached", lambda *_: ())
    seen = server.snapshot()
    assert any(reason.startswith("identity/group/id/") for reason in seen.unread) == (blind == "groups")
    found = {line.partition(": ")[0] for line in disagreements(_let_in(seen, answers), answers)}
    assert "workload settlement" in found
    assert ("workload risk-engine" in found) == (blind == "identities")


@pytest.mark.parametrize(
    ("path", "name", "through"),
    [
        (BY_GROUP, "workload settlement", "identity group ops"),
        (BY_NESTED, "workload settlement", "identity group everyone, by a group that is a member of it"),
        (BY_NESTED, "group ops", "member of identity group everyone"),
        (BY_ENTITY, "workload risk-engine", "entity "),
        (BY_POLICY, "login role auth/people/users/alice", "role auth/people/users/alice, token_policies"),
        (BY_TEMPLATE, "login role auth/people/users/alice", "role auth/people/users/alice, token_policies"),
    ],
)
def test_it_says_through_what(held: Snapshot, path: str, name: str, through: str) -> None:
    found = {str(r.principal): r for r in who(held, [path])}
    assert [way for way in found[name].through if way.startswith(through)]
    assert "login role auth/people/users/bob" not in found or path != BY_TEMPLATE


def test_declarations_say_of_the_declared_what_the_server_says(held: Snapshot) -> None:
    """Beside `default`, and what was done to two of them behind the declarations' back."""
    said = {str(p): p for p in declared.snapshot(load()).principals}
    widened = {"workload settlement", "workload risk-engine"}
    for principal in held.principals:
        if str(principal) in said and str(principal) not in widened:
            own = replace(principal, attached=tuple(a for a in principal.attached if a.policy.name != "default"))
            paths = {g.pattern.text for p in (own, said[str(principal)]) for g in p.acl.grants}
            differ = [p for p in paths if reach(own, p).capabilities != reach(said[str(principal)], p).capabilities]
            assert not differ, principal


def _access(server: Server, *argv: str, vault_token: str) -> tuple[int, Any, str]:
    env = {**os.environ, **server.box.environ(), "VAULT_TOKEN": vault_token}
    command = [sys.executable, "-m", "rotation", "access", *argv, "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_the_command_says_what_a_request_gives(server: Server) -> None:
    code, answer, _ = _access(server, "who", "transit/decrypt/orders", "--live", vault_token=server.root)
    assert code == 0
    assert answer["stands_for"]["role"] == "orders"
    assert "group ops" in {f"{entry['kind']} {entry['name']}" for entry in answer["reach"]}
    code, answer, _ = _access(server, "of", "settlement", "--live", vault_token=server.root)
    grants = {grant["path"]: grant for grant in answer["principals"][0]["grants"]}
    target = grants["database/creds/settlement-readonly"]["stands_for"][0]
    assert (code, target["groups"], target["connection"]) == (0, ["tradepulse_readonly"], "tradepulse")


def test_the_drift_policy_reads_all_but_engines_that_are_not_declared(server: Server) -> None:
    made = server("POST", "auth/token/create-orphan", {"policies": [operators.DRIFT], "ttl": "10m"})
    code, answer, said = _access(server, "who", BY_GROUP, "--live", vault_token=made["auth"]["client_token"])
    assert code == 3, said
    assert [reason.partition(":")[0] for reason in answer["unread"]] == ["pki/roles", "transit/keys"]
    assert "workload settlement" in {f"{entry['kind']} {entry['name']}" for entry in answer["reach"]}


def test_what_the_operator_may_not_read_is_named(server: Server) -> None:
    operator = server.box.environ()["VAULT_TOKEN"]
    code, answer, said = _access(server, "who", BY_GROUP, "--live", vault_token=operator)
    assert code == 3
    assert any(reason.startswith("database/static-roles: refused") for reason in answer["unread"])
    assert operators.DRIFT in said


def test_explain_fills_in_a_real_entity(server: Server) -> None:
    argv = ("explain", "--live", "--policy", "foreign-people", "--entity", "alice", BY_TEMPLATE)
    code, answer, _ = _access(server, *argv, vault_token=server.root)
    assert (code, answer["capabilities"], answer["unresolved"]) == (0, ["create", "read"], [])
    code, answer, _ = _access(server, *argv[:4], BY_TEMPLATE, vault_token=server.root)
    assert (code, answer["capabilities"], len(answer["unresolved"])) == (0, ["deny"], 1)


def test_who_may_come_to_reach_a_templated_path_does(server: Server, held: Snapshot) -> None:
    path, role = "secret/data/people/zed", "login role auth/jwt/role/anybody"
    assert role in {str(p.principal) for p in perhaps(held, [path])}
    assert role not in {str(r.principal) for r in who(held, [path])}
    jwt = issuer_token(server.box, {"sub": "a-new-one"})
    login = server("POST", "auth/jwt/login", {"role": "anybody", "jwt": jwt})
    assert server.refuses(login["auth"]["client_token"], path)
    server("POST", f"identity/entity/id/{_entity_of(login)}", {"name": "zed"})
    assert not server.refuses(login["auth"]["client_token"], path)
