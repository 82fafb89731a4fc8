"""What an administrator does once before Pulumi can work: identities, login methods, the store. Idempotent.

Root is used here and nowhere else; on a real server an administrator does the same by hand or by their own code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containment import names
from containment.compiled import gate, logins, onboarding, operators
from policies.load import load
from policies.model import AuthMethod, Estate, KvSecret, SecretAccessPolicy
from sandbox.process import remembered, write_private

if TYPE_CHECKING:
    from sandbox.environment import Sandbox

TRADING_KEYS = ("exchange-trading-key", "exchange-trading-key-staging")
"""The exchange's keys that place orders; all others only read."""
_TTL = {"default_lease_ttl": "768h", "max_lease_ttl": "768h"}


def prepare(sandbox: Sandbox, progress: Callable[[str], None]) -> None:
    """Onboard OpenBao for the declared estate. Run again after the declarations changed: it converges."""
    estate = load()
    bao = sandbox.openbao
    root = bao.root_token()

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return bao.call(method, path, body, token=root)

    if f"{names.STORE}/" not in call("GET", "sys/mounts")["data"]:
        progress("onboarding OpenBao: store, login methods, operator and break-glass identities")
        call("POST", f"sys/mounts/{names.STORE}", {"type": "kv", "options": {"version": "2"}})
    when_versioned(lambda: call("POST", f"{names.STORE}/config", onboarding.STORE_CONFIG))
    methods = call("GET", "sys/auth")["data"]
    for method in (names.APPROLE, names.JWT):
        if f"{method}/" not in methods:
            call("POST", f"sys/auth/{method}", {"type": method})
    # An attacker who goes on with a dead secret_id would lock the workload itself out, its new secret_id too: by
    # default five failures shut an alias for 15 minutes. Nobody guesses a secret_id, so it protects nothing.
    call("POST", f"sys/auth/{names.APPROLE}/tune", {"user_lockout_config": {"lockout_disable": True}})
    _trust_issuer(sandbox, call)
    for role, parameters in onboarding.token_roles(estate).items():
        call("POST", f"auth/token/roles/{role}", parameters)
    identities = logins.identities(estate)
    there = _keys(bao, f"auth/{names.JWT}/role", root)
    for identity in identities:
        if names.login_method(identity) == names.JWT and identity.name not in there:
            call("POST", names.login_role(identity), operators.jwt_role())
    for name, text in onboarding.keeper_policies(estate).items():
        call("PUT", f"sys/policies/acl/{name}", {"policy": text})
    existing = set(call("LIST", "sys/policies/acl")["data"]["keys"])
    if names.QUARANTINE not in existing:
        call("PUT", f"sys/policies/acl/{names.QUARANTINE}", {"policy": gate.open_policy()})
    for name in (p for p in operators.POLICIES if p != operators.DRIFT):
        file = sandbox.root / "secrets" / f"{name.removeprefix('portcullis-')}.token"
        if not file.exists():
            made = call("POST", "auth/token/create-orphan", {"policies": [name], "period": "24h", "display_name": name})
            write_private(file, made["auth"]["client_token"])


def when_versioned(act: Callable[[], object], seconds: float = 10.0) -> None:
    """A KV version 2 store that was just made answers 400 for a moment, while it is being set up."""
    from policies.errors import Unreachable

    end = time.monotonic() + seconds
    while True:
        try:
            act()
        except Unreachable as error:
            if "Upgrading from non-versioned" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _trust_issuer(sandbox: Sandbox, call: Callable[..., Any]) -> None:
    """The CI system's issuer is a key pair of the sandbox; `issuer_token` signs as it would."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    file = sandbox.root / "secrets" / "ci-issuer.key"
    if not file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(file, pem.decode())
    private = serialization.load_pem_private_key(file.read_bytes(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    call("POST", f"auth/{names.JWT}/config", {"jwt_validation_pubkeys": [public.decode()]})


def issuer_token(sandbox: Sandbox, claims: dict[str, str]) -> str:
    """A JWT as the CI system would sign it, valid for five minutes."""
    import time

    import jwt

    now = int(time.time())
    body = {"sub": "ci", "aud": "portcullis", "iat": now, "exp": now + 300, **claims}
    return jwt.encode(body, (sandbox.root / "secrets" / "ci-issuer.key").read_text(), algorithm="ES256")


def seed(sandbox: Sandbox, progress: Callable[[str], None]) -> None:
    """Values for the declared static and Actions secrets that have none, once Pulumi has made the mounts."""
    import secrets

    from containment.adapters.exchange import HttpExchange
    from containment.adapters.github import GithubHost

    estate: Estate = load()
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    ports = remembered(sandbox.root / "ports.json", "exchange")
    exchange = HttpExchange(
        f"https://127.0.0.1:{ports['exchange']}",
        sandbox.root / "secrets" / "exchange.admin.json",
        str(Path(sandbox.root / "ca.pem")),
    )
    for policy in estate.secrets:
        if not isinstance(policy.secret, KvSecret) or _exists(bao, policy.secret, root):
            continue
        progress(f"seeding {policy.name}")
        data = {"value": secrets.token_urlsafe(24)} if policy.key_issuer is None else _exchange_key(exchange, policy)
        bao.call("POST", f"{policy.secret.mount}/data/{policy.secret.path}", {"data": data}, token=root)
    github = GithubHost.from_environment(sandbox.environ_unchecked())
    for repository in estate.repositories:
        for copy in repository.actions_secrets:
            if github.actions_secret_updated(repository.name, copy.name) is None:
                progress(f"seeding {copy.name} of {repository.name}")
                path = names.granted_path(next(s for s in estate.secrets if s.name == copy.secret))
                value = names.actions_value(bao.call("GET", path, token=root)["data"]["data"])
                github.put_actions_secret(repository.name, copy.name, value)


def deliver(sandbox: Sandbox) -> None:
    """Hand each AppRole workload that has none its role_id and a secret_id, as an administrator would."""
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    sandbox.delivered.mkdir(mode=0o700, exist_ok=True)
    for workload in load().workloads:
        file = sandbox.delivered / f"{workload.name}.json"
        if workload.auth is not AuthMethod.APPROLE or file.exists():
            continue
        base = f"auth/{names.APPROLE}/role/{workload.name}"
        role_id = bao.call("GET", f"{base}/role-id", token=root)["data"]["role_id"]
        secret_id = bao.call("POST", f"{base}/secret-id", {}, token=root)["data"]["secret_id"]
        write_private(file, json.dumps({"role_id": role_id, "secret_id": secret_id}))


def _exists(bao: Any, secret: KvSecret, token: str) -> bool:
    folder, _, leaf = secret.path.rpartition("/")
    return leaf in _keys(bao, f"{secret.mount}/metadata/{folder}", token)


def _keys(bao: Any, path: str, token: str) -> list[str]:
    """Empty when there is nothing, which the server answers with 404."""
    from policies.errors import Unreachable

    try:
        return list(bao.call("LIST", path, token=token)["data"]["keys"])
    except Unreachable as error:
        if " 404 " in str(error):
            return []
        raise


def _exchange_key(exchange: Any, policy: SecretAccessPolicy) -> dict[str, str]:
    if policy.key_issuer is None:
        return {}
    may = ["trade", "read"] if policy.name in TRADING_KEYS else ["read"]
    key, secret = exchange.create_key(policy.key_issuer.account, policy.name, policy.description[:60], may)
    return {"api_key": key, "api_secret": secret}
