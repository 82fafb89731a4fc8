"""Nobody's token makes itself more than it is: whoever writes policies makes no token, and the other way round.

`attack` does whatever its holder can think of, and uses each token that it comes by; with one right given back it must
succeed, or a failure of it would mean nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import pytest

from containment import names
from containment.compiled import operators
from policies.errors import Unreachable
from policies.load import load
from policies.model import CiRole, Workload
from sandbox.environment import Sandbox
from sandbox.estate import issuer_token

ALL = ["create", "read", "update", "delete", "list", "sudo"]
POWER = json.dumps({"path": {path: {"capabilities": ALL} for path in ("sys/*", "auth/*", "identity/*")}})
HOLDERS = ("operator", "containment", "prober", "rotator", "approver", "drift")
WRITERS = ("operator", "containment")
APPROLE, CI = "auth/approle/role/settlement", "auth/jwt/role/cicd"
IDENTITIES: list[Workload | CiRole] = [*load().workloads, *load().ci_roles]
ISSUE = [names.issue_role(i) for i in IDENTITIES if operators.issuable(i)]
ROLES = (names.PROBE_ROLE, names.APPLY_ROLE, ISSUE[0])
OWN = [names.own_policy(i) for i in IDENTITIES]
MINE = {"repository": "attacker/attacker"}
"""Claims of a JWT that the issuer signs for anybody."""
STOLEN = ["pc-evil", *names.SHARED, *OWN]


@dataclass(frozen=True, slots=True)
class Caller:
    sandbox: Sandbox
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, None when the server refuses it or knows no such thing."""
        try:
            return self.sandbox.openbao.call(method, path, body, token=self.token)
        except Unreachable as error:
            if re.search(r": 4\d\d ", str(error)):
                return None
            raise

    def refused(self, method: str, path: str, body: Any = None) -> bool:
        try:
            self.sandbox.openbao.call(method, path, body, token=self.token)
        except Unreachable as error:
            return ": 403 " in str(error)
        return False


def _root(sandbox: Sandbox) -> Caller:
    return Caller(sandbox, sandbox.openbao.root_token())


def _policy(sandbox: Sandbox, name: str) -> str:
    return str(_root(sandbox).ask("GET", f"sys/policies/acl/{name}")["data"]["policy"])


def _policies(sandbox: Sandbox) -> list[str]:
    return list(_root(sandbox).ask("LIST", "sys/policies/acl")["data"]["keys"])


def _holder(sandbox: Sandbox, name: str, edit: Callable[[str], str] = lambda text: text) -> Caller:
    """A token with that identity's policy, changed by `edit`."""
    text = edit(_policy(sandbox, f"portcullis-{name}"))
    root = _root(sandbox)
    root.ask("PUT", f"sys/policies/acl/scratch-{name}", {"policy": text})
    made = root.ask("POST", "auth/token/create-orphan", {"policies": [f"scratch-{name}"], "ttl": "10m"})
    return Caller(sandbox, made["auth"]["client_token"])


@pytest.fixture
def restored(sandbox: Sandbox) -> Iterator[None]:
    """Policies and the two roles as they were, whatever an attack did to them."""
    root = _root(sandbox)
    texts = {name: _policy(sandbox, name) for name in _policies(sandbox) if name != "root"}
    roles = {path: root.ask("GET", path)["data"] for path in (APPROLE, CI)}
    tokens = {role: root.ask("GET", f"auth/token/roles/{role}")["data"] for role in ROLES}
    yield
    for name in set(_policies(sandbox)) - {*texts, "root"}:
        root.ask("DELETE", f"sys/policies/acl/{name}")  # else what one holder wrote, the next one's token may carry
    for name, text in texts.items():
        root.ask("PUT", f"sys/policies/acl/{name}", {"policy": text})
    for path, held in roles.items():
        root.ask("DELETE", path)
        kept = {k: v for k, v in held.items() if v not in (None, [], {}, "")}
        root.sandbox.openbao.call("POST", path, kept, token=root.token)
    for role, held in tokens.items():
        root.sandbox.openbao.call("POST", f"auth/token/roles/{role}", held, token=root.token)


def attack(holder: Caller) -> bool:
    """Whether the operator's policy could be changed in the end."""
    sandbox = holder.sandbox
    before = _policy(sandbox, operators.OPERATOR)
    _write_policies(holder)
    _widen(holder)
    for token in [holder.token, *_tokens(holder)]:
        Caller(sandbox, token).ask("PUT", f"sys/policies/acl/{operators.OPERATOR}", {"policy": POWER})
    return _policy(sandbox, operators.OPERATOR) != before


def _write_policies(holder: Caller) -> None:
    for name in (*STOLEN, "default", *operators.POLICIES, "PC-../portcullis-operator", "pc-%2e%2e/portcullis-operator"):
        holder.ask("PUT", f"sys/policies/acl/{name}", {"policy": POWER})
    holder.ask("PUT", "sys/policy/pc-evil", {"policy": POWER})


def _widen(holder: Caller) -> None:
    """Token roles, identities and login methods."""
    wide = {"allowed_policies": [operators.BREAK_GLASS], "allowed_policies_glob": ["*"], "orphan": True}
    for role in ("mine", *ROLES):
        holder.ask("POST", f"auth/token/roles/{role}", wide)
    holder.ask("POST", "sys/auth/mine", {"type": "approle"})
    holder.ask("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [], "jwks_url": "https://127.0.0.1:1"})
    holder.ask("POST", "identity/entity", {"name": "mine", "policies": ["pc-evil"]})
    holder.ask("POST", "identity/group", {"name": "mine", "policies": ["pc-evil"]})


def _tokens(holder: Caller) -> list[str]:
    return [*_created(holder), *_by_approle(holder), *_by_jwt(holder)]


def _created(holder: Caller) -> list[str]:
    found = []
    chosen = [[name] for name in (*STOLEN, operators.BREAK_GLASS, operators.OPERATOR, "root")]
    bodies: list[dict[str, Any]] = [{}, *({"policies": policies} for policies in chosen)]
    bodies += [{"policies": ["pc-evil"], **more} for more in ({"no_parent": True}, {"type": "batch"})]
    bodies += [{**body, "meta": {"declarations": "0" * 64}} for body in bodies]
    for path in ("create", "create-orphan", "create/mine", f"create/{names.PROBE_ROLE}", f"create/{names.APPLY_ROLE}"):
        found += [holder.ask("POST", f"auth/token/{path}", body) for body in bodies]
    found += [holder.ask("POST", f"auth/token/create/{role}", {}) for role in ISSUE]
    return [answer["auth"]["client_token"] for answer in found if answer]


def _by_approle(holder: Caller) -> list[str]:
    """With a secret_id of one's own, and by a role that asks for none."""
    answers = []
    for body in (
        {"bind_secret_id": False, "token_bound_cidrs": ["127.0.0.1/32"]},
        {"bind_secret_id": "false", "secret_id_bound_cidrs": ["127.0.0.1/32"]},
        {"token_policies": ["pc-evil"]},
        {"policies": ["pc-evil"]},
    ):
        for again in (False, True):
            if again:
                holder.ask("DELETE", APPROLE)
            holder.ask("POST", APPROLE, body)
            holder.ask("POST", f"{APPROLE}/bind-secret-id", {"bind_secret_id": False})
            role_id = (holder.ask("GET", f"{APPROLE}/role-id") or {"data": {"role_id": ""}})["data"]["role_id"]
            secret_id = {"secret_id": token_urlsafe()}
            made = holder.ask("POST", f"{APPROLE}/custom-secret-id", secret_id)
            made = made or holder.ask("POST", f"{APPROLE}/secret-id", {})
            answers.append(holder.ask("POST", "auth/approle/login", {"role_id": role_id}))
            secret = {"secret_id": made["data"]["secret_id"]} if made else secret_id
            answers.append(holder.ask("POST", "auth/approle/login", {"role_id": role_id, **secret}))
    return [answer["auth"]["client_token"] for answer in answers if answer]


def _by_jwt(holder: Caller) -> list[str]:
    """With a JWT that is signed by the trusted issuer and is nobody's who is declared."""
    base = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["portcullis"], "token_policies": _of_ci()}
    wild = {"bound_claims_type": "glob", "bound_claims": {"repository": "*"}}
    jwt = issuer_token(holder.sandbox, {"sub": "attacker", **MINE})
    answers = []
    tries: list[dict[str, Any]] = [
        {"bound_claims": MINE},
        {"bound_claims": {}},
        wild,
        {},
        {"bound_subject": "attacker"},
    ]
    for claims in tries:
        for again in (False, True):
            if again:
                holder.ask("DELETE", CI)
            holder.ask("POST", CI, {**base, **claims})
            holder.ask("POST", CI, {"user_claim": "sub", "role_type": "jwt", **claims})
            answers.append(holder.ask("POST", "auth/jwt/login", {"role": "cicd", "jwt": jwt}))
    return [answer["auth"]["client_token"] for answer in answers if answer]


def _of_ci() -> list[str]:
    return next(names.token_policies(c) for c in load().ci_roles if c.name == "cicd")


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", HOLDERS)
def test_no_holder_of_one_token_changes_the_operators_policy(sandbox: Sandbox, name: str) -> None:
    roots = {policy: _policy(sandbox, policy) for policy in (*operators.POLICIES, "default")}
    token = _holder(sandbox, name)
    assert not attack(token)
    assert {policy: _policy(sandbox, policy) for policy in roots} == roots
    assert (_policy(sandbox, "pc-gate") == POWER) == (name in WRITERS), "what the attack is built on"
    root = _root(sandbox)
    assert root.ask("GET", "auth/token/roles/mine") is None
    assert root.ask("GET", f"auth/token/roles/{names.PROBE_ROLE}")["data"]["allowed_policies_glob"] == ["pc-*"]


@pytest.mark.usefixtures("restored")
def test_what_an_approver_makes_is_an_operators_token_and_no_more(sandbox: Sandbox) -> None:
    """Whoever holds both: neither makes a token with what the other wrote."""
    approver = _holder(sandbox, "approver")
    body = {"meta": {"declarations": "0" * 64}}
    made = approver.ask("POST", f"auth/token/create/{names.APPLY_ROLE}", body)["auth"]
    assert made["policies"] == ["default", operators.OPERATOR]
    operator = Caller(sandbox, made["client_token"])
    assert not attack(operator)
    assert _policy(sandbox, "pc-evil") == POWER
    assert not attack(approver), "after the operator wrote what it likes"


@pytest.mark.parametrize("name", [n for n in HOLDERS if n != "drift"])
def test_the_tokens_in_use_carry_these_policies_and_no_others(sandbox: Sandbox, name: str) -> None:
    caller = Caller(sandbox, (sandbox.root / "secrets" / f"{name}.token").read_text())
    held = caller.ask("GET", "auth/token/lookup-self")["data"]
    assert held["policies"] == ["default", f"portcullis-{name}"]
    assert not held["entity_id"]


def _and(path: str, *capabilities: str) -> Callable[[str], str]:
    rule = f"\npath {json.dumps(path)} {{ capabilities = {json.dumps(capabilities or ['create', 'update'])} }}\n"
    return lambda text: text + rule


def _free(parameter: str) -> Callable[[str], str]:
    """Any value of it."""

    def edit(text: str) -> str:
        edited = re.sub(rf"^    {parameter} = .*$", f"    {parameter} = []", text, flags=re.MULTILINE)
        assert edited != text
        return edited

    return edit


def _may_create(text: str) -> str:
    edited = re.sub(rf'(path "{CI}" {{\n  capabilities = \[)', r'\1"create", ', text)
    assert edited != text
    return edited


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("name", "given_back"),
    [
        *((n, _and(f"auth/token/create/{names.PROBE_ROLE}")) for n in WRITERS),
        *((n, _and(f"auth/token/create/{ISSUE[-1]}")) for n in WRITERS),
        ("approver", _and(f"auth/token/roles/{names.APPLY_ROLE}")),
        ("approver", _and("auth/token/create-orphan", "update", "sudo")),
        *((n, _and("auth/token/create", "update", "sudo")) for n in WRITERS),
        *((n, _and("auth/token/create-orphan", "update", "sudo")) for n in WRITERS),
        *((n, _and(f"{APPROLE}/secret-id")) for n in WRITERS),
        *((n, _and(f"{APPROLE}/custom-secret-id")) for n in WRITERS),
        *((n, _free("bound_claims")) for n in WRITERS),
        ("operator", _free("bind_secret_id")),
        ("operator", _may_create),
        ("rotator", _and("sys/policies/acl/pc-gate")),
        ("rotator", _and("sys/policies/acl/pc-w-settlement")),
        ("prober", _and("sys/policies/acl/pc-evil")),
        ("prober", _and(f"auth/token/roles/{names.PROBE_ROLE}")),
        ("rotator", _and(f"auth/token/roles/{ISSUE[0]}")),
        ("drift", _and("sys/policies/acl/*")),
    ],
)
def test_with_one_right_given_back_it_does(sandbox: Sandbox, name: str, given_back: Callable[[str], str]) -> None:
    assert attack(_holder(sandbox, name, given_back))


REQUESTS = [
    ("PUT", "sys/policies/acl/portcullis-operator", {"policy": POWER}),
    ("PUT", "sys/policy/pc-evil", {"policy": POWER}),
    ("POST", "auth/token/create", {"policies": ["pc-gate"]}),
    ("POST", "auth/token/create-orphan", {"policies": ["pc-gate"]}),
    ("POST", "auth/token/roles/mine", {"allowed_policies": ["pc-gate"]}),
    ("POST", "auth/token/roles/pc-probe", {"allowed_policies_glob": ["*"]}),
    ("POST", APPROLE, {"token_policies": ["pc-evil"]}),
    ("POST", APPROLE, {"policies": ["pc-evil"]}),
    ("POST", APPROLE, {"token_policies": [*names.SHARED, "pc-w-settlement", "pc-evil"]}),
    ("POST", APPROLE, {"bind_secret_id": False, "token_bound_cidrs": ["127.0.0.1/32"]}),
    ("POST", APPROLE, {"token_type": "batch"}),
    ("POST", APPROLE, {"token_no_default_policy": True}),
    ("POST", APPROLE, {"token_period": "24h"}),
    ("POST", f"{APPROLE}/policies", {"token_policies": "pc-evil"}),
    ("POST", f"{APPROLE}/role-id", {"role_id": "mine"}),
    ("POST", f"{APPROLE}/custom-secret-id", {"secret_id": "attackers-own-secret-id"}),
    ("POST", "auth/approle/role/mine", {"token_policies": ["pc-evil"]}),
    ("POST", CI, {"token_policies": ["pc-evil"], "bound_claims": MINE, "role_type": "jwt", "user_claim": "sub"}),
    ("POST", CI, {"bound_claims": MINE, "role_type": "jwt", "user_claim": "sub"}),
    ("POST", CI, {"bound_claims_type": "glob", "role_type": "jwt", "user_claim": "sub"}),
    ("POST", CI, {"user_claim": "repository", "role_type": "jwt"}),
    ("POST", CI, {"bound_subject": "attacker", "role_type": "jwt", "user_claim": "sub"}),
    ("POST", "auth/jwt/role/mine", {"bound_claims": MINE, "role_type": "jwt", "user_claim": "sub"}),
    ("POST", "auth/jwt/role/portcullis-drift", {"bound_claims": MINE, "role_type": "jwt", "user_claim": "sub"}),
    ("POST", "auth/jwt/config", {"jwt_validation_pubkeys": []}),
    ("POST", "identity/entity", {"name": "mine", "policies": ["pc-evil"]}),
    ("POST", "identity/entity/name/mine", {"policies": ["pc-evil"]}),
    ("POST", "identity/entity/id/{entity}", {"policies": ["pc-evil"]}),
    ("POST", "identity/entity-alias", {"name": "x", "canonical_id": "{entity}", "mount_accessor": "x"}),
    ("POST", "identity/group", {"name": "mine", "policies": ["pc-evil"], "member_entity_ids": ["{entity}"]}),
    ("POST", "identity/entity/merge", {"from_entity_ids": ["{entity}"], "to_entity_id": "{entity}"}),
    ("POST", "sys/auth/mine", {"type": "approle"}),
    ("POST", "sys/namespaces/mine", {}),
    ("POST", "sys/remount", {"from": "secret", "to": "elsewhere"}),
]


def _asked(sandbox: Sandbox, request: tuple[str, str, Any]) -> tuple[str, str, Any]:
    """`{entity}`: that of a workload which has logged in."""
    entity = _root(sandbox).ask("LIST", "identity/entity/id")["data"]["keys"][0]
    method, path, body = request
    return method, path.replace("{entity}", entity), json.loads(json.dumps(body).replace("{entity}", entity))


@pytest.fixture(scope="module")
def entity(sandbox: Sandbox) -> None:
    root = _root(sandbox)
    role_id = root.ask("GET", f"{APPROLE}/role-id")["data"]["role_id"]
    secret_id = root.ask("POST", f"{APPROLE}/secret-id", {})["data"]["secret_id"]
    assert root.ask("POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})


@pytest.mark.usefixtures("entity", "restored")
@pytest.mark.parametrize("name", HOLDERS)
def test_each_step_by_itself_is_refused(sandbox: Sandbox, name: str) -> None:
    holder = _holder(sandbox, name)
    assert [r[:2] for r in REQUESTS if not holder.refused(*_asked(sandbox, r))] == []


@pytest.mark.usefixtures("entity", "restored")
def test_it_is_the_token_that_is_refused_and_not_the_request(sandbox: Sandbox) -> None:
    """Last: it leaves behind what root may do."""
    root = _root(sandbox)
    assert [r[:2] for r in REQUESTS if root.refused(*_asked(sandbox, r))] == []


@pytest.mark.parametrize(
    "body",
    [{"no_default_policy": True}, {"period": "24h"}, {"type": "batch"}, {"no_parent": False}, {"meta": {"a": "b"}}],
)
def test_a_probe_token_is_a_plain_one(sandbox: Sandbox, body: dict[str, Any]) -> None:
    holder, path = _holder(sandbox, "prober"), f"auth/token/create/{names.PROBE_ROLE}"
    assert holder.refused("POST", path, {"policies": ["pc-gate"], **body})
    made = holder.ask("POST", path, {"policies": ["pc-gate"], "ttl": "24h"})
    assert made["auth"]["lease_duration"] <= 120
    assert holder.ask("POST", path, {"policies": ["portcullis-operator"]}) is None
